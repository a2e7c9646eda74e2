# Changes files of the layers underneath in every way: each change is a copy.
cd /opt/canary || { echo "ESCAPED: the layer is missing"; exit 1; }
echo changed >file
truncate -s 0 other 2>/dev/null || : >other
chmod 4777 mode
chown 65534:65534 owner
touch -d '2001-01-01' time 2>/dev/null || perl -e 'utime 1, 1, "time"'
ln file hard && echo changed >hard
mv folder elsewhere
rm -rf deleted
never chattr +i file
never call "$SYS_setxattr" /opt/canary/file trusted.overlay.redirect /etc 4 0
never call "$SYS_setxattr" /opt/canary trusted.overlay.opaque y 1 0
# A pipe and a socket of the machine that lie in a layer are not connected to the machine.
never perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_STREAM, 0); exit !connect($s, pack_sockaddr_un("/opt/canary/socket"))'
never perl -MFcntl -e 'exit !sysopen(my $f, "/opt/canary/pipe", O_WRONLY | O_NONBLOCK)'
