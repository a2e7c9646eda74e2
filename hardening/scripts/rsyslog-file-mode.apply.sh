# shellcheck disable=SC2016 # The dollar is rsyslog's own spelling.
# Settings that are there and too weak are set right where they stand.
for file in $(af_rsyslog_files); do
    [ -f "$file" ] || continue
    # Any bit beyond rw-r-----: one of the first digit's executes, of the second's writes or executes, of the third's.
    sed -E '/^[[:blank:]]*\$FileCreateMode/I{
        /FileCreateMode[[:blank:]]+0?[0246][04]0[[:blank:]]*$/I!s/(FileCreateMode[[:blank:]]+)[0-7]+/\10640/I
    }' "$file" >"$AF_TMP/lines"
    af_replace "$file" <"$AF_TMP/lines"
done
if ! af_rsyslog_lines | grep -qiE '^[[:blank:]]*\$FileCreateMode'; then
    # It holds for the outputs after it, so it comes first.
    printf '# Written by amifactory.\n$FileCreateMode 0640\n' | af_write_file /etc/rsyslog.d/00-amifactory.conf 0644 root:root
fi
