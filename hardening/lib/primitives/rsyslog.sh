# What rsyslog reads.
# shellcheck shell=sh

# af_rsyslog_files: prints the files that rsyslog reads: its own, and what those include, wherever that is. What a comment
# includes is looked at too.
af_rsyslog_files() {
    # shellcheck disable=SC2046,SC2016 # Patterns; and a dollar that is rsyslog's own.
    printf '%s\n' /etc/rsyslog.conf /etc/rsyslog.d/*.conf $(af_lines /etc/rsyslog.conf /etc/rsyslog.d/*.conf | tr '\n\t' '  ' \
        | grep -oiE '(\$IncludeConfig +|include *\([^)]*file *= *")[^" ]+' | sed 's/.*[ "]//; s|/$|/*|') | sort -u
}

# af_rsyslog_lines: prints what those files say, without comments.
af_rsyslog_lines() {
    # shellcheck disable=SC2046 # One word for each.
    af_lines $(af_rsyslog_files) | sed -E -e 's|^[[:blank:]]*/\*([^*]\|\*+[^*/])*\*+/||' -e '\|^[[:blank:]]*/\*|,\|\*/|{\|\*/|!d;s|.*\*/||;}' -e '/^[[:blank:]]*#/d'
}
