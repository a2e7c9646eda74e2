# network: none
# Looks for a way out that nobody gave it.
tcp() {
    perl -MSocket -e 'my ($host, $port) = @ARGV; socket(my $s, PF_INET, SOCK_STREAM, 0) or exit 1;
        alarm 2; exit !connect($s, sockaddr_in($port, inet_aton($host)))' "$1" "$2"
}
never tcp 127.0.0.1 "$HOST_PORT"
never tcp "$HOST_ADDRESS" "$HOST_PORT"
never tcp 1.1.1.1 53
never tcp 169.254.169.254 80
never tcp 127.0.0.1 3128
# Abstract sockets have no file: only the network namespace keeps them apart.
never perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_STREAM, 0) or exit 1;
    exit !connect($s, pack_sockaddr_un("\0" . $ARGV[0]))' "$ABSTRACT"
# UDP to the name server; raw, packet and vsock sockets.
never perl -MSocket -e 'socket(my $s, PF_INET, SOCK_DGRAM, 0) or exit 1;
    exit !send($s, "x", 0, sockaddr_in(53, inet_aton("1.1.1.1")))'
never perl -MSocket -e 'exit !socket(my $s, PF_INET, 3, 1)'
never perl -e 'exit !socket(my $s, 17, 3, 768)'
never perl -e 'exit !socket(my $s, 40, 1, 0)'
never perl -e 'exit !socket(my $s, 38, 5, 0)'
never perl -MSocket -e 'exit !defined inet_aton("example.org")'
# Its own loopback works.
perl -MSocket -e 'socket(my $l, PF_INET, SOCK_STREAM, 0); bind($l, sockaddr_in(80, INADDR_LOOPBACK)) or exit 1;
    listen($l, 1); socket(my $s, PF_INET, SOCK_STREAM, 0);
    exit !connect($s, sockaddr_in(80, INADDR_LOOPBACK))' || echo "ESCAPED: no loopback of its own"
