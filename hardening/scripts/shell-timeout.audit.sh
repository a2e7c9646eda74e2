found=$(af_lines /etc/profile /etc/bashrc /etc/bash.bashrc /etc/profile.d/*.sh | awk -v most="$AF_PARAM_SHELL_TIMEOUT" '
    /^[ \t]*#/ { next }
    {
        sub(/[ \t]# amifactory: .*/, "")
        for (rest = $0; match(rest, /TMOUT[+:]?=/); ) {
            odd = RLENGTH > 6; rest = substr(rest, RSTART + RLENGTH); value = rest
            gsub(/["\047]/, "", value); sub(/[ \t;&|(){}#].*/, "", value)
            if (odd || value !~ /^[0-9]+$/ || value + 0 < 1 || value + 0 > most + 0) bad = bad " " (value == "" ? "nothing" : value)
            else good = value
        }
    }
    /(readonly[ \t]|(typeset|declare)[ \t]+-[A-Za-z]*r).*TMOUT/ {
        # Without a value it could never get one.
        if (good == "") bad = bad " readonly-and-not-set"
        fixed = 1
    }
    END {
        if (bad != "") print "fail TMOUT=" substr(bad, 2)
        else if (good == "") print "fail not set"
        else if (!fixed) print "fail TMOUT=" good ", not readonly"
        else print "pass TMOUT=" good ", readonly"
    }')
af_look "${found%% *}" "shell start files TMOUT" "1 to $AF_PARAM_SHELL_TIMEOUT, readonly" "${found#* }"
