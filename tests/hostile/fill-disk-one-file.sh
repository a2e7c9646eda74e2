# limits: disk=32 time=60
# One file can't pass the limit; a file with a hole is not what it seems.
if dd if=/dev/zero of=/var/fill bs=1M count=40 2>/dev/null; then echo "ESCAPED: wrote a large file"; fi
rm -f /var/fill
if perl -e 'open(my $f, ">", "/var/hole"); exit !truncate($f, 1 << 40)'; then echo "ESCAPED: made a large hole"; fi
rm -f /var/hole
