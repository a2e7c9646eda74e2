# Login records are read by everyone's `last` and `who`, as their packages mean them to be.
if [ ! -d /var/log ]; then
    af_look fail /var/log "log files unreadable for others" "no such folder"
else
    # shellcheck disable=SC2046 # One word for each.
    open=$(find $(af_filesystem_logs) -xdev -type f \( -perm /0137 -a ! -name '*wtmp*' -a ! -name '*btmp*' -a ! -name 'lastlog*' \
        -o -perm /0113 \) -printf '%m %p\n' 2>/dev/null | sort | head -n 5)
    af_look_none "/var/log" "0640 or stricter" "$open" "all files"
fi
