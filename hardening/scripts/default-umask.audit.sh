# A umask will do where it takes away at least the bits that it should.
af_umask_judge() {
    case $2 in
        '' | *[!0-7]*) af_look fail "$1" "$AF_PARAM_DEFAULT_UMASK or stricter" "${2:-not set}" ;;
        *)
            if [ $((0$2 & 0$AF_PARAM_DEFAULT_UMASK)) -eq $((0$AF_PARAM_DEFAULT_UMASK)) ]; then
                af_look pass "$1" "$AF_PARAM_DEFAULT_UMASK or stricter" "$2"
            else
                af_look fail "$1" "$AF_PARAM_DEFAULT_UMASK or stricter" "$2"
            fi
            ;;
    esac
}
af_key_value_read /etc/login.defs UMASK
af_umask_judge "/etc/login.defs UMASK" "$AF_VALUE"
weakest=$(cat /etc/profile /etc/bashrc /etc/bash.bashrc /etc/profile.d/*.sh 2>/dev/null | awk '
    /^[ \t]*umask[ \t]+[0-7]+/ { value = $2; sub(/[^0-7].*/, "", value); if (weakest == "" || value + 0 < weakest + 0) weakest = value }
    END { print weakest }')
af_umask_judge "shell start files umask" "$weakest"
if [ -f /etc/bash.bashrc ]; then
    af_umask_judge "/etc/bash.bashrc umask" "$(awk '/^[ \t]*umask[ \t]+[0-7]+/ { value = $2; sub(/[^0-7].*/, "", value) } END { print value }' /etc/bash.bashrc)"
fi
