# Options of mounts, in fstab or in a systemd mount unit.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_mount_options MOUNT: sets AF_VALUE to the options that the image asks for, AF_FROM to the file that says so, and
# AF_OFF to why nothing mounts there all the same; AF_FROM is empty where nothing is said. Units in /etc stand over fstab,
# fstab over the units of packages, and settings of a unit's drop-ins over all of them.
af_mount_options() {
    local unit="${1#/}" dir file
    unit=$(printf '%s\n' "$unit" | sed 's/-/\\x2d/g; s|/|-|g').mount
    AF_VALUE='' AF_FROM='' AF_OFF=''
    # Of several lines for one mount systemd takes the first.
    if [ -r /etc/fstab ] && AF_VALUE=$(awk -v mount="$1" '
        { at = $2; if (at != "/") sub(/\/+$/, "", at) }
        $1 !~ /^#/ && at == mount { print ($4 == "" ? "defaults" : $4); found = 1; exit }
        END { exit !found }' /etc/fstab); then
        AF_FROM=/etc/fstab
        case ",$AF_VALUE," in
            *,x-systemd.automount,*) ;;
            *,noauto,*) AF_OFF="not at boot" ;;
        esac
    fi
    af_unit_state "$unit"
    if [ "$AF_STATE" = masked ]; then
        [ -z "$AF_FROM" ] || AF_OFF="the unit $unit is masked"
        return
    elif [ -f "/etc/systemd/system/$unit" ]; then
        # A line in fstab starts this unit too, and its options are not looked at.
        [ -n "$AF_FROM" ] || [ "$AF_STATE" = enabled ] || AF_OFF="the unit is not enabled"
        AF_FROM=/etc/systemd/system/$unit
    elif [ -z "$AF_FROM" ] && [ "$AF_STATE" = enabled ] && [ -f "/usr/lib/systemd/system/$unit" ]; then
        AF_FROM=/usr/lib/systemd/system/$unit
    fi
    [ -n "$AF_FROM" ] || return 0
    for file in $(
        for dir in /usr/lib /etc; do
            find "$dir/systemd/system/$unit.d/" -name '*.conf' -printf '%f %p\n' 2>/dev/null || true
        done | sort -s -k 1,1 | sed 's/.* //'
    ); do
        grep -q "$AF_MOUNT_OPTIONS" "$file" && AF_FROM=$file
    done
    if [ "$AF_FROM" != /etc/fstab ]; then
        AF_VALUE=$(sed -n "s/$AF_MOUNT_OPTIONS//p" "$AF_FROM" | tail -n 1)
    fi
}

# What a unit's line of options begins with.
AF_MOUNT_OPTIONS='^[[:blank:]]*Options[[:blank:]]*=[[:blank:]]*'

# af_mount_options_lack OPTIONS WANTED: sets AF_LIST to the wanted ones that are missing, or undone by a later one.
af_mount_options_lack() {
    local option other rest IFS=,
    AF_LIST=
    for option in $2; do
        case $option in
            no*) other=${option#no} ;;
            *) other=no$option ;;
        esac
        rest=",$1,"
        case $rest in
            *",$option,"*) rest=,${rest##*",$option,"} ;;
            *) rest=,$other, ;;
        esac
        case $rest in
            *",$other,"*) AF_LIST="$AF_LIST${AF_LIST:+,}$option" ;;
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
    elif [ -n "$AF_OFF" ]; then
        af_look fail "$AF_FROM $1" "${3:-a mount}" "$AF_VALUE, but $AF_OFF"
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
    local unit
    case $2 in
        '' | volume) ;;
        *)
            # A unit that is masked mounts nothing, whatever fstab says.
            unit=$(printf '%s\n' "${1#/}" | sed 's/-/\\x2d/g; s|/|-|g').mount
            af_unit_state "$unit"
            [ "$AF_STATE" != masked ] || rm -f "/etc/systemd/system/$unit"
            ;;
    esac
    af_mount_options "$1"
    af_mount_options_lack "$AF_VALUE" "$3"
    case $2$AF_OFF in
        # A volume may not be there to be mounted; memory always is.
        volume* | not* | the*) AF_OFF='' ;;
        *enabled)
            AF_OFF=''
            af_enable "$unit"
            ;;
    esac
    if [ -n "$AF_FROM" ] && [ -z "$AF_LIST$AF_OFF" ]; then
        return 0
    fi
    case $AF_FROM in
        /etc/systemd/system/*)
            sed "s/$AF_MOUNT_OPTIONS.*/&,$AF_LIST/; s/=\([[:blank:]]*\),/=\1/" "$AF_FROM" >"$AF_TMP/lines"
            grep -q "$AF_MOUNT_OPTIONS" "$AF_TMP/lines" || sed "s/^\[Mount\]/&\nOptions=$AF_LIST/" "$AF_FROM" >"$AF_TMP/lines"
            af_replace "$AF_FROM" <"$AF_TMP/lines"
            ;;
        /etc/fstab)
            awk -v mount="$1" -v add="$AF_LIST" -v off="$AF_OFF" '
                { at = $2; if (at != "/") sub(/\/+$/, "", at) }
                $1 !~ /^#/ && at == mount {
                    if (off) gsub(/noauto,?/, "", $4)
                    $4 = $4 "," add; gsub(/^,+|,+$/, "", $4); if ($4 == "") $4 = "defaults"
                }
                { print }' /etc/fstab >"$AF_TMP/lines"
            af_replace /etc/fstab <"$AF_TMP/lines"
            ;;
        *)
            case $AF_FROM in
                # What a package sets there stands over fstab as well.
                *.conf) return 0 ;;
            esac
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
