# network: gate
# Asks the gate for everything but what it may have.
request() {
    perl -MSocket -e 'my $text = join("", map { s/\\r\\n/\r\n/gr } @ARGV);
        socket(my $s, PF_INET, SOCK_STREAM, 0); connect($s, sockaddr_in(3128, INADDR_LOOPBACK)) or exit 1;
        select($s); $| = 1; print $text; select(STDOUT); alarm 10; my $line = <$s> // ""; print $line;
        exit($line !~ m{^HTTP/1\.. 200})' "$1"
}
never request "GET http://127.0.0.1:$HOST_PORT/ HTTP/1.1\r\n\r\n"
never request "GET http://localhost:$HOST_PORT/ HTTP/1.1\r\n\r\n"
never request "GET http://LOCALHOST.:$OPEN_PORT/ HTTP/1.1\r\n\r\n"
never request "GET http://$HOST_ADDRESS:$HOST_PORT/ HTTP/1.1\r\n\r\n"
never request "GET http://127.1:$OPEN_PORT/ HTTP/1.1\r\n\r\n"
never request "GET http://2130706433:$OPEN_PORT/ HTTP/1.1\r\n\r\n"
never request "GET http://0x7f000001:$OPEN_PORT/ HTTP/1.1\r\n\r\n"
never request "GET http://[::ffff:127.0.0.1]:$OPEN_PORT/ HTTP/1.1\r\n\r\n"
never request "GET http://127.0.0.1:$OPEN_PORT@127.0.0.1:$HOST_PORT/ HTTP/1.1\r\n\r\n"
never request "CONNECT 127.0.0.1:$HOST_PORT HTTP/1.1\r\n\r\n"
never request "CONNECT 169.254.169.254:80 HTTP/1.1\r\n\r\n"
never request "GET http://169.254.169.254/latest/meta-data/ HTTP/1.1\r\n\r\n"
never request "GET http://[fd00:ec2::254]/latest/meta-data/ HTTP/1.1\r\n\r\n"
never request "POST http://127.0.0.1:$OPEN_PORT/ HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
never request "GET http://127.0.0.1:$OPEN_PORT/ HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
never request "GET / HTTP/1.1\r\nHost: 127.0.0.1:$OPEN_PORT\r\n\r\n"
never request "GET http://127.0.0.1:$OPEN_PORT/ HTTP/1.1\r\nno colon here\r\n\r\n"
# A second request behind the first is not looked at.
request "GET http://127.0.0.1:$OPEN_PORT/ HTTP/1.1\r\n\r\nGET http://127.0.0.1:$HOST_PORT/ HTTP/1.1\r\n\r\n" >/dev/null ||
    echo "ESCAPED: the gate refuses what it should let through"
request "GET http://127.0.0.1:$OPEN_PORT/ HTTP/1.1\r\nHost: 127.0.0.1:$HOST_PORT\r\n\r\n" >/dev/null ||
    echo "ESCAPED: the gate is broken"
never request "$(perl -e 'print "GET http://127.0.0.1/ HTTP/1.1\\r\\nX: ", "x" x 100000, "\\r\\n\\r\\n"')"
