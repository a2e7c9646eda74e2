files=
for file in /etc/apparmor.d/*; do
    [ -f "$file" ] && grep -qE '^[^#]*\([^)]*\bcomplain\b' "$file" && files="$files, $file"
done
for link in /etc/apparmor.d/force-complain/*; do
    if [ -e "$link" ] || [ -L "$link" ]; then
        files="$files, $link"
    fi
done
if [ -n "$files" ]; then
    af_look fail "profiles that only complain" none "${files#, }"
else
    af_look pass "profiles that only complain" none none
fi
