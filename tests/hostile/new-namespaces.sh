# Makes and joins namespaces, in which it would be root of more.
for flag in 131072 268435456 536870912 1073741824 134217728 67108864 33554432; do
    [ "$(answer "$SYS_unshare" "$flag")" = 1 ] || echo "ESCAPED: unshare $flag"
    [ "$(answer "$SYS_clone" "$((flag + 17))" 0 0 0 0)" = 1 ] || echo "ESCAPED: clone $flag"
done
[ "$(answer "$SYS_clone3" 0 0)" = 38 ] || echo "ESCAPED: clone3 exists"
for kind in mnt pid net ipc uts user cgroup; do
    perl -e 'open(my $f, "<", $ARGV[1]) or exit 1; exit(syscall($ARGV[0] + 0, fileno($f), 0) < 0)' \
        "$SYS_setns" "/proc/self/ns/$kind" && echo "ESCAPED: joined $kind"
done
if command -v unshare >/dev/null; then
    never unshare -r true
    never unshare -m true
    never unshare -n true
fi
