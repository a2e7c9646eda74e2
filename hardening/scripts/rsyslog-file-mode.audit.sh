# What one output says of itself sets no default.
# shellcheck disable=SC2016,SC2046 # The dollar is rsyslog's own spelling. One word for each.
modes=$(af_lines $(af_rsyslog_files) | sed -nE \
    -e '/^[[:blank:]]*#/d' \
    -e 's/^[[:blank:]]*\$FileCreateMode[[:blank:]]+([0-7]+).*/all \1/Ip' \
    -e 's/(.*builtin:omfile)?.*fileCreateMode="?([0-7]+).*/\1 \2/Ip')
weak=
case $modes in
    *all* | *omfile*) ;;
    *) weak=" not set" ;;
esac
for mode in $modes; do
    case $mode in
        [!0-7]*) ;;
        *) [ $((0$mode & ~0640 & 0777)) -eq 0 ] || weak="$weak $mode" ;;
    esac
done
af_look_none "rsyslog FileCreateMode" "0640 or stricter" "${weak# }"
