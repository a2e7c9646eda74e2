sources=$(af_chrony_lines \
    | grep -E '^[[:blank:]]*(server|pool|peer|refclock)[[:blank:]]+[^[:blank:]]')
if [ -n "$sources" ]; then
    af_look pass "chrony time sources" "at least one" "$sources"
else
    af_look fail "chrony time sources" "at least one" none
fi
