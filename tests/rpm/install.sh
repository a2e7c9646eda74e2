# What the specs beside this put into their packages. Sourced by %install.
# shellcheck shell=sh

# put MODE PATH: standard input becomes a file.
put() {
    mkdir -p "$RPM_BUILD_ROOT${2%/*}"
    cat >"$RPM_BUILD_ROOT$2"
    chmod "$1" "$RPM_BUILD_ROOT$2"
}

# programs PATH...: programs that do nothing, and do it well.
programs() {
    for program; do
        printf '#!/bin/sh\nexit 0\n' | put 0755 "$program"
    done
}

# unit NAME TARGET: a unit that starts with TARGET once it is enabled.
unit() {
    printf '[Unit]\nDescription=%s\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=%s\n' "$1" "$2" \
        | put 0644 "/usr/lib/systemd/system/$1"
}
