#!/bin/sh
# The reference for whole builds: what a person would type to run a script over a copy-on-write overlay of this
# machine, in namespaces of its own. Started by unshare; nothing of it is left when it ends.
#
# by_hand.sh STAGE UPPER WORK SCRIPT [LAYER...]: STAGE is an empty folder, layers are given top to bottom.
set -eu
stage=$1 upper=$2 work=$3 script=$4
shift 4
options=redirect_dir=nofollow,metacopy=off,index=off

mount -t tmpfs -o mode=700 tmpfs "$stage"
cd "$stage"
mkdir hide fresh host root

# Only the OS's own folders are shown, as in the sandbox: a step that searches the whole tree finds the same in both.
for path in /* /.[!.]*; do
    case $path in
        /bin | /sbin | /lib | /lib32 | /lib64 | /libx32 | /usr | /etc | /var | /opt | /boot | /srv) ;;
        *) if [ -e "$path" ] || [ -L "$path" ]; then mknod "hide$path" c 0 0; fi ;;
    esac
done
mkdir hide/var
mknod hide/var/tmp c 0 0
mkdir -p fresh/dev fresh/proc fresh/sys fresh/run fresh/tmp fresh/home fresh/root fresh/mnt fresh/media fresh/var/tmp
chmod 0555 fresh/proc fresh/sys
chmod 0700 fresh/root
chmod 1777 fresh/tmp fresh/var/tmp

lower=$stage/fresh:$stage/hide:/
if [ "$#" -gt 0 ]; then
    # The kernel takes no layer that lies inside another one, as these do in /; an overlay is another filesystem.
    mount -t overlay -o "lowerdir=$lower,$options" overlay host
    lower=$stage/host
    layers=
    for layer in "$@"; do layers=$layers$layer:; done
    lower=$layers$lower
fi
mount -t overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work,$options" overlay root

mount -t proc proc root/proc
for folder in sys dev run tmp; do mount -t tmpfs tmpfs "root/$folder"; done
chmod 0755 root/run
mkdir root/dev/shm root/run/lock
mount -t tmpfs tmpfs root/dev/shm
mknod -m 666 root/dev/null c 1 3
mknod -m 666 root/dev/zero c 1 5
mknod -m 666 root/dev/full c 1 7
mknod -m 666 root/dev/random c 1 8
mknod -m 666 root/dev/urandom c 1 9
ln -s /proc/self/fd root/dev/fd
ip link set lo up 2>/dev/null || true
cp "$script" root/run/script.sh
cd root
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} \
    chroot . /bin/sh /run/script.sh
