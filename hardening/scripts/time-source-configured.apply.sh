if ! af_chrony_lines \
    | grep -qE '^[[:blank:]]*(server|pool|peer|refclock)[[:blank:]]+[^[:blank:]]'; then
    config=/etc/chrony.conf
    if [ -e /etc/chrony/chrony.conf ]; then
        config=/etc/chrony/chrony.conf
    fi
    af_append "$config" "# Written by amifactory.${AF_NL}server $AF_PARAM_TIME_SOURCE prefer iburst minpoll 4 maxpoll 4"
fi
