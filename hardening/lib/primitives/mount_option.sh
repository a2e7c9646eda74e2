# Options of mounts, in fstab or in a systemd mount unit.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_mount_options MOUNT: sets AF_VALUE to the options that the image asks for, and AF_FROM to the file that says so;
# both empty where nothing mounts there. Units in /etc stand over fstab, fstab over the units of packages.
af_mount_options() {
    local unit="${1#/}" dir
    unit=$(printf '%s\n' "$unit" | sed 's/-/\\x2d/g; s|/|-|g').mount
    AF_VALUE='' AF_FROM=
    if [ -f "/etc/systemd/system/$unit" ]; then
        AF_FROM=/etc/systemd/system/$unit
    elif [ -r /etc/fstab ]; then
        AF_VALUE=$(awk -v mount="$1" '$1 !~ /^#/ && $2 == mount { options = $4 } END { print options }' /etc/fstab)
        if [ -n "$AF_VALUE" ]; then
            AF_FROM=/etc/fstab
            return
        fi
    fi
    # One that is masked mounts nothing.
    if [ -z "$AF_FROM" ] && [ ! -L "/etc/systemd/system/$unit" ]; then
        for dir in /etc/systemd/system /usr/lib/systemd/system; do
            if [ -e "$dir/local-fs.target.wants/$unit" ] && [ -f "/usr/lib/systemd/system/$unit" ]; then
                AF_FROM=/usr/lib/systemd/system/$unit
            fi
        done
    fi
    if [ -n "$AF_FROM" ]; then
        AF_VALUE=$(sed -n 's/^Options=//p' "$AF_FROM" | tail -n 1)
    fi
}

# af_mount_options_lack OPTIONS WANTED: sets AF_LIST to the wanted ones that are missing.
af_mount_options_lack() {
    local option IFS=,
    AF_LIST=
    for option in $2; do
        case ",$1," in
            *",$option,"*) ;;
            *) AF_LIST="$AF_LIST${AF_LIST:+,}$option" ;;
        esac
    done
}

# af_mount_option_audit MOUNT TYPE OPTIONS: TYPE is the file system that apply mounts there, or `volume` where only the
# recipe can; where it is empty the options count only if there is such a mount.
af_mount_option_audit() {
    if [ ! -e /etc/fstab ] && ! af_systemd; then
        af_look fail "/etc/fstab" "a mount at $1" "no such file"
        return
    fi
    af_mount_options "$1"
    if [ -z "$AF_FROM" ] && [ -z "$2" ]; then
        af_look not_applicable "mount $1" "$3" "$1 is not a file system of its own"
    elif [ -z "$AF_FROM" ]; then
        af_look fail "mount $1" "a $2 mount${3:+ with $3}" "nothing is mounted there"
    elif af_mount_options_lack "$AF_VALUE" "$3" && [ -n "$AF_LIST" ]; then
        af_look fail "$AF_FROM $1" "${3:-a mount}" "$AF_VALUE"
    else
        af_look pass "$AF_FROM $1" "${3:-a mount}" "$AF_VALUE"
    fi
}

# af_mount_option_runtime MOUNT TYPE OPTIONS
af_mount_option_runtime() {
    local _ at options found=
    if [ ! -r /proc/self/mounts ]; then
        af_look unknown "mount $1" "${3:-a mount}" "/proc/self/mounts can't be read here"
        return
    fi
    while read -r _ at _ options _; do
        if [ "$at" = "$1" ]; then
            found=$options
        fi
    done </proc/self/mounts
    if [ -z "$found" ] && [ -z "$2" ]; then
        af_look not_applicable "mount $1" "$3" "$1 is not a file system of its own"
    elif af_mount_options_lack "$found" "$3" && [ -n "$found" ] && [ -z "$AF_LIST" ]; then
        af_look pass "/proc/self/mounts $1" "${3:-a mount}" "$found"
    else
        af_look fail "/proc/self/mounts $1" "${3:-a mount}" "${found:-nothing is mounted there}"
    fi
}

# af_mount_option_apply MOUNT TYPE OPTIONS
af_mount_option_apply() {
    af_mount_options "$1"
    af_mount_options_lack "$AF_VALUE" "$3"
    if [ -n "$AF_FROM" ] && [ -z "$AF_LIST" ]; then
        return 0
    fi
    case $AF_FROM in
        /etc/systemd/system/*)
            sed "s/^Options=.*/&,$AF_LIST/" "$AF_FROM" >"$AF_TMP/lines"
            grep -q '^Options=' "$AF_TMP/lines" || sed "s/^\[Mount\]/&\nOptions=$AF_LIST/" "$AF_FROM" >"$AF_TMP/lines"
            af_replace "$AF_FROM" <"$AF_TMP/lines"
            ;;
        /etc/fstab)
            awk -v mount="$1" -v add="$AF_LIST" '
                $1 !~ /^#/ && $2 == mount { $4 = $4 "," add; print; next } { print }' /etc/fstab >"$AF_TMP/lines"
            af_replace /etc/fstab <"$AF_TMP/lines"
            ;;
        *)
            # Nothing, or a package's unit: fstab stands over that, and keeps the options that it had.
            [ -n "$2" ] || return 0
            af_append /etc/fstab "$2 $1 $2 ${AF_VALUE:-rw,relatime$(af_mount_option_extra "$1")}${AF_LIST:+,$AF_LIST} 0 0"
            ;;
    esac
}

# af_mount_option_extra MOUNT: what a new mount needs beside the options of its control.
af_mount_option_extra() {
    case $1 in
        /tmp | /var/tmp | /dev/shm) printf ',mode=1777,size=50%%' ;;
    esac
}
