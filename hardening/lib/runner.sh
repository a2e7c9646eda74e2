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

# af_step JSON_ID TIMEOUT MODE BODY: runs one step. TIMEOUT in seconds, 0 for none; MODE is stop or continue. The
# body runs in its own subshell under `set -e`, with nothing on its standard input; a mistake in its syntax fails
# this step and no other.
af_step() {
    local rc=0 start size
    [ -z "$AF_DONE" ] || return 0
    AF_COUNT=$((AF_COUNT + 1))
    printf '{"start":%s}\n' "$1"
    af_now
    start=$AF_NOW
    if [ "$2" = 0 ]; then
        (
            set -e
            eval "$4"
        ) </dev/null >"$AF_TMP/out" 2>&1
        rc=$?
    else
        af_timed "$2" "$4"
        rc=$?
    fi
    af_now
    size=$(wc -c <"$AF_TMP/out")
    size=$((size))
    printf '==> step %s rc=%d bytes=%d\n' "$1" "$rc" "$size" >&2
    if [ "$size" -gt 0 ]; then
        cat "$AF_TMP/out" >&2
        echo >&2
    fi
    printf '{"step":%s,"rc":%d,"ms":%d,"b64":"' "$1" "$rc" "$((AF_NOW - start))"
    af_tail "$size"
    printf '"}\n'
    if [ "$rc" -ne 0 ] && [ "$3" = stop ]; then
        printf '{"stopped":%s}\n' "$1"
        AF_DONE=1
    fi
}

# af_tail SIZE: the last 4096 bytes of the step's output, in base64, on one line.
af_tail() {
    if [ "$1" -eq 0 ]; then
        return 0
    elif [ "$1" -le 4096 ]; then
        base64 -w0 <"$AF_TMP/out"
    else
        tail -c 4096 "$AF_TMP/out" | base64 -w0
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
