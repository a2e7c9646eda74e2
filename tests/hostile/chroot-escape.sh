# Leaves a root through a folder that was opened outside it. It may: it ends up in the overlay all the same.
mkdir -p /var/jail
perl -e 'opendir(my $d, "/") or exit 1; chroot("/var/jail") or exit 0; chdir($d) or exit 0;
    chdir("..") for 1 .. 50; chroot("."); exit(-e $ARGV[0] ? 1 : 0)' "$CANARY/file" || echo "ESCAPED: sees $CANARY"
never cat "$CANARY/file"
