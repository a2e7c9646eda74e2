# Traces, reads and writes the sandbox's first process.
[ "$(answer "$SYS_ptrace" 16 1 0 0)" = OK ] && echo "ESCAPED: attached to pid 1"
[ "$(answer "$SYS_ptrace" 16902 1 0 0)" = OK ] && echo "ESCAPED: seized pid 1"
never perl -e 'my $local = pack("QQ", unpack("Q", pack("p", "x")), 1); my $remote = pack("QQ", 4194304, 1);
    exit(syscall($ARGV[0] + 0, 1, $local, 1, $remote, 1, 0) < 0)' "$SYS_process_vm_writev"
pidfd=$(perl -e 'my $f = syscall($ARGV[0] + 0, 1, 0); print syscall($ARGV[1] + 0, $f, 0, 0) < 0 ? "no" : "yes"' \
    "$SYS_pidfd_open" "$SYS_pidfd_getfd")
[ "$pidfd" = no ] || echo "ESCAPED: took a descriptor of pid 1"
