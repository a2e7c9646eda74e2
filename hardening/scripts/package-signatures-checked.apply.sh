case $AF_PKG in
    rpm)
        af_ini_option_apply /etc/dnf/dnf.conf main gpgcheck one-of "1|True|true|yes|on"
        for file in /etc/dnf/dnf.conf /etc/yum.repos.d/*.repo /etc/distro.repos.d/*.repo; do
            [ -f "$file" ] || continue
            sed -E 's/^[[:blank:]]*gpgcheck[[:blank:]]*=[[:blank:]]*(0|false|no|off)[[:blank:]]*$/gpgcheck=1/I' "$file" >"$AF_TMP/lines"
            af_replace "$file" <"$AF_TMP/lines"
        done
        ;;
    deb)
        on='(yes|true|with|on|enable|1)'
        fields='trusted|allow-insecure|allow-weak|allow-downgrade-to-insecure'
        for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
            [ -f "$file" ] || continue
            sed -E -e "/^($fields):[[:blank:]]*${on}[[:space:]]*\$/Id" -e ':again' \
                -e "s/^([[:blank:]]*deb(-src)?[[:blank:]]+\\[[^]]*)\\b($fields)[+]?=$on([[:blank:]]+|\\])/\\1\\5/I" -e 't again' \
                -e '/^[[:blank:]]*deb/s/\[[[:blank:]]*\] *//' "$file" >"$AF_TMP/lines"
            af_replace "$file" <"$AF_TMP/lines"
        done
        for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
            [ -f "$file" ] || continue
            sed -E "s/^(([^/#\"]|\"[^\"]*\")*(AllowUnauthenticated|Allow(Insecure|Weak|DowngradeToInsecure)Repositories)[[:blank:]]*)\"?$on\"?([^a-z0-9]|\$)/\\1\"false\"\\6/I" "$file" >"$AF_TMP/lines"
            af_replace "$file" <"$AF_TMP/lines"
        done
        ;;
esac
