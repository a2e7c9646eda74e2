# expect: limit disk
# limits: disk=32 time=60
# One file can't pass the limit, and one that fills it is seen.
if dd if=/dev/zero of=/var/fill bs=1M count=4000 2>/dev/null; then echo "ESCAPED: wrote a large file"; fi
sleep 30
