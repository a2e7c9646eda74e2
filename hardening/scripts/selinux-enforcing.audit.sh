if read -r mode 2>/dev/null </sys/fs/selinux/enforce; then
    af_judge /sys/fs/selinux/enforce equals 1 "$mode"
elif [ -d /run/systemd/system ]; then
    af_look fail "SELinux" enforcing disabled
else
    af_look unknown "SELinux" enforcing "nothing was booted here"
fi
