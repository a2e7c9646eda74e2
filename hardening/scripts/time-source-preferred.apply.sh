if [ -x /usr/sbin/chronyd ]; then
    if ! af_lines /etc/chrony/chrony.conf /etc/chrony/conf.d/*.conf /etc/chrony/sources.d/*.sources \
        | awk -v source="$AF_PARAM_TIME_SOURCE" '$1 == "server" && $2 == source { found = 1 } END { exit !found }'; then
        # Debian's chrony.conf reads this folder.
        printf '# Written by amifactory.\nserver %s prefer iburst minpoll 4 maxpoll 4\n' "$AF_PARAM_TIME_SOURCE" \
            | af_write_file /etc/chrony/sources.d/amifactory.sources 0644 root:root
        if ! grep -qsE '^[[:blank:]]*sourcedir[[:blank:]]+/etc/chrony/sources\.d' /etc/chrony/chrony.conf; then
            af_append /etc/chrony/chrony.conf 'sourcedir /etc/chrony/sources.d'
        fi
    fi
else
    af_ini_option_apply /etc/systemd/timesyncd.conf Time NTP equals "$AF_PARAM_TIME_SOURCE"
fi
