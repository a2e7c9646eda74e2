bad=
for option in selinux enforcing; do
    af_kernel_cmdline_value "$option" "$(af_kernel_cmdline_configured)"
    if [ "$AF_VALUE" = 0 ]; then
        bad="$bad $option=0 in /etc/default/grub"
    fi
    af_kernel_cmdline_entries >"$AF_TMP/entries"
    while read -r line; do
        af_kernel_cmdline_value "$option" "$line"
        if [ "$AF_VALUE" = 0 ]; then
            bad="$bad $option=0 in a boot entry"
        fi
    done <"$AF_TMP/entries"
done
if [ -n "$bad" ]; then
    af_look fail "kernel command line" "no selinux=0, no enforcing=0" "${bad# }"
else
    af_look pass "kernel command line" "no selinux=0, no enforcing=0" neither
fi
