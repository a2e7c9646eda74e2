# What chrony reads.
# shellcheck shell=sh

# af_chrony_lines: prints the lines of its file, and of those that this one includes.
af_chrony_lines() {
    set -- /etc/chrony.conf /etc/chrony/chrony.conf
    # shellcheck disable=SC2046 # Patterns.
    af_lines "$@" $(af_lines "$@" | sed -nE -e 's/^[[:blank:]]*include[[:blank:]]+//Ip' \
        -e 's/^[[:blank:]]*confdir[[:blank:]]+(.*)/\1\/*.conf/Ip' \
        -e 's/^[[:blank:]]*sourcedir[[:blank:]]+(.*)/\1\/*.sources/Ip')
}
