# Goes through /proc to the process that stands between the sandbox and the machine.
never ls /proc/1/root/
never ls /proc/1/cwd/
for fd in 0 1 2 3 4 5 6 7 8 9; do
    never readlink "/proc/1/fd/$fd"
    never head -c 0 "/proc/1/fd/$fd"
    never_write "/proc/1/fd/$fd" x
done
never cat /proc/1/environ
never cat /proc/1/maps
never cat /proc/1/exe
never readlink /proc/1/exe
never_write /proc/1/exe changed
never_write /proc/1/mem changed
never_write /proc/1/oom_score_adj -900
for process in /proc/[0-9]*; do
    never cat "$process/root$CANARY/file"
done
never cat "/proc/$HOST_PID/root$CANARY/file"
