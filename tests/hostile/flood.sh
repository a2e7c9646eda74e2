# expect: limit time
# limits: time=3
# Endless output, with and without line ends.
yes 'a line of output that never ends' >&2 &
perl -e '$| = 1; print "x" x 65536 while 1' &
while :; do echo another; done
