# expect: limit memory
# limits: memory=64 time=30
perl -e 'my @a; push @a, "x" x 1000000 while 1'
sleep 30
