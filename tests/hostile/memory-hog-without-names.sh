# expect: limit memory
# limits: memory=64 disk=8000 time=30
# Memory that no process shows as its own: a file in memory that is never mapped.
number=319
[ "$(uname -m)" = aarch64 ] && number=279
perl -e 'my $name = "hog"; my $fd = syscall($ARGV[0] + 0, $name, 0); open(my $f, ">&=", $fd) or exit 1;
    my $block = "x" x 1048576; while (1) { syswrite($f, $block) // last } sleep 30' "$number"
sleep 30
