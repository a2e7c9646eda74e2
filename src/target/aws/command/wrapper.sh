# What SSM Run Command carries to a builder: runs bundles once each, keeps their results, answers within the limits of
# GetCommandInvocation. The lines before this set what to do; the call of af_command is the last line.
# Standard output holds nothing but the answer: after a restart the agent goes on writing to the same output.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.
# shellcheck disable=SC2154 # AF_* are set in the command's first lines.

# Results stay in the image; logs and scripts are in memory, and are not imaged.
AF_STATE=${AMIFACTORY_ROOT:-}/var/lib/amifactory
AF_MEMORY=${AMIFACTORY_ROOT:-}/run/amifactory

# af_fail WORD...: this command can't answer; the builder is as it was.
af_fail() {
    printf 'amifactory failed 1 %s\n' "$*"
    exit 1
}

af_command() {
    LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    export LC_ALL PATH
    umask 077
    cd / || af_fail "there is no folder /"
    command -v flock >/dev/null || af_fail "there is no program flock: the base needs util-linux"
    { mkdir -p "$AF_STATE" "$AF_MEMORY" && chmod 0700 "$AF_STATE" "$AF_MEMORY"; } || af_fail "can't write $AF_STATE"
    AF_WORK=$(mktemp -d "$AF_MEMORY/work.XXXXXX") || af_fail "can't write $AF_MEMORY"
    trap 'rm -rf "$AF_WORK"' EXIT
    trap 'exit 143' TERM HUP INT
    case $AF_VERB in
        put) af_put_part ;;
        run)
            af_after_restart
            af_mounted
            af_run
            af_payload
            af_print answer "$AF_ANSWERS" 0 "$AF_PAYLOAD_BYTES"
            ;;
        result)
            af_payload
            af_print answer "$AF_ANSWERS" 0 "$AF_PAYLOAD_BYTES"
            ;;
        fetch)
            af_payload
            [ "$AF_PAYLOAD" = "$AF_WANTED" ] || af_fail "the answer is not the one that was begun"
            af_print slice "" "$AF_OFFSET" "$AF_LENGTH"
            ;;
    esac
}

# af_mounted: the volumes that the builder was to lay out at its start are there.
af_mounted() {
    local mount
    # With a root of its own this is no builder, and nothing was laid out.
    [ -z "${AMIFACTORY_ROOT:-}" ] || return 0
    for mount in $AF_MOUNTS; do
        mountpoint -q "$mount" \
            || af_fail "no volume is mounted at $mount: $(tail -n 1 /run/amifactory-volumes/why 2>/dev/null)"
    done
}

# af_name DIGEST: sets AF_DIR and AF_LOGS to a bundle's folders, on disk and in memory.
af_name() {
    AF_NAME=$(printf '%.16s' "$1")
    AF_DIR=$AF_STATE/$AF_NAME
    AF_LOGS=$AF_MEMORY/$AF_NAME
}

# af_run: each bundle, as long as the one before it ended whole.
af_run() {
    local entry digest head offset="$AF_COMMON"
    for entry in $AF_BUNDLES; do
        digest=${entry%%:*}
        head=${entry#*:}
        af_run_one "$digest" "$offset" "${head%:*}" "${head#*:}"
        offset=$((offset + ${head%:*} + ${head#*:}))
        af_ended_whole || break
    done
    # Where further bundles of the same pack come by another way, they need it yet.
    [ "${AF_KEEP:-0}" = 1 ] || rm -rf "$AF_STATE/parts"
    sync
}

# af_run_one DIGEST OFFSET HEAD TAIL: runs a bundle, unless it was begun before. Whoever comes second waits.
af_run_one() {
    af_name "$1"
    mkdir -p "$AF_DIR" "$AF_LOGS" || af_fail "can't write $AF_DIR"
    exec 9>"$AF_LOGS/lock"
    flock 9 || af_fail "can't lock $AF_LOGS/lock"
    # Once, and whole: who is answering for the same bundle reads it without the lock.
    if [ ! -e "$AF_DIR/owner" ]; then
        { printf '%s\n' "$AF_OWNER $1" >"$AF_DIR/owner.new" && mv "$AF_DIR/owner.new" "$AF_DIR/owner"; } \
            || af_fail "can't write $AF_DIR"
    fi
    if [ ! -e "$AF_DIR/state" ] && { [ ! -e "$AF_DIR/begun" ] || [ -e "$AF_DIR/resume" ]; }; then
        af_script "$@"
        : >"$AF_DIR/begun"
        rm -f "$AF_DIR/resume"
        # A machine that loses its power here must know later that this was begun.
        sync
        af_execute
    fi
    exec 9>&-
}

# af_script DIGEST OFFSET HEAD TAIL: the bundle's script, put together from what all bundles share and its own parts.
af_script() {
    if [ ! -e "$AF_WORK/all" ]; then
        af_packed | gzip -dc >"$AF_WORK/all" 2>/dev/null
    fi
    {
        af_slice "$AF_WORK/all" "$2" "$3"
        af_slice "$AF_WORK/all" 0 "$AF_COMMON"
        af_slice "$AF_WORK/all" $(($2 + $3)) "$4"
    } >"$AF_WORK/script"
    [ "$(sha256sum <"$AF_WORK/script")" = "$1  -" ] || af_fail "bundle $AF_NAME did not arrive whole"
    # With a root of its own this is no builder but somebody's machine: what changes a whole system does not run.
    if [ -n "${AMIFACTORY_ROOT:-}" ] && grep -Eq "^af_step .*'af_(seal|install|write_file|enable)" "$AF_WORK/script"; then
        af_fail "bundle $AF_NAME changes a whole system, and this is not a builder"
    fi
}

# af_parts: what came ahead in parts.
af_parts() {
    local number=0
    while [ "$number" -lt "$AF_PARTS" ]; do
        cat "$AF_STATE/parts/$AF_PACK.$number" 2>/dev/null
        number=$((number + 1))
    done
}

# af_put_part: keeps a part until the command that needs it has run. On disk: memory is empty after a restart.
af_put_part() {
    local part="$AF_STATE/parts/$AF_PACK.$AF_PART"
    { mkdir -p "$AF_STATE/parts" && af_packed >"$AF_WORK/part"; } || af_fail "can't write $AF_STATE/parts"
    { cp "$AF_WORK/part" "$part.new" && mv "$part.new" "$part"; } || af_fail "can't write $part"
    printf 'amifactory put 1 %s %s\n' "$AF_PACK" "$AF_PART"
}

# af_slice FILE OFFSET LENGTH
af_slice() {
    tail -c +$(($2 + 1)) "$1" 2>/dev/null | head -c "$3"
}

# af_size FILE: sets AF_SIZE.
af_size() {
    AF_SIZE=$(wc -c <"$1")
    AF_SIZE=$((AF_SIZE))
}

# af_execute: runs the script and keeps what came of it.
af_execute() {
    local begun rc state
    AF_SSM=1 AF_REBOOT_DIR=$AF_DIR/restart AF_LOG_DIR=$AF_LOGS/whole
    export AF_SSM AF_REBOOT_DIR AF_LOG_DIR
    mkdir -p "$AF_REBOOT_DIR" "$AF_LOG_DIR" || af_fail "can't write $AF_REBOOT_DIR"
    begun=$(date +%s)
    # Without the lock: what a step leaves running would hold it.
    {
        if [ "$AF_LIVE" = 1 ]; then
            {
                af_timeout
                echo $? >"$AF_WORK/rc"
            } | af_live
        else
            af_timeout >"$AF_LOGS/results"
            echo $? >"$AF_WORK/rc"
        fi
    } 9>&-
    rc=$(cat "$AF_WORK/rc")
    if [ "$rc" = 194 ] && [ -s "$AF_REBOOT_DIR/results" ]; then
        af_restart
    fi
    state=died:$rc
    case $rc in
        124 | 137) [ $(($(date +%s) - begun)) -lt "$AF_LIMIT" ] || state=limit ;;
    esac
    [ "$(tail -n 1 "$AF_LOGS/results")" != '{"end":true}' ] || state=completed
    rm -rf "$AF_REBOOT_DIR"
    af_keep_log
    # The state last: without it, none of this happened.
    {
        gzip -9nc "$AF_LOGS/results" >"$AF_DIR/results.gz" && sync \
            && printf '%s\n' "$state" >"$AF_DIR/state.new" && mv "$AF_DIR/state.new" "$AF_DIR/state"
    } || af_fail "can't write the results to $AF_DIR: is the disk full?"
    sync
}

af_timeout() {
    timeout -k 10 "$AF_LIMIT" sh "$AF_WORK/script" </dev/null 2>>"$AF_LOGS/log"
}

# af_live: keeps results, and tells of steps as they begin and end, without what they printed.
af_live() {
    local line
    while IFS= read -r line; do
        printf '%s\n' "$line"
        case $line in
            *'"b64":"'*) line=${line%%'"b64":"'*}'"b64":""}' ;;
        esac
        af_tell "$line" >&2
    done >"$AF_LOGS/results"
}

# af_tell LINE: the runner's line, with the names of the Elastic Common Schema around it.
af_tell() {
    local step event rc ms
    case $1 in
        '{"start":"'*)
            step=${1#'{"start":"'}
            step=${step%%'"'*} event='"type":["start"],"action":"step-started"' rc=''
            ;;
        '{"step":"'*'"rc":'*'"ms":'*)
            step=${1#'{"step":"'}
            step=${step%%'"'*} rc=${1#*'"rc":'} ms=${1#*'"ms":'} event=failure
            rc=${rc%%,*} ms=${ms%%,*}
            [ "$rc" != 0 ] || event=success
            event='"type":["end"],"action":"step-ended","outcome":"'$event'","duration":'$((ms * 1000000))
            ;;
        *) step=bundle rc='' event='"type":["info"],"action":"bundle-ended"' ;;
    esac
    printf '{"@timestamp":"%s","message":"%s","log":{"level":"info"},"ecs":{"version":"8.11.0"},' \
        "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$step${rc:+: exit status $rc}"
    printf '"service":{"name":"amifactory"},"trace":{"id":"%s"},"event":{"kind":"event",' "$AF_OWNER"
    printf '"category":["process"],"dataset":"amifactory.builder",%s},"amifactory":%s}\n' "$event" "$1"
}

# af_keep_log: the runner keeps each step's share small; this is for what else wrote to the log.
af_keep_log() {
    af_size "$AF_LOGS/log"
    if [ "$AF_SIZE" -gt 4194304 ]; then
        gzip -c "$AF_LOGS/log" >"$AF_LOG_DIR/log.gz"
        {
            head -c 1048576 "$AF_LOGS/log"
            printf '\n[%d bytes of this log are left out here: all of it is in %s on the builder]\n' \
                $((AF_SIZE - 1048576)) "$AF_LOG_DIR/log.gz"
        } >"$AF_WORK/log"
        mv "$AF_WORK/log" "$AF_LOGS/log"
    fi
    gzip -9nc "$AF_LOGS/log" >"$AF_LOGS/log.gz" && rm -f "$AF_LOGS/log"
}

# af_ended_whole: whether the bundle just seen ran to its end and nothing stopped it.
af_ended_whole() {
    [ "$(cat "$AF_DIR/state" 2>/dev/null)" = completed ] || return 1
    ! gzip -dc "$AF_DIR/results.gz" | grep -q '^{"stopped":'
}

# Which start of the machine this is.
af_boot() {
    printf '%s\n' "${AMIFACTORY_BOOT_ID:-$(cat /proc/sys/kernel/random/boot_id)}"
}

# af_restart: leaves a note and asks the agent, by exit status 194, to restart the machine and run all of this again.
af_restart() {
    rm -rf "$AF_WORK" "$AF_STATE/restarting"
    mkdir "$AF_STATE/restarting"
    cp -R "$AF_MEMORY" "$AF_STATE/restarting/memory" || af_fail "can't keep the logs over a restart: is the disk full?"
    : >"$AF_DIR/resume"
    af_boot >"$AF_STATE/restarting/boot"
    sync
    exit 194
}

# af_after_restart: logs go back to memory. As long as the machine has yet to go down, nothing may run.
af_after_restart() {
    exec 8>"$AF_MEMORY/lock"
    flock 8 || af_fail "can't lock $AF_MEMORY/lock"
    if [ -e "$AF_STATE/restarting/boot" ]; then
        if [ "$(cat "$AF_STATE/restarting/boot")" = "$(af_boot)" ]; then
            echo >>"$AF_STATE/restarting/asked"
            af_size "$AF_STATE/restarting/asked"
            [ "$AF_SIZE" -gt 5 ] || exit 194
            af_fail "the machine was to restart and did not"
        fi
        rm -rf "$AF_STATE/restarting/memory"/work.*
        cp -R "$AF_STATE/restarting/memory/." "$AF_MEMORY" || af_fail "can't write $AF_MEMORY"
        rm -rf "$AF_STATE/restarting"
    fi
    af_forget_others
    exec 8>&-
}

# af_forget_others: the base image can bring along what it was built with. Where it did the same as this build, its
# bundles have the same digests; they are not this run.
af_forget_others() {
    local file owner
    for file in "$AF_STATE"/*/owner; do
        [ -e "$file" ] || continue
        read -r owner _ <"$file"
        if [ "$owner" != "$AF_OWNER" ]; then
            af_name "$(basename "${file%/owner}")"
            rm -rf "$AF_DIR" "$AF_LOGS"
        fi
    done
}

# af_payload: results of the bundles one after the other, then their logs, as one gzip stream; and a word on each in
# AF_ANSWERS. gzip looks back 32 KB, and audits print nearly the same before and after: so logs are woven, a block of
# each in turn.
af_payload() {
    local entry results log number=0
    { : >"$AF_WORK/stream" && mkdir "$AF_WORK/blocks"; } || af_fail "can't write $AF_WORK"
    AF_ANSWERS=
    for entry in $AF_BUNDLES; do
        af_name "${entry%%:*}"
        results=0 log=0 number=$((number + 1))
        af_state_of "${entry%%:*}"
        case $AF_ENDED in
            completed | limit | died:*)
                { af_results >"$AF_WORK/part" && cat "$AF_WORK/part" >>"$AF_WORK/stream"; } || af_fail "can't read $AF_DIR"
                af_size "$AF_WORK/part"
                results=$AF_SIZE
                if [ -s "$AF_LOGS/log.gz" ]; then
                    gzip -dc "$AF_LOGS/log.gz" >"$AF_WORK/part" || af_fail "can't read $AF_LOGS"
                    af_size "$AF_WORK/part"
                    log=$AF_SIZE
                    split -b "$AF_BLOCK" -a 4 --additional-suffix=".$number" "$AF_WORK/part" "$AF_WORK/blocks/" \
                        || af_fail "can't write $AF_WORK"
                fi
                ;;
        esac
        AF_ANSWERS="$AF_ANSWERS $AF_NAME,$AF_ENDED,$results,$log"
    done
    set -- "$AF_WORK"/blocks/*
    [ ! -e "$1" ] || cat "$@" >>"$AF_WORK/stream" || af_fail "can't write $AF_WORK"
    : >"$AF_WORK/payload"
    [ ! -s "$AF_WORK/stream" ] || gzip -9nc "$AF_WORK/stream" >"$AF_WORK/payload" || af_fail "can't write $AF_WORK"
    # What is said of the bundles counts as well.
    AF_PAYLOAD=$(printf '%s' "$AF_ANSWERS" | cat - "$AF_WORK/payload" | sha256sum)
    AF_PAYLOAD=${AF_PAYLOAD%% *}
    af_size "$AF_WORK/payload"
    AF_PAYLOAD_BYTES=$AF_SIZE
}

# af_results: the bundle's results as they travel: without what is said of steps as they begin, and without the end of
# what a step printed where the log beside them has that whole.
af_results() {
    local file all=0 cut=" "
    if [ ! -s "$AF_LOGS/log.gz" ] || [ -e "$AF_LOGS/whole/log.gz" ]; then
        all=1
    fi
    # The runner puts the number of a step here where it cuts its share of the log.
    for file in "$AF_LOGS"/whole/step-*.gz; do
        file=${file##*/step-}
        cut="$cut${file%.gz} "
    done
    gzip -dc "$AF_DIR/results.gz" >"$AF_WORK/results" || return 1
    awk -v all="$all" -v cut="$cut" '
        index($0, "{\"start\":") == 1 { next }
        index($0, "{\"step\":") == 1 {
            number++
            at = index($0, ",\"b64\":\"")
            if (!all && at && !index(cut, " " number " ")) $0 = substr($0, 1, at - 1) "}"
        }
        { print }' "$AF_WORK/results"
}

# af_state_of DIGEST: sets AF_ENDED. Only what this build left here counts.
af_state_of() {
    AF_ENDED=not-run
    [ "$(cat "$AF_DIR/owner" 2>/dev/null)" = "$AF_OWNER $1" ] || return 0
    if [ -s "$AF_DIR/state" ]; then
        AF_ENDED=$(cat "$AF_DIR/state")
    elif [ -e "$AF_DIR/resume" ] || { [ -e "$AF_LOGS/lock" ] && ! flock -n "$AF_LOGS/lock" true; }; then
        AF_ENDED=running
    elif [ -e "$AF_DIR/begun" ]; then
        AF_ENDED=interrupted
    fi
}

# af_print KIND FIELDS OFFSET LENGTH: as much of the payload as fits: 24,000 characters of standard output and 8,000 of
# standard error come back, and base64 makes four of three.
af_print() {
    local first="$4" second
    [ "$first" -le "$AF_STDOUT_BYTES" ] || first=$AF_STDOUT_BYTES
    second=$(($4 - first))
    [ "$second" -le "$AF_STDERR_BYTES" ] || second=$AF_STDERR_BYTES
    printf 'amifactory %s 1 %s %d %d%s\n' "$1" "$AF_PAYLOAD" "$AF_PAYLOAD_BYTES" "$3" "$2"
    af_slice "$AF_WORK/payload" "$3" "$first" | base64 -w0
    echo
    # Whatever of it does not fit here is asked for with `fetch`.
    if [ "$second" -gt 0 ]; then
        {
            printf 'amifactory more 1 %s\n' "$AF_PAYLOAD"
            af_slice "$AF_WORK/payload" $(($3 + first)) "$second" | base64 -w0
            echo
        } >&2
    fi
}
