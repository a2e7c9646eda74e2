# Permissions and owners of files.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_file_mode_stat PATTERN: prints `mode user group path` of each file that the pattern names, links followed.
af_file_mode_stat() {
    local IFS=
    # The pattern is expanded on purpose; without IFS it stays one word.
    # shellcheck disable=SC2086
    stat -L -c '%a %U %G %n' $1 2>/dev/null
}

# af_file_mode_owned USERS GROUPS USER GROUP: the owners are among those allowed (`root|adm`; empty allows all).
af_file_mode_owned() {
    case "|$1|" in
        "||" | *"|$3|"*) ;;
        *) return 1 ;;
    esac
    case "|$2|" in
        "||" | *"|$4|"*) ;;
        *) return 1 ;;
    esac
}

# af_file_mode_audit IF_MISSING MODE USERS GROUPS PATTERN...: no bits beyond MODE. IF_MISSING is fail or
# not_applicable.
af_file_mode_audit() {
    local missing="$1" max="$2" users="$3" groups="$4" pattern list mode user group path bad count seen wanted
    shift 4
    wanted="$max or stricter${users:+, user $users}${groups:+, group $groups}"
    for pattern in "$@"; do
        list=$(af_file_mode_stat "$pattern")
        if [ -z "$list" ]; then
            af_look "$missing" "$pattern" "$wanted" "no such file"
            continue
        fi
        bad='' count=0
        while read -r mode user group path; do
            count=$((count + 1)) seen="$mode $user:$group"
            # The rest of a name that goes over several lines; arithmetic would run what stands in it.
            case $mode in
                '' | *[!0-7]*) bad="$bad, a name of several lines: $mode" && continue ;;
            esac
            if [ $((0$mode & ~0$max & 07777)) -ne 0 ] || ! af_file_mode_owned "$users" "$groups" "$user" "$group"; then
                bad="$bad, $path is $mode $user:$group"
            fi
        done <<LIST
$list
LIST
        if [ -n "$bad" ]; then
            af_look fail "$pattern" "$wanted" "${bad#, }"
        elif [ "$count" -eq 1 ]; then
            af_look pass "$pattern" "$wanted" "$seen"
        else
            af_look pass "$pattern" "$wanted" "all $count files"
        fi
    done
}

# af_file_mode_apply CREATE MODE USERS GROUPS PATTERN...: takes away bits, gives to the first user and group named.
# A link that a pattern finds is left: whoever may write in that folder could point it at anything.
# CREATE is yes where a missing file is to be made, empty.
af_file_mode_apply() {
    local create="$1" max="$2" users="$3" groups="$4" pattern mode user group path
    shift 4
    for pattern in "$@"; do
        if [ "$create" = yes ] && [ ! -e "$pattern" ]; then
            af_write_file "$pattern" "$max" "${users%%|*}:${groups%%|*}" </dev/null
        fi
        af_file_mode_stat "$pattern" >"$AF_TMP/stat" || true
        while read -r mode user group path; do
            case $mode in
                '' | *[!0-7]*) continue ;;
            esac
            [ "$path" = "$pattern" ] || [ ! -L "$path" ] || continue
            # Each by itself: what is right already may have no name here.
            af_file_mode_owned "$users" "" "$user" "" || chown "${users%%|*}" "$path"
            af_file_mode_owned "" "$groups" "" "$group" || chgrp "${groups%%|*}" "$path"
            if [ $((0$mode & ~0$max & 07777)) -ne 0 ]; then
                chmod "$(printf '%o' $((0$mode & 0$max)))" "$path"
            fi
        done <"$AF_TMP/stat"
    done
}
