af_key_value_read /etc/login.defs UMASK
case $AF_VALUE in
    '' | *[!0-7]*) wrong=yes ;;
    *)
        wrong=no
        if [ $((0$AF_VALUE & 0$AF_PARAM_DEFAULT_UMASK)) -ne $((0$AF_PARAM_DEFAULT_UMASK)) ]; then
            wrong=yes
        fi
        ;;
esac
if [ "$wrong" = yes ]; then
    af_set_line /etc/login.defs UMASK "UMASK $AF_PARAM_DEFAULT_UMASK"
fi
printf '# Written by amifactory.\numask %s\n' "$AF_PARAM_DEFAULT_UMASK" \
    | af_write_file /etc/profile.d/zz-amifactory-umask.sh 0644 root:root
for file in /etc/profile /etc/bashrc /etc/bash.bashrc /etc/profile.d/*.sh; do
    [ -f "$file" ] || continue
    # Stricter ones stay: 077 takes away all that 027 does.
    AF_UMASK=$AF_PARAM_DEFAULT_UMASK AF_STARTS="${AF_STARTS}\\\\?umask[ \t]+(-[Sp]+[ \t]+)*" awk '
        function lacks(have, want,    i, bit) {
            if (have !~ /^[0-7]+$/) return 1
            for (i = 0; i < 3; i++) for (bit = 1; bit < 8; bit *= 2)
                if (digit(want, i, bit) && !digit(have, i, bit)) return 1
            return 0
        }
        function digit(text, i, bit) { return i < length(text) && int(substr(text, length(text) - i, 1) / bit) % 2 }
        /^[ \t]*#/ { print; next }
        {
            out = ""
            for (rest = $0; match(rest, ENVIRON["AF_STARTS"]); rest = substr(rest, length(value) + 1)) {
                out = out substr(rest, 1, RSTART + RLENGTH - 1); rest = substr(rest, RSTART + RLENGTH); value = ""
                if (match(rest, /^("[^"]*"|\047[^\047]*\047|[^ \t;&|<>(){}`#"\047]+)/)) value = substr(rest, 1, RLENGTH)
                bare = value; gsub(/["\047]/, "", bare)
                out = out (value != "" && lacks(bare, ENVIRON["AF_UMASK"]) ? ENVIRON["AF_UMASK"] : value)
            }
            print out rest
        }' "$file" >"$AF_TMP/lines"
    af_replace_shell "$file" <"$AF_TMP/lines"
done
# Debian's bash reads this one for shells that are no logins, and it says nothing.
if [ -f /etc/bash.bashrc ] && ! grep -qE '^[[:blank:]]*umask[[:blank:]]+[0-7]+' /etc/bash.bashrc; then
    af_append /etc/bash.bashrc "# Written by amifactory.${AF_NL}umask $AF_PARAM_DEFAULT_UMASK"
fi
