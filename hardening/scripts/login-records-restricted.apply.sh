for name in wtmp btmp lastlog faillog; do
    file=/var/log/$name
    if [ -f "$file" ] && [ $((0$(stat -c %a "$file") & 0137)) -ne 0 ]; then
        chmod u-x,g-wx,o-rwx "$file"
    fi
done
# systemd gives them their modes anew at every boot; of several lines for one path it takes the first.
af_write_file /etc/tmpfiles.d/00-amifactory-login-records.conf 0644 root:root <<'RECORDS'
# Written by amifactory.
f /var/log/wtmp 0640 root utmp -
f /var/log/btmp 0640 root utmp -
f /var/log/lastlog 0640 root utmp -
RECORDS
# And so does logrotate; what changes them after that goes.
for file in /etc/logrotate.d/wtmp /etc/logrotate.d/btmp /etc/tmpfiles.d/*.conf; do
    [ -f "$file" ] || continue
    sed -E -e '/create[[:blank:]]+0?[0246][04]0\b/!s/^([[:blank:]]*create[[:blank:]]+)[0-7]+/\10640/' \
        -e 's/^[[:blank:]]*("?[^#"f]|"?f[^[:blank:]]*[+])[^[:blank:]]*[[:blank:]]+"?\/var\/log\/([bw]tmp|lastlog)["[:blank:]]/# amifactory: &/' "$file" >"$AF_TMP/lines"
    af_replace "$file" <"$AF_TMP/lines"
done
