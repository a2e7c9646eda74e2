if [ -x /usr/sbin/chronyd ]; then
    read_too=$(grep -sE '^[[:blank:]]*sourcedir[[:blank:]]+/etc/chrony/sources\.d' /etc/chrony/chrony.conf)
    sources=$(
        af_lines /etc/chrony/chrony.conf /etc/chrony/conf.d/*.conf
        [ -z "$read_too" ] || af_lines /etc/chrony/sources.d/*.sources
    )
    found=$(printf '%s\n' "$sources" | awk '$1 ~ /^(server|pool|peer)$/ { list = list " " $2 } END { print substr(list, 2) }')
    case " $found " in
        *" $AF_PARAM_TIME_SOURCE "*) af_look pass "chrony time sources" "$AF_PARAM_TIME_SOURCE" "$found" ;;
        *) af_look fail "chrony time sources" "$AF_PARAM_TIME_SOURCE" "${found:-none}" ;;
    esac
else
    af_ini_option_audit /etc/systemd/timesyncd.conf Time NTP equals "$AF_PARAM_TIME_SOURCE"
fi
