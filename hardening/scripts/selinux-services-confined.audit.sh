if [ ! -d /sys/fs/selinux ] || [ ! -e /sys/fs/selinux/enforce ]; then
    af_look unknown "unconfined services" none "no SELinux runs here"
else
    found=
    for attr in /proc/[0-9]*/attr/current; do
        label=$(tr -d '\000' <"$attr" 2>/dev/null)
        case $label in
            *:unconfined_service_t:*)
                read -r name 2>/dev/null <"${attr%/attr/current}/comm"
                found="$found $name"
                ;;
        esac
    done
    if [ -n "$found" ]; then
        af_look fail "unconfined services" none "${found# }"
    else
        af_look pass "unconfined services" none none
    fi
fi
