# Signals everything it can name. The shell itself is spared by kill -1, and so is pid 1.
never kill -0 "$HOST_PID"
never kill -9 "$HOST_PID"
sleep 100 &
kill -9 -1
kill -9 1
kill -STOP 1
never call "$SYS_pidfd_open" "$HOST_PID" 0
count=$(ls -d /proc/[0-9]* | wc -l)
[ "$count" -lt 10 ] || echo "ESCAPED: sees $count processes"
