# Login records are read by everyone's `last` and `who`, as their packages mean them to be.
if [ ! -d /var/log ]; then
    af_look fail /var/log "log files unreadable for others" "no such folder"
else
    # shellcheck disable=SC2046 # One word for each.
    open=$(find $(af_filesystem_logs) -xdev -type f \( -perm /0137 -a ! -name '*wtmp*' -a ! -name '*btmp*' -a ! -name 'lastlog*' \
        -o -perm /0113 \) -printf '%m %p\n' 2>/dev/null | sort | head -n 5)
    if [ -n "$open" ]; then
        af_look fail "/var/log" "0640 or stricter" "$open"
    else
        af_look pass "/var/log" "0640 or stricter" "all files"
    fi
fi
