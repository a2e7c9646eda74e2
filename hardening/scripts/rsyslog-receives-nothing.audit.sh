# shellcheck disable=SC2016 # The dollar is rsyslog's own spelling.
if [ ! -r /etc/rsyslog.conf ]; then
    af_look fail /etc/rsyslog.conf "no input from the network" "no such file"
else
    inputs=$(af_lines /etc/rsyslog.conf /etc/rsyslog.d/*.conf \
        | grep -E '^[[:blank:]]*[^#[:blank:]]' | grep -E 'im(tcp|udp|relp|ptcp)|\$(InputTCPServerRun|UDPServerRun)')
    if [ -n "$inputs" ]; then
        af_look fail "rsyslog network inputs" none "$inputs"
    else
        af_look pass "rsyslog network inputs" none none
    fi
fi
