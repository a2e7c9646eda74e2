# What lays out volumes, with files as its disks. $1: a folder with disks/*.img, tree/ and script.
# shellcheck shell=sh
set -u
here=$1
# As systemd has it.
mount --make-rshared /
mkdir -p "$here/block"
loops=
for image in "$here"/disks/*.img; do
    loop=$(losetup --find --show "$image") || exit 1
    loops="$loops $loop"
    ln -s "/sys/block/${loop##*/}" "$here/block/${loop##*/}"
done
end() {
    umount -q "$here/tree/var/log" "$here/tree/var"
    for loop in $loops; do losetup -d "$loop"; done
}
trap end EXIT

export AF_SYS_BLOCK="$here/block" AF_FSTAB="$here/tree/fstab" AF_WORK="$here/work"
# There is no waiting for disks that do not come.
sleep() { :; }

seen() {
    echo "$1"
    findmnt -rno TARGET,FSTYPE,OPTIONS -R "$here/tree/var" | sed 's/,relatime.*//'
    (cd "$here/tree" && find var -type f | sort | while read -r file; do echo "$file: $(cat "$file")"; done)
}

# shellcheck source=/dev/null
. "$here/script" || {
    cat "$here/work/why"
    exit 1
}
seen "laid out:"
before=$(cat "$here/tree/fstab")
# shellcheck source=/dev/null
. "$here/script" || exit 1
[ "$(cat "$here/tree/fstab")" = "$before" ] || exit 1
umount "$here/tree/var/log" "$here/tree/var" || exit 1
mount -T "$here/tree/fstab" -a || exit 1
seen "after a restart:"
