# Around the wrapper where Image Builder runs it: what it answers goes to the log group as numbered lines, and the component
# ends as its bundle did.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.
# shellcheck disable=SC2154 # AF_* are set before this, by the component and by the wrapper.

# af_component LABEL: runs what AF_BUNDLES says, prints the answer, and ends.
af_component() {
    af_said "$1"
    [ "$AF_SAID" = 0 ] || exit "$AF_SAID"
    af_all_well || exit 1
    exit 0
}

# af_said LABEL: prints the wrapper's answer. Sets AF_SAID to its exit status.
af_said() {
    local dir
    AF_SAID=0
    # What begins with `work.` is not kept over a restart of the machine.
    dir=$(mkdir -p "$AF_MEMORY" && chmod 0700 "$AF_MEMORY" && mktemp -d "$AF_MEMORY/work.XXXXXX") || exit 1
    (af_command) >"$dir/said" || AF_SAID=$?
    # The machine starts again now, and all of this runs once more.
    [ "$AF_SAID" != 194 ] || exit 194
    af_lines "$1" "$dir/said"
    rm -rf "$dir"
}

# af_lines LABEL FILE: each line says what it is of, how long that is, and which line of it it is, so that it shows where one
# is lost, cut, or there twice. Spaces and line ends are other signs on the way: logs may trim them.
af_lines() {
    local sum
    LC_ALL=C tr '\n ' '~_' <"$2" | LC_ALL=C tr -c '!-~' '?' >"$2.text"
    sum=$(sha256sum <"$2.text")
    af_size "$2.text"
    fold -w "$AF_LINE" "$2.text" | awk -v head="amifactory-result 1 $1 ${sum%% *} $AF_SIZE" '{ print head, NR, $0 }'
}

# af_all_well: each bundle ran to its end, and no step failed that must not. Controls that can't be applied show in their
# audits.
af_all_well() {
    local entry
    for entry in $AF_BUNDLES; do
        af_name "${entry%%:*}"
        af_ended_whole || return 1
        gzip -dc "$AF_DIR/results.gz" | awk '
            index($0, "{\"step\":\"control/") == 1 { next }
            index($0, "{\"step\":") == 1 && !index($0, "\",\"rc\":0,") { wrong = 1 }
            END { exit wrong }' || return 1
    done
}
