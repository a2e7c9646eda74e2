# expect: limit time
# limits: time=2
sleep 1000
