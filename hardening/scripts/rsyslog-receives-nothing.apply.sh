for file in /etc/rsyslog.conf /etc/rsyslog.d/*.conf; do
    [ -f "$file" ] || continue
    awk '
        /^[ \t]*#/ { print; next }
        /im(tcp|udp|relp|ptcp)/ || /\$(InputTCPServerRun|UDPServerRun)/ { print "# amifactory: " $0; next }
        { print }' "$file" >"$AF_TMP/lines"
    af_replace "$file" <"$AF_TMP/lines"
done
