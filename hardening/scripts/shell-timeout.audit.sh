found=$(cat /etc/profile /etc/bashrc /etc/bash.bashrc /etc/profile.d/*.sh 2>/dev/null | awk -v most="$AF_PARAM_SHELL_TIMEOUT" '
    /^[ \t]*#/ { next }
    match($0, /TMOUT=[0-9]+/) {
        value = substr($0, RSTART + 6, RLENGTH - 6)
        if (value + 0 < 1 || value + 0 > most + 0) bad = bad " " value; else good = value
    }
    /(readonly|typeset|declare)[ \t].*TMOUT/ { fixed = 1 }
    END {
        if (bad != "") print "fail TMOUT=" substr(bad, 2)
        else if (good == "") print "fail not set"
        else if (!fixed) print "fail TMOUT=" good ", not readonly"
        else print "pass TMOUT=" good ", readonly"
    }')
af_look "${found%% *}" "shell start files TMOUT" "1 to $AF_PARAM_SHELL_TIMEOUT, readonly" "${found#* }"
