# limits: disk=32
# Files that look larger than they are, up to what they may be.
perl -e 'open(my $f, ">", "/var/hole"); exit !truncate($f, 1 << 24)' || echo "ESCAPED: a small hole is refused"
perl -e '$SIG{XFSZ} = "IGNORE"; open(my $f, ">", "/var/hole"); exit !truncate($f, 1 << 40)' &&
    echo "ESCAPED: made a large hole"
:
