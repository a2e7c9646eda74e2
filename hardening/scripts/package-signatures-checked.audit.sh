case $AF_PKG in
    rpm)
        af_ini_option_read /etc/dnf/dnf.conf main gpgcheck
        af_judge "/etc/dnf/dnf.conf [main] gpgcheck" one-of "1|True|true|yes|on" "$AF_VALUE"
        # What a folder of the site's own holds is not known.
        exempt=$(grep -lsiE '^[[:blank:]]*(reposdir[[:blank:]]*=|gpgcheck[[:blank:]]*=[[:blank:]]*(0|false|no|off))' \
            /etc/dnf/dnf.conf /etc/yum.repos.d/*.repo /etc/distro.repos.d/*.repo | tr '\n' ' ')
        ;;
    deb)
        on='(yes|true|with|on|enable|1)'
        fields='trusted|allow-insecure|allow-weak|allow-downgrade-to-insecure'
        exempt=$(
            # A field whose value stands on the next line may say anything.
            grep -lsiE -d skip -e "^[[:blank:]]*deb[^#]*\[[^]]*($fields)[+]?=$on([][:blank:]]|\$)" \
                -e "^($fields):[[:blank:]]*($on)?[[:space:]]*\$" \
                /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources
            # apt knows best what it has read.
            {
                apt-config dump 2>/dev/null
                af_lines /etc/apt/apt.conf /etc/apt/apt.conf.d/*
            } | grep -iE "^([^/#\"]|\"[^\"]*\")*(AllowUnauthenticated|Allow(Insecure|Weak|DowngradeToInsecure)Repositories)[[:blank:]]*\"?$on([^a-z0-9]|\$)"
        )
        ;;
    *) exempt= ;;
esac
if [ "$AF_PKG" = none ]; then
    af_look unknown "package signatures" checked "no package manager that is known here"
else
    af_look_none "repositories without signatures" none "$exempt"
fi
