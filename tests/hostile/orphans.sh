# limits: processes=700 time=60
# Thousands of processes that nobody waits for: pid 1 must clear them away.
perl -e 'for (1 .. 60) { my $child = fork; if (!$child) { for (1 .. 20) { exit 0 if !fork } exit 0 } waitpid($child, 0) }'
sleep 0.2
count=$(ls -d /proc/[0-9]* | wc -l)
[ "$count" -lt 10 ] || echo "ESCAPED: $count processes are left"
