# What rsyslog reads.
# shellcheck shell=sh

# af_rsyslog_files: prints the files that rsyslog reads: its own, and what those include, wherever that is. What a comment
# includes is looked at too.
af_rsyslog_files() {
    # shellcheck disable=SC2046,SC2016 # Patterns; and a dollar that is rsyslog's own.
    printf '%s\n' /etc/rsyslog.conf /etc/rsyslog.d/*.conf $(af_lines /etc/rsyslog.conf /etc/rsyslog.d/*.conf | tr '\n\t' '  ' \
        | grep -oiE '(\$IncludeConfig +|include *\([^)]*file *= *")[^" ]+' | sed 's/.*[ "]//; s|/$|/*|') | sort -u
}
