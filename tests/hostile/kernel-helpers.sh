# Programs that the kernel starts by itself, outside of everything: core dumps, modules, hotplug, binary formats.
never_write /proc/sys/kernel/core_pattern '|/bin/true'
never_write /proc/sys/kernel/modprobe /bin/true
never_write /proc/sys/kernel/hotplug /bin/true
never_write /sys/kernel/uevent_helper /bin/true
never_write /proc/sys/fs/binfmt_misc/register ':x:M::x::/bin/true:'
ulimit -c unlimited 2>/dev/null && echo "ESCAPED: core dumps are not limited"
cd /var && (kill -SEGV $(sh -c 'echo $PPID')) 2>/dev/null
ls /var/core* 2>/dev/null && echo "ESCAPED: dumped core"
:
