# What one output says of itself sets no default.
# shellcheck disable=SC2016 # The dollar is rsyslog's own spelling.
modes=$(af_rsyslog_lines | sed -nE \
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
