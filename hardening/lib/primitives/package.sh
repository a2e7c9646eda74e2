# Packages that must or must not be there.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_package_list NAME...: sets AF_LIST to those that are installed, blank-separated; fails, with a look that says so,
# where there is no package database to ask.
af_package_list() {
    AF_LIST=$(af_installed "$@") || {
        af_look unknown "packages $*" "a package database" "none that can be read"
        return 1
    }
    case $AF_LIST in
        *"$AF_NL"*) AF_LIST=$(echo "$AF_LIST" | tr '\n' ' ') ;;
    esac
}

af_package_absent_audit() {
    af_package_list "$@" || return
    af_look_none "packages $*" "not installed" "$AF_LIST"
}

af_package_absent_apply() {
    af_remove "$@"
}

# af_package_present_audit NAME...: one of these is installed.
af_package_present_audit() {
    af_package_list "$@" || return
    if [ -n "$AF_LIST" ]; then
        af_look pass "packages $*" installed "$AF_LIST"
    else
        af_look fail "packages $*" installed "not installed"
    fi
}

# af_package_present_apply NAME...: the first, where none is installed.
af_package_present_apply() {
    [ -n "$(af_installed "$@")" ] || af_install "$1"
}
