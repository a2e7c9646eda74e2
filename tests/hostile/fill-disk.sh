# expect: limit disk
# limits: disk=32 time=60
number=0
while :; do
    number=$((number + 1))
    dd if=/dev/zero of="/var/fill-$number" bs=1M count=4 2>/dev/null
done
