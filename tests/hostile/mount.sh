# Mounts, remounts, moves and unmounts, by the old calls and the new ones.
mkdir -p /mnt/a /mnt/b
never call "$SYS_mount" none /mnt/a tmpfs 0 0
never call "$SYS_mount" proc /mnt/a proc 0 0
never call "$SYS_mount" sysfs /mnt/a sysfs 0 0
never call "$SYS_mount" cgroup2 /mnt/a cgroup2 0 0
never call "$SYS_mount" devtmpfs /mnt/a devtmpfs 0 0
never call "$SYS_mount" / /mnt/a none 4096 0
never call "$SYS_mount" none /proc/sys none 4128 0
never call "$SYS_mount" none / none 32 0
never call "$SYS_umount2" /proc/sys 2
never call "$SYS_umount2" /sys 2
never call "$SYS_umount2" / 2
never call "$SYS_pivot_root" /mnt/a /mnt/b
for number in "$SYS_open_tree" "$SYS_move_mount" "$SYS_fsopen" "$SYS_fsmount" "$SYS_mount_setattr"; do
    [ "$(answer "$number" 0 0 0 0 0)" = 1 ] || echo "ESCAPED: call $number is not refused"
done
if command -v mount >/dev/null; then
    never mount -t tmpfs none /mnt/a
    never mount --bind / /mnt/a
    never mount -o remount,rw /proc/sys
    never umount -l /proc/sys
fi
