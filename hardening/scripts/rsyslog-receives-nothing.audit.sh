# shellcheck disable=SC2016 # The dollar is rsyslog's own spelling.
if [ ! -r /etc/rsyslog.conf ]; then
    af_look fail /etc/rsyslog.conf "no input from the network" "no such file"
else
    # shellcheck disable=SC2046 # One word for each.
    inputs=$(af_lines $(af_rsyslog_files) \
        | grep -E '^[[:blank:]]*[^#[:blank:]]' | grep -E 'im(tcp|udp|relp|ptcp)|\$(InputTCPServerRun|UDPServerRun)')
    af_look_none "rsyslog network inputs" none "$inputs"
fi
