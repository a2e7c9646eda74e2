af_filesystem_scan
sed -n 's/^w //p' "$AF_TMP/scan" >"$AF_TMP/writable"
while IFS= read -r path; do
    if [ -d "$path" ]; then
        chmod +t "$path"
    elif [ -f "$path" ]; then
        chmod o-w "$path"
    fi
done <"$AF_TMP/writable"
rm -f "$AF_TMP/scan"
