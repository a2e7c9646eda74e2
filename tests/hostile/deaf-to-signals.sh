# expect: limit time
# limits: time=2
trap '' HUP INT QUIT TERM PIPE ALRM USR1 USR2
while :; do :; done
