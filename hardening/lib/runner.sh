# Runs the steps of a bundle: one JSON line on standard output when a step begins and one when it ends; what the step
# printed goes to standard error, whole, behind a header that says how many bytes follow.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_begin_bundle: the working folder, and an environment that does not depend on who called.
af_begin_bundle() {
    local dir
    LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
    export LC_ALL PATH HOME
    unset CDPATH ENV
    umask 022
    cd /
    # Memory first: what runs here should leave no trace on the image's own disk.
    for dir in /dev/shm /run /tmp /var/tmp; do
        [ -d "$dir" ] && [ -w "$dir" ] && AF_TMP=$(mktemp -d "$dir/af-bundle.XXXXXX" 2>/dev/null) && break
    done
    if [ -z "${AF_TMP:-}" ]; then
        echo "no folder to work in: /dev/shm, /run, /tmp and /var/tmp can't be written" >&2
        exit 1
    fi
    trap 'rm -rf "$AF_TMP"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    AF_COUNT=0
    AF_DONE=
    AF_FINISHED=0
    AF_LOG_LEFT=1048576
    if [ -n "${AF_REBOOT_DIR:-}" ] && [ -s "$AF_REBOOT_DIR/results" ]; then
        cat "$AF_REBOOT_DIR/results"
        cp "$AF_REBOOT_DIR/results" "$AF_TMP/results"
        AF_FINISHED=$(grep -c '^{"step":' "$AF_TMP/results")
    fi
    af_detect
}

# af_now: milliseconds in AF_NOW, of a clock that only counts up where there is one, without starting a process
# where that can be avoided.
af_now() {
    local seconds fraction
    if [ -n "${EPOCHREALTIME:-}" ]; then
        fraction=${EPOCHREALTIME#*[.,]}
        AF_NOW=${EPOCHREALTIME%[.,]*}${fraction%???}
    elif [ -r /proc/uptime ]; then
        IFS='. ' read -r seconds fraction _ </proc/uptime
        AF_NOW=$((seconds * 1000 + ${fraction#0} * 10))
    else
        AF_NOW=$(date +%s)000
    fi
}

# af_step JSON_ID TIMEOUT MODE BODY: runs one step. TIMEOUT in seconds; MODE is stop or continue. The
# body runs in its own subshell under `set -e`, with nothing on its standard input; a mistake in its syntax fails
# this step and no other.
af_step() {
    local rc=0 start size tail=
    [ -z "$AF_DONE" ] || return 0
    AF_COUNT=$((AF_COUNT + 1))
    # Done before the machine was restarted.
    [ "$AF_COUNT" -gt "$AF_FINISHED" ] || return 0
    af_say '{"start":%s}\n' "$1"
    af_now
    start=$AF_NOW
    af_timed "$2" "$4"
    rc=$?
    af_now
    af_redact
    size=$(wc -c <"$AF_TMP/out")
    size=$((size))
    [ "$size" -eq 0 ] || tail=$(tail -c 4096 "$AF_TMP/out" | base64 -w0)
    af_log "$1" "$rc" "$size"
    af_say '{"step":%s,"rc":%d,"ms":%d,"b64":"%s"}\n' "$1" "$rc" "$((AF_NOW - start))" "$tail"
    if [ "$rc" -ne 0 ]; then
        rm -f "$AF_TMP/restart"
        if [ "$3" = stop ]; then
            printf '{"stopped":%s}\n' "$1"
            AF_DONE=1
        fi
    elif [ -e "$AF_TMP/restart" ]; then
        # Whole or not at all: a machine can lose its power here too.
        cp "$AF_TMP/results" "$AF_REBOOT_DIR/results.new" && mv "$AF_REBOOT_DIR/results.new" "$AF_REBOOT_DIR/results"
        exit 194
    fi
}

# af_say FORMAT VALUE...: a line on standard output, kept as well where the machine may be restarted.
af_say() {
    # shellcheck disable=SC2059 # The formats are here, in this file.
    printf "$@"
    if [ -n "${AF_REBOOT_DIR:-}" ]; then
        # shellcheck disable=SC2059
        printf "$@" >>"$AF_TMP/results"
    fi
}

# af_log JSON_ID RC SIZE: a step's output, behind its header. With AF_LOG_DIR, what is long goes there, compressed, and
# beginning and end of it stand here, with a word on what is between them.
af_log() {
    local size="$3" keep file notice
    if [ -n "${AF_LOG_DIR:-}" ]; then
        keep=$((AF_LOG_LEFT / 2))
        [ "$keep" -le 262144 ] || keep=262144
        [ "$keep" -ge 4096 ] || keep=4096
        if [ "$size" -gt "$keep" ]; then
            file=$AF_LOG_DIR/step-$AF_COUNT.gz
            gzip -c "$AF_TMP/out" >"$file"
            notice="[$((size - keep / 2 * 2)) bytes of this step's output are left out here: all of it is in $file on the builder]"
            {
                head -c $((keep / 2)) "$AF_TMP/out"
                printf '\n%s\n' "$notice"
                tail -c $((keep / 2)) "$AF_TMP/out"
            } >"$AF_TMP/cut"
            mv "$AF_TMP/cut" "$AF_TMP/out"
            size=$(wc -c <"$AF_TMP/out")
            size=$((size))
        fi
        AF_LOG_LEFT=$((AF_LOG_LEFT - size))
        [ "$AF_LOG_LEFT" -ge 0 ] || AF_LOG_LEFT=0
    fi
    printf '==> step %s rc=%d bytes=%d\n' "$1" "$2" "$size" >&2
    if [ "$size" -gt 0 ]; then
        cat "$AF_TMP/out" >&2
        echo >&2
    fi
}

# af_redact: no value that a step fetched with af_secret leaves in what it printed.
af_redact() {
    [ -s "$AF_TMP/secrets" ] || return 0
    # The longest first: one may be part of another.
    awk '{ print length($0), $0 }' "$AF_TMP/secrets" | sort -rn | cut -d ' ' -f 2- \
        | sed 's|[][\\.*^$/]|\\&|g; s|.*|s/&/***/g|' >"$AF_TMP/redact"
    sed -f "$AF_TMP/redact" "$AF_TMP/out" >"$AF_TMP/clean" && mv "$AF_TMP/clean" "$AF_TMP/out" && return 0
    echo 'what this step printed may hold a secret that could not be taken out' >"$AF_TMP/out"
}

# af_reboot: asks for a restart of the machine once this step has ended well. What is done is not done again.
af_reboot() {
    if [ -n "${AF_REBOOT_DIR:-}" ]; then
        : >"$AF_TMP/restart"
    else
        echo "a restart of the machine belongs here; nothing is restarted where this runs"
    fi
}

# af_timed SECONDS BODY: runs a body beside a watchdog; 124 where its time ran out.
af_timed() {
    local rc=0 pid dog token
    token=AF_STEP_TOKEN=$$.$AF_COUNT.${AF_TMP##*.}
    rm -f "$AF_TMP/late"
    (
        # Whatever the step starts inherits this, however it detaches, so that the watchdog finds it.
        export "${token?}"
        set -e
        eval "$2"
    ) </dev/null >"$AF_TMP/out" 2>&1 &
    pid=$!
    (
        trap - EXIT
        af_now
        AF_DEADLINE=$((AF_NOW + $1 * 1000))
        # Short sleeps: the one that is left when this is killed ends by itself, and soon.
        while [ "$AF_NOW" -lt "$AF_DEADLINE" ]; do
            sleep 1
            af_now
        done
        : >"$AF_TMP/late"
        af_kill "$pid" "$token"
    ) </dev/null >/dev/null 2>&1 &
    dog=$!
    wait "$pid" 2>/dev/null
    rc=$?
    if [ -e "$AF_TMP/late" ]; then
        wait "$dog" 2>/dev/null
        return 124
    fi
    # Not a gentler signal: one that arrives before the watchdog is ready for it would be lost.
    kill -KILL "$dog" 2>/dev/null
    wait "$dog" 2>/dev/null
    return "$rc"
}

# af_kill PID TOKEN: ends a step's shell, all that descends from it, and all that carries its token.
af_kill() {
    local round=0 victims
    while [ "$round" -lt 10 ]; do
        victims=$(
            {
                echo "victim $1"
                grep -l -F -e "$2" /proc/[0-9]*/environ 2>/dev/null | sed 's|^/proc/\([0-9]*\)/environ$|victim \1|'
                cat /proc/[0-9]*/stat 2>/dev/null
            } | awk '
                $1 == "victim" { doomed[$2] = 1; next }
                { pid = $1; sub(/^.*\) /, ""); state[pid] = $1; parent[pid] = $2 }
                END {
                    do {
                        grown = 0
                        for (pid in parent) if (!(pid in doomed) && (parent[pid] in doomed)) { doomed[pid] = 1; grown = 1 }
                    } while (grown)
                    for (pid in doomed) if ((pid in state) && state[pid] != "Z") print pid
                }'
        )
        [ -n "$victims" ] || return 0
        # shellcheck disable=SC2086 # A list of numbers.
        kill -KILL $victims 2>/dev/null
        round=$((round + 1))
    done
}

# af_end_bundle: the line that says that nothing was cut off.
af_end_bundle() {
    printf '{"end":true}\n'
}
