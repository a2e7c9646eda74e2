# A umask will do where it takes away at least the bits that it should.
af_umask_judge() {
    case $2 in
        '' | *[!0-7]*) set -- "$@" bad ;;
        *) [ $((0$2 & 0$AF_PARAM_DEFAULT_UMASK)) -eq $((0$AF_PARAM_DEFAULT_UMASK)) ] || set -- "$@" bad ;;
    esac
    af_look_none "$1" "$AF_PARAM_DEFAULT_UMASK or stricter" "${3:+${2:-not set}}" "$2"
}
# af_umask_weakest FILE...: sets AF_VALUE to one that will not do where there is one, else to the last.
af_umask_weakest() {
    # shellcheck disable=SC3043 # Every shell that this runs in has it.
    local values value
    values=$(af_lines "$@" | AF_STARTS="${AF_STARTS}\\\\?umask[ \t]+(-[Sp]+[ \t]+)*" awk '
        /^[ \t]*#/ { next }
        {
            for (rest = $0; match(rest, ENVIRON["AF_STARTS"]); rest = substr(rest, RSTART + RLENGTH)) {
                value = substr(rest, RSTART + RLENGTH); sub(/[ \t;&|<>(){}`#].*/, "", value); gsub(/["\047]/, "", value)
                if (value != "") print value
            }
        }')
    AF_VALUE=
    while IFS= read -r value; do
        AF_VALUE=$value
        case $value in
            *[!0-7]*) break ;;
        esac
        [ $((0$value & 0$AF_PARAM_DEFAULT_UMASK)) -eq $((0$AF_PARAM_DEFAULT_UMASK)) ] || break
    done <<VALUES
$values
VALUES
}
af_key_value_read /etc/login.defs UMASK
af_umask_judge "/etc/login.defs UMASK" "$AF_VALUE"
af_umask_weakest /etc/profile /etc/bashrc /etc/bash.bashrc /etc/profile.d/*.sh
af_umask_judge "shell start files umask" "$AF_VALUE"
if [ -f /etc/bash.bashrc ]; then
    af_umask_weakest /etc/bash.bashrc
    af_umask_judge "/etc/bash.bashrc umask" "$AF_VALUE"
fi
