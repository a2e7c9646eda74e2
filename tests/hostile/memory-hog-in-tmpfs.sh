# expect: limit memory
# limits: memory=64 time=30
for folder in /tmp /run /dev/shm; do
    for number in 1 2 3 4 5 6 7 8 9 10; do dd if=/dev/zero of="$folder/$number" bs=1M count=8; done
done
sleep 30
