if [ ! -d /var/log ]; then
    af_look fail /var/log "login records 0640 or stricter" "no such folder"
else
    open=
    for name in wtmp btmp lastlog faillog; do
        mode=$(stat -c %a "/var/log/$name" 2>/dev/null) || continue
        if [ $((0$mode & 0137)) -ne 0 ]; then
            open="$open, $name is $mode"
        fi
    done
    af_look_none "/var/log login records" "0640 or stricter" "${open#, }"
fi
# What boot and rotation will make of them: of lines that make a file the first of the first folder counts, in the order
# of names, and all that change one.
for name in wtmp btmp lastlog; do
    mode=$(awk -v path="/var/log/$name" "$AF_AWK_DROPINS"'
        BEGIN {
            for (i = 1; i < ARGC; i++) paths[i] = ARGV[i]
            n = dropins(paths, ARGC - 1)
            for (i = 1; i <= n; i++) while ((getline < ordered[i]) > 0) {
                gsub(/"/, "")
                if ($2 != path || $1 ~ /^#/ || ($1 ~ /^f[^+]*$/ ? made++ : $3 !~ /[0-7]/)) continue
                if (mode == "" || mode ~ /^06[04]0$/) mode = $3
            }
            print mode
        }' /etc/tmpfiles.d/*.conf /run/tmpfiles.d/*.conf /usr/lib/tmpfiles.d/*.conf /lib/tmpfiles.d/*.conf)
    af_judge "tmpfiles.d /var/log/$name" one-of "0640|0600" "$mode"
done
rotated=$(af_lines /etc/logrotate.d/wtmp /etc/logrotate.d/btmp \
    | sed -nE '/create[[:blank:]]+0?[0246][04]0\b/!{/^[[:blank:]]*create[[:blank:]]+[0-7]/p}')
af_look_none "logrotate of login records" "0640 or stricter" "$rotated"
