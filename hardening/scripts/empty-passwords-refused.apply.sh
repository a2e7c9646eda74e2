# pam-auth-update keeps such a change: it follows options that were taken away by hand.
for file in /etc/pam.d/common-*; do
    [ -f "$file" ] || continue
    sed -E '/^[[:blank:]]*#/!s/[[:blank:]]+nullok(_secure)?([[:blank:]]|$)/\2/g' "$file" >"$AF_TMP/lines"
    af_replace "$file" <"$AF_TMP/lines"
done
