# What says otherwise is taken away, so that the order of files does not matter.
for file in /etc/security/limits.conf /etc/security/limits.d/*.conf; do
    if [ ! -f "$file" ] || [ "$file" = /etc/security/limits.d/99-zz-amifactory.conf ]; then
        continue
    fi
    awk '
        { line = $0; $0 = tolower($0) }
        !/^[ \t]*#/ && ($2 == "hard" || $2 == "-") && $3 == "core" && $4 != "0" { line = "# amifactory: " line }
        { print line }' "$file" >"$AF_TMP/lines"
    af_replace "$file" <"$AF_TMP/lines"
done
printf '# Written by amifactory.\n* hard core 0\n' | af_write_file /etc/security/limits.d/99-zz-amifactory.conf 0644 root:root
