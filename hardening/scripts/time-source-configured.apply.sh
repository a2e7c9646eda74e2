if ! cat /etc/chrony.conf /etc/chrony/chrony.conf /etc/chrony.d/* /etc/chrony/conf.d/*.conf /etc/chrony/sources.d/*.sources \
    2>/dev/null | grep -qE '^[[:blank:]]*(server|pool|peer|refclock)[[:blank:]]+[^[:blank:]]'; then
    config=/etc/chrony.conf
    if [ -e /etc/chrony/chrony.conf ]; then
        config=/etc/chrony/chrony.conf
    fi
    {
        cat "$config" 2>/dev/null || true
        printf '# Written by amifactory.\nserver %s prefer iburst minpoll 4 maxpoll 4\n' "$AF_PARAM_TIME_SOURCE"
    } >"$AF_TMP/lines"
    if [ -e "$config" ]; then
        af_replace "$config" <"$AF_TMP/lines"
    else
        af_write_file "$config" 0644 root:root <"$AF_TMP/lines"
    fi
fi
