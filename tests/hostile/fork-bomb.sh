# expect: limit processes
# limits: processes=50 time=30
bomb() { bomb | bomb & }
bomb
while :; do bomb; done
