# expect: limit disk
# limits: disk=32 time=60
mkdir -p /var/many
perl -e 'my $n = 0; while (1) { open(my $f, ">", "/var/many/" . $n++) or exit 1 }'
