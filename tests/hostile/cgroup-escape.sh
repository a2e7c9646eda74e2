# Looks for a control group whose release agent it can set, or whose limit it can lift.
mkdir -p /mnt/cgroup
never call "$SYS_mount" cgroup /mnt/cgroup cgroup 0 memory
never call "$SYS_mount" cgroup2 /mnt/cgroup cgroup2 0 0
for file in $(find / -xdev \( -name release_agent -o -name cgroup.procs -o -name devices.allow \) 2>/dev/null); do
    echo "ESCAPED: $file"
done
never_write /sys/fs/cgroup/release_agent /bin/true
never_write /sys/fs/cgroup/cgroup.procs 1
grep -q amifactory- /proc/self/cgroup && echo "ESCAPED: sees the name of its own group"
:
