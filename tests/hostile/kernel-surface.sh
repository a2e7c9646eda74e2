# Parts of the kernel that no package needs and that exploits like.
[ "$(answer "$SYS_bpf" 0 0 0)" = 1 ] || echo "ESCAPED: bpf"
[ "$(answer "$SYS_perf_event_open" 0 0 0 0 0)" = 1 ] || echo "ESCAPED: perf_event_open"
[ "$(answer "$SYS_userfaultfd" 0)" = 1 ] || echo "ESCAPED: userfaultfd"
[ "$(answer "$SYS_io_uring_setup" 1 0)" = 1 ] || echo "ESCAPED: io_uring_setup"
[ "$(answer "$SYS_fanotify_init" 0 0)" = 1 ] || echo "ESCAPED: fanotify_init"
[ "$(answer "$SYS_quotactl" 0 0 0 0)" = 1 ] || echo "ESCAPED: quotactl"
[ "$(answer "$SYS_acct" /var/acct)" = 1 ] || echo "ESCAPED: acct"
[ "$(answer "$SYS_swapon" /var/swap 0)" = 1 ] || echo "ESCAPED: swapon"
# CAD_OFF: harmless if it gets through.
[ "$(answer "$SYS_reboot" 4276215469 672274793 0 0)" = 1 ] || echo "ESCAPED: reboot"
[ "$(answer "$SYS_sched_setscheduler" 0 1 0)" = OK ] && echo "ESCAPED: real-time priority"
# Numbers that this program does not know yet, and on x86_64 the calls of the other ABI.
for number in 463 470 500 1000 1073741824 1073741989; do
    [ "$(answer "$number" 0 0 0)" = 38 ] || echo "ESCAPED: call $number"
done
# Putting characters into a terminal's input.
[ "$(answer "$SYS_ioctl" 0 21522 x)" = 1 ] || echo "ESCAPED: TIOCSTI"
never sh -c ': </dev/tty'
