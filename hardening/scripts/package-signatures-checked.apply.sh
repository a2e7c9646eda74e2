case $AF_PKG in
    rpm)
        af_ini_option_apply /etc/dnf/dnf.conf main gpgcheck one-of "1|True|true|yes|on"
        for file in /etc/yum.repos.d/*.repo; do
            [ -f "$file" ] || continue
            sed -E 's/^[[:blank:]]*gpgcheck[[:blank:]]*=[[:blank:]]*(0|false|no|off)[[:blank:]]*$/gpgcheck=1/I' "$file" >"$AF_TMP/lines"
            af_replace "$file" <"$AF_TMP/lines"
        done
        ;;
    deb)
        for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
            [ -f "$file" ] || continue
            sed -E -e '/^[[:blank:]]*Trusted:[[:blank:]]*yes/Id' -e '/^[[:blank:]]*deb/s/[[:blank:]]*trusted=yes[[:blank:]]*/ /' \
                -e '/^[[:blank:]]*deb/s/\[[[:blank:]]*\] *//' "$file" >"$AF_TMP/lines"
            af_replace "$file" <"$AF_TMP/lines"
        done
        for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
            [ -f "$file" ] || continue
            sed -E 's/^([^/#]*(AllowUnauthenticated|AllowInsecureRepositories)[[:blank:]]*)"?(1|true|yes)"?/\1"false"/I' "$file" >"$AF_TMP/lines"
            af_replace "$file" <"$AF_TMP/lines"
        done
        ;;
esac
