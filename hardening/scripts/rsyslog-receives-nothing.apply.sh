# A module(…) or input(…) goes as a whole, up to the parenthesis that closes it.
rm -f "$AF_TMP"/before.*
sound=yes
count=0
for file in $(af_rsyslog_files); do
    [ -f "$file" ] || continue
    awk '
        function depth(text) { gsub(/"[^"]*"/, "", text); return gsub(/\(/, "", text) - gsub(/\)/, "", text) }
        function network(text) { return text ~ /im(tcp|udp|relp|ptcp)/ || text ~ /\$(InputTCPServerRun|UDPServerRun)/ }
        function flush(drop,    i) {
            for (i = 1; i <= n; i++) print (drop && held[i] !~ /^[ \t]*#/ ? "# amifactory: " : "") held[i]
            n = 0; open = 0; found = 0
        }
        {
            held[++n] = $0
            if ($0 !~ /^[ \t]*#/) {
                if (open > 0 || $0 ~ /^[ \t]*(module|input)[ \t]*\(/) open += depth($0)
                if (network($0)) found = 1
            }
            if (open <= 0) flush(found)
        }
        END { flush(0) }' "$file" >"$AF_TMP/lines"
    cmp -s "$AF_TMP/lines" "$file" && continue
    # What was not sound before is no reason to put anything back.
    if [ "$count" -eq 0 ] && command -v rsyslogd >/dev/null 2>&1; then
        rsyslogd -N1 >/dev/null 2>&1 || sound=no
    fi
    count=$((count + 1))
    cp "$file" "$AF_TMP/before.$count"
    af_replace "$file" <"$AF_TMP/lines"
    eval "changed_$count=\$file"
done
if [ "$count" -gt 0 ] && [ "$sound" = yes ] && command -v rsyslogd >/dev/null 2>&1 \
    && ! rsyslogd -N1 >"$AF_TMP/rsyslogd" 2>&1; then
    cat "$AF_TMP/rsyslogd" >&2
    echo "rsyslog could not start without its network inputs: its files stay as they were" >&2
    while [ "$count" -gt 0 ]; do
        eval "file=\$changed_$count"
        af_replace "$file" <"$AF_TMP/before.$count"
        count=$((count - 1))
    done
fi
