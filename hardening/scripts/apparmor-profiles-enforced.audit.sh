files=
for file in /etc/apparmor.d/*; do
    # Flags may go over several lines.
    if [ -f "$file" ] && sed 's/#.*//' "$file" | grep -zqE '\([^()]*\bcomplain\b[^()]*\)[[:space:]]*\{'; then
        files="$files, $file"
    fi
done
for link in /etc/apparmor.d/force-complain/*; do
    if [ -e "$link" ] || [ -L "$link" ]; then
        files="$files, $link"
    fi
done
af_look_none "profiles that only complain" none "${files#, }"
