# Services that start at boot, or must not.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_systemd: there is a systemd whose units can be looked at.
af_systemd() {
    af_present /usr/lib/systemd/systemd /lib/systemd/systemd /etc/systemd/system
}

# af_service_enabled_audit UNIT...: one of these is enabled.
af_service_enabled_audit() {
    local unit states=
    for unit in "$@"; do
        af_unit_state "$unit"
        if [ "$AF_STATE" = enabled ]; then
            af_look pass "unit $unit" enabled enabled
            return
        fi
        states="$states, $unit $AF_STATE"
    done
    af_look fail "unit $*" enabled "${states#, }"
}

# af_service_enabled_apply UNIT...: the first that exists.
af_service_enabled_apply() {
    local unit
    for unit in "$@"; do
        af_unit_state "$unit"
        [ "$AF_STATE" = enabled ] && return 0
    done
    for unit in "$@"; do
        af_unit_state "$unit"
        if [ "$AF_STATE" != absent ]; then
            af_enable "$unit"
            return
        fi
    done
    echo "none of these units exists: $*" >&2
    return 1
}

# af_service_starts UNIT: sets AF_STATE as af_unit_state does, and to `enabled by …` also where it is something else than a
# link of its own [Install] section that starts it: another unit, a target's settings, a script of SysV's.
af_service_starts() {
    local dir link name by='' units='/etc/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system'
    af_unit_state "$1"
    case $AF_STATE in
        absent)
            # A script without a unit gets one made at boot; beside a unit it means nothing.
            name=${1%.service}
            for link in /etc/rc[S2345].d/S[0-9][0-9]"$name"; do
                [ ! -x "$link" ] || by=$link
            done
            ;;
        disabled)
            for dir in $units; do
                for link in "$dir"/*.wants/"$1" "$dir"/*.requires/"$1" "$dir"/*.upholds/"$1"; do
                    case $link in
                        */rescue.target.* | */emergency.target.*) continue ;;
                    esac
                    if [ -e "$link" ] || [ -L "$link" ]; then
                        by=$link
                    fi
                done
            done
            name=$(printf '%s\n' "$1" | sed 's/[.+]/\\&/g')
            # shellcheck disable=SC2086
            [ -n "$by" ] || by=$(grep -rslE "^[[:blank:]]*Upholds[[:blank:]]*=(.*[[:blank:]])?$name([[:blank:]]|\$)" $units | head -n 1)
            # shellcheck disable=SC2086
            [ -n "$by" ] || by=$(grep -rslE --include='*.conf' "^[[:blank:]]*(Wants|Requires|BindsTo)[[:blank:]]*=(.*[[:blank:]])?$name([[:blank:]]|\$)" \
                /etc/systemd/system/*.target.d 2>/dev/null | head -n 1)
            ;;
    esac
    [ -z "$by" ] || AF_STATE="enabled by $by"
}

# af_service_disabled_audit UNIT...: none of these is enabled.
af_service_disabled_audit() {
    local unit bad='' states=
    if ! af_systemd; then
        af_look unknown "unit $*" "not enabled" "no systemd here"
        return
    fi
    for unit in "$@"; do
        af_service_starts "$unit"
        states="$states, $unit $AF_STATE"
        if [ "${AF_STATE%% *}" = enabled ]; then
            bad="$bad, $unit $AF_STATE"
        fi
    done
    af_look_none "unit $*" "not enabled" "${bad#, }" "${states#, }"
}

# af_service_disabled_apply UNIT...: those that are enabled are masked, so that no other unit pulls them in.
af_service_disabled_apply() {
    local unit link
    for unit in "$@"; do
        af_service_starts "$unit"
        [ "${AF_STATE%% *}" = enabled ] || continue
        for link in /etc/systemd/system/*.wants/"$unit" /etc/systemd/system/*.requires/"$unit"; do
            [ -L "$link" ] && rm -f "$link"
        done
        ln -sfn /dev/null "/etc/systemd/system/$unit"
    done
}
