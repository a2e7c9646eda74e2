if [ -x /usr/sbin/chronyd ]; then
    if ! cat /etc/chrony/chrony.conf /etc/chrony/conf.d/*.conf /etc/chrony/sources.d/*.sources 2>/dev/null \
        | awk -v source="$AF_PARAM_TIME_SOURCE" '$1 == "server" && $2 == source { found = 1 } END { exit !found }'; then
        # Debian's chrony.conf reads this folder.
        printf '# Written by amifactory.\nserver %s prefer iburst minpoll 4 maxpoll 4\n' "$AF_PARAM_TIME_SOURCE" \
            | af_write_file /etc/chrony/sources.d/amifactory.sources 0644 root:root
        if ! grep -qsE '^[[:blank:]]*sourcedir[[:blank:]]+/etc/chrony/sources\.d' /etc/chrony/chrony.conf; then
            {
                cat /etc/chrony/chrony.conf 2>/dev/null || true
                echo 'sourcedir /etc/chrony/sources.d'
            } >"$AF_TMP/lines"
            if [ -e /etc/chrony/chrony.conf ]; then
                af_replace /etc/chrony/chrony.conf <"$AF_TMP/lines"
            else
                af_write_file /etc/chrony/chrony.conf 0644 root:root <"$AF_TMP/lines"
            fi
        fi
    fi
else
    af_ini_option_apply /etc/systemd/timesyncd.conf Time NTP equals "$AF_PARAM_TIME_SOURCE"
fi
