# Makes nodes for the machine's disks and memory, and changes those it was given.
never mknod /var/disk b 254 0
never mknod /var/disk b 8 0
never mknod /var/mem c 1 1
never mknod /dev/kmsg c 1 11
never mknod /tmp/loop b 7 0
never mknod /dev/fuse c 10 229
for node in /dev/sda /dev/vda /dev/nvme0n1 /dev/mem /dev/kmem /dev/port /dev/kmsg /dev/fuse /dev/kvm /dev/loop-control \
    /dev/mapper/control /dev/net/tun /dev/vhost-vsock /dev/uinput; do
    [ -e "$node" ] && echo "ESCAPED: $node exists"
done
chmod 000 /dev/null 2>/dev/null
chown 65534 /dev/zero 2>/dev/null
rm -f /dev/full 2>/dev/null
chmod 666 /dev/null 2>/dev/null
