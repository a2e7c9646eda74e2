# Where log_host is not set, any host counts that rsyslog sends everything to: `*.* @host`,
# `@@host`, or an action of its forwarding module.
# shellcheck disable=SC2046 # One word for each.
targets=$(af_lines $(af_rsyslog_files) | grep -vE '^[[:blank:]]*#' \
    | grep -oE '^[[:blank:]]*\*\.\*[[:blank:]]+@@?[^[:blank:]]+|type="omfwd"[^)]*|target="[^"]+"' | tr '\n' ' ')
if [ -n "$targets" ] && [ -n "$AF_PARAM_LOG_HOST" ] \
    && ! printf '%s\n' "$targets" | tr ' ' '\n' | sed 's/.*target=//; s/^@*//; s/^([^)]*)//; s/;.*//; s/"//g; s/^\([^:]*\):[0-9]*$/\1/' \
        | grep -qxF -e "$AF_PARAM_LOG_HOST" -e "${AF_PARAM_LOG_HOST%:*}"; then
    af_look fail "rsyslog targets" "$AF_PARAM_LOG_HOST" "$targets"
elif [ -n "$targets" ]; then
    af_look pass "rsyslog targets" "${AF_PARAM_LOG_HOST:-a log host}" "$targets"
elif [ -n "$AF_PARAM_LOG_HOST" ]; then
    af_look fail "rsyslog targets" "$AF_PARAM_LOG_HOST" none
else
    af_look not_applicable "rsyslog targets" "a log host" "none: the parameter log_host is empty, so another agent has to send logs"
fi
