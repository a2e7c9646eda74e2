# Sets the clock and the host name.
[ "$(answer "$SYS_settimeofday" 0 0)" = 1 ] || echo "ESCAPED: settimeofday is not refused"
[ "$(answer "$SYS_clock_settime" 0 0)" = 1 ] || echo "ESCAPED: clock_settime is not refused"
[ "$(answer "$SYS_adjtimex" 0)" = 1 ] || echo "ESCAPED: adjtimex is not refused"
never date -s '2001-01-01 00:00:00'
never call "$SYS_sethostname" intruder 8
never call "$SYS_setdomainname" intruder 8
if command -v hostname >/dev/null; then never hostname intruder; fi
