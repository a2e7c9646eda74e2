sources=$(af_lines /etc/chrony.conf /etc/chrony/chrony.conf /etc/chrony.d/* /etc/chrony/conf.d/*.conf /etc/chrony/sources.d/*.sources \
    | grep -E '^[[:blank:]]*(server|pool|peer|refclock)[[:blank:]]+[^[:blank:]]')
if [ -n "$sources" ]; then
    af_look pass "chrony time sources" "at least one" "$sources"
else
    af_look fail "chrony time sources" "at least one" none
fi
