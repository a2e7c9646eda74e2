files=
for file in /etc/apparmor.d/*; do
    [ -f "$file" ] && grep -qE '^[^#]*\([^)]*\bcomplain\b' "$file" && files="$files, $file"
done
for link in /etc/apparmor.d/force-complain/*; do
    if [ -e "$link" ] || [ -L "$link" ]; then
        files="$files, $link"
    fi
done
af_look_none "profiles that only complain" none "${files#, }"
