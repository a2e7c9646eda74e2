for file in /etc/default/grub /boot/loader/entries/*.conf /boot/grub/grub.cfg /boot/grub2/grub.cfg; do
    [ -f "$file" ] || continue
    sed -E '/^(GRUB_CMDLINE|options[[:blank:]]|[[:blank:]]*linux[[:blank:]])/{
        s/([ "'\''])(selinux|enforcing)=0([ "'\'']|$)/\1\3/g
    }' "$file" >"$AF_TMP/lines"
    af_replace "$file" <"$AF_TMP/lines"
done
