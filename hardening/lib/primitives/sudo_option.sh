# Defaults of sudo.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_sudo_lines: prints the lines that sudo reads, in its order. Names with a dot or a tilde are not read by it.
af_sudo_lines() {
    local file
    cat /etc/sudoers 2>/dev/null
    for file in /etc/sudoers.d/*; do
        case ${file##*/} in
            *.* | *~ | '*') ;;
            *) cat "$file" 2>/dev/null && echo ;;
        esac
    done
}

# af_sudo_value OPTION: sets AF_VALUE to what the last global Defaults line says: yes, no, a value, or nothing.
af_sudo_value() {
    AF_VALUE=$(af_sudo_lines | AF_KEY=$1 awk '
        BEGIN { key = ENVIRON["AF_KEY"] }
        $1 == "Defaults" {
            sub(/^[ \t]*Defaults[ \t]+/, "")
            n = split($0, parts, /[ \t]*,[ \t]*/)
            for (i = 1; i <= n; i++) {
                part = parts[i]; sub(/[ \t]+$/, "", part)
                if (part == key) last = "yes"
                else if (part == "!" key) last = "no"
                else if (part ~ "^" key "[ \t]*=") { sub(/^[^=]*=[ \t]*/, "", part); gsub(/"/, "", part); last = part }
            }
        }
        END { print last }')
}

# af_sudo_option_audit OPTION OPERATOR VALUE: VALUE is yes for an option that is only on or off.
af_sudo_option_audit() {
    if [ ! -e /etc/sudoers ]; then
        af_look fail "/etc/sudoers" "Defaults $1" "no such file"
        return
    fi
    af_sudo_value "$1"
    af_judge "sudo Defaults $1" "$2" "$3" "$AF_VALUE"
}

# af_sudo_option_apply OPTION OPERATOR VALUE: a file of its own, checked by visudo before sudo can see it.
af_sudo_option_apply() {
    local value
    value=$(af_first_of "$3")
    [ -e /etc/sudoers ] || return 0
    af_sudo_value "$1"
    af_meets "$2" "$3" "$AF_VALUE" && return 0
    case $value in
        yes) printf '# Written by amifactory.\nDefaults %s\n' "$1" ;;
        no) printf '# Written by amifactory.\nDefaults !%s\n' "$1" ;;
        *) printf '# Written by amifactory.\nDefaults %s=%s\n' "$1" "$value" ;;
    esac >"$AF_TMP/sudoers"
    if command -v visudo >/dev/null 2>&1; then
        chmod 0440 "$AF_TMP/sudoers"
        visudo -c -q -f "$AF_TMP/sudoers"
    fi
    af_write_file "/etc/sudoers.d/zz-amifactory-$1" 0440 root:root <"$AF_TMP/sudoers"
}

# af_sudo_forbid_audit WORD: no rule of sudo holds the word.
af_sudo_forbid_audit() {
    local lines
    if [ ! -e /etc/sudoers ]; then
        af_look fail "/etc/sudoers" "no $1" "no such file"
        return
    fi
    lines=$(af_sudo_lines | grep -v '^[[:blank:]]*#' | grep -F -e "$1")
    if [ -n "$lines" ]; then
        af_look fail "sudo rules" "no $1" "$lines"
    else
        af_look pass "sudo rules" "no $1" "none"
    fi
}

# af_sudo_forbid_apply WORD: rules that hold it are commented out; who still needs them has to say so in a waiver.
af_sudo_forbid_apply() {
    local file
    for file in /etc/sudoers /etc/sudoers.d/*; do
        [ -f "$file" ] || continue
        AF_WORD=$1 awk '
            /^[ \t]*#/ || !index($0, ENVIRON["AF_WORD"]) { print; next }
            { print "# amifactory: " $0 }' "$file" >"$AF_TMP/lines"
        af_replace "$file" <"$AF_TMP/lines"
    done
}
