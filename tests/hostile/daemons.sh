# Leaves processes behind that want to stay.
(trap '' HUP TERM INT; sleep 1000) &
if command -v setsid >/dev/null; then setsid sleep 1000 & fi
perl -e 'for (1 .. 20) { next if fork; exit if fork; $SIG{$_} = "IGNORE" for qw(HUP TERM INT);
    syscall('"$SYS_prctl"', 1, 0, 0, 0, 0); sleep 1000; exit }' &
sleep 1
