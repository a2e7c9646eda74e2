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
    AF_UMASK=$AF_PARAM_DEFAULT_UMASK awk '
        /^[ \t]*umask[ \t]+[0-7]+/ && $2 + 0 < ENVIRON["AF_UMASK"] + 0 { sub(/umask[ \t]+[0-7]+/, "umask " ENVIRON["AF_UMASK"]) }
        { print }' "$file" >"$AF_TMP/lines"
    af_replace "$file" <"$AF_TMP/lines"
done
# Debian's bash reads this one for shells that are no logins, and it says nothing.
if [ -f /etc/bash.bashrc ] && ! grep -qE '^[[:blank:]]*umask[[:blank:]]+[0-7]+' /etc/bash.bashrc; then
    {
        cat /etc/bash.bashrc
        printf '# Written by amifactory.\numask %s\n' "$AF_PARAM_DEFAULT_UMASK"
    } >"$AF_TMP/lines"
    af_replace /etc/bash.bashrc <"$AF_TMP/lines"
fi
