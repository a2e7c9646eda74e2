# expect: limit disk
# limits: disk=32 time=60
# Files that have no name any more take up room all the same.
perl -e 'my @open; my $block = "x" x 1048576;
    while (1) { open(my $f, ">", "/var/gone") or exit 1; unlink "/var/gone"; push @open, $f;
        for (1 .. 8) { syswrite($f, $block) or exit 1 } }'
