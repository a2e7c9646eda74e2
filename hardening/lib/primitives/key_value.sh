# Files of keys and values without sections: login.defs, auditd.conf, pwquality.conf, selinux/config.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_key_value_read FILE KEY [OPERATOR VALUE]: sets AF_VALUE to the value of the last active line of that key; with a
# bound, to that of the first line that does not meet it, because some readers stop at the first.
af_key_value_read() {
    local values value
    AF_VALUE=
    [ -f "$1" ] && [ -r "$1" ] || return 0
    values=$(AF_KEY=$2 awk '
        # Of these, a line counts where it starts with the key and `=`, and so does a blank behind that.
        BEGIN { key = ENVIRON["AF_KEY"]; file = ARGV[1]; exact = file ~ /\/(selinux\/config|useradd)$/ }
        exact { if (index($0, key "=") == 1) print substr($0, length(key) + 2); next }
        {
            line = $0; gsub(/^[ \t]+|[ \t]+$/, "", line)
            # Only blanks end a key of login.defs, and some readers take it in any case.
            word = line; sub(file ~ /login\.defs$/ ? "[ \t].*" : "[ \t=].*", "", word)
            value = substr(line, length(word) + 1)
            if (file ~ /pwquality|auditd|chrony/) word = tolower(word)
            if (word != key) next
            sub(file ~ /login\.defs$/ ? "^[ \t]*" : "^[ \t]*=?[ \t]*", "", value)
            if (value ~ /^".*"$/) value = substr(value, 2, length(value) - 2)
            # A key without a value is a switch that is on.
            print (value == "" ? "yes" : value)
        }' "$1")
    [ -n "$values" ] || return 0
    while IFS= read -r value; do
        AF_VALUE=$value
        [ $# -lt 4 ] || af_meets "$3" "$4" "$AF_VALUE" || break
    done <<VALUES
$values
VALUES
}

# af_key_value_audit FILE SEPARATOR KEY OPERATOR VALUE. Files in FILE.d that say otherwise fail it too, and arguments of
# the PAM module that reads FILE.
af_key_value_audit() {
    local other
    case $1 in
        /etc/security/*.conf)
            af_pam_overrides "$1" "$3" "$4" "$5"
            if [ -n "$AF_LIST" ]; then
                af_look fail "PAM modules that read $1" "$3 $5" "called with$AF_LIST"
                return
            fi
            ;;
    esac
    for other in "$1.d"/*.conf; do
        [ -f "$other" ] || continue
        af_key_value_read "$other" "$3" "$4" "$5"
        if [ -n "$AF_VALUE" ] && ! af_meets "$4" "$5" "$AF_VALUE"; then
            af_judge "$other $3" "$4" "$5" "$AF_VALUE"
            return
        fi
    done
    if [ ! -e "$1" ]; then
        af_look fail "$1 $3" "$5" "no such file"
        return
    fi
    af_key_value_read "$1" "$3" "$4" "$5"
    af_judge "$1 $3" "$4" "$5" "$AF_VALUE"
}

# af_key_value_apply FILE SEPARATOR KEY OPERATOR VALUE. What meets the bound already stays as it is. The separator
# `none` writes the key alone.
af_key_value_apply() {
    local value other
    value=$(af_first_of "$5")
    case $1 in
        /etc/security/*.conf)
            af_pam_overrides "$1" "$3" "$4" "$5"
            [ -z "$AF_LIST" ] || af_pam_strip "$1" "$3"
            ;;
    esac
    for other in "$1.d"/*.conf; do
        [ -f "$other" ] || continue
        af_key_value_read "$other" "$3" "$4" "$5"
        if [ -n "$AF_VALUE" ] && ! af_meets "$4" "$5" "$AF_VALUE"; then
            af_set_line "$other" "$3" "$3$2$value" nocase
        fi
    done
    af_key_value_read "$1" "$3" "$4" "$5"
    af_meets "$4" "$5" "$AF_VALUE" && return 0
    case $2 in
        none) af_set_line "$1" "$3" "$3" nocase ;;
        *) af_set_line "$1" "$3" "$3$2$value" nocase ;;
    esac
}
