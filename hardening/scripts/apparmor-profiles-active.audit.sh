if [ ! -d /etc/apparmor.d ]; then
    af_look fail "/etc/apparmor.d" "no profile switched off" "no such folder"
else
    off=
    for link in /etc/apparmor.d/disable/*; do
        if [ -e "$link" ] || [ -L "$link" ]; then
            off="$off, ${link##*/}"
        fi
    done
    af_look_none "/etc/apparmor.d/disable" none "${off#, }"
fi
