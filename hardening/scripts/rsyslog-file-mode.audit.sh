# shellcheck disable=SC2016 # The dollar is rsyslog's own spelling.
modes=$(cat /etc/rsyslog.conf /etc/rsyslog.d/*.conf 2>/dev/null | sed -nE \
    -e 's/^[[:blank:]]*\$FileCreateMode[[:blank:]]+([0-7]+).*/\1/p' \
    -e 's/.*[fF]ile[cC]reate[mM]ode="?([0-7]+).*/\1/p')
if [ -z "$modes" ]; then
    af_look fail "rsyslog FileCreateMode" "0640 or stricter" "not set"
fi
for mode in $modes; do
    if [ $((0$mode & ~0640 & 0777)) -eq 0 ]; then
        af_look pass "rsyslog FileCreateMode" "0640 or stricter" "$mode"
    else
        af_look fail "rsyslog FileCreateMode" "0640 or stricter" "$mode"
    fi
done
