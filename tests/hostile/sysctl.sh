# Changes settings of the kernel that every namespace shares, and some that it does not.
for name in kernel/core_pattern kernel/modprobe kernel/hostname kernel/sysrq kernel/panic kernel/randomize_va_space \
    kernel/pid_max vm/overcommit_memory vm/drop_caches vm/panic_on_oom fs/file-max fs/protected_symlinks \
    net/ipv4/ip_forward net/core/somaxconn user/max_user_namespaces; do
    [ -e "/proc/sys/$name" ] && never_write "/proc/sys/$name" 1
done
for file in /proc/irq/*/smp_affinity /proc/mtrr /proc/dynamic_debug/control /proc/pressure/* /proc/acpi/* \
    /proc/scsi/scsi /proc/fs/*/*; do
    [ -f "$file" ] && never_write "$file" 1
done
never ls /sys/kernel
[ -z "$(ls /sys)" ] || echo "ESCAPED: /sys is not empty"
never mkdir /sys/x
if command -v sysctl >/dev/null; then never sysctl -q -w kernel.panic=1; fi
