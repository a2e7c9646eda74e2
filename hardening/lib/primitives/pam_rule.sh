# One rule in one PAM service, such as the group that may use su.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_pam_rule_has SERVICE TYPE CONTROL MODULE ARGUMENTS: the service has the rule, arguments in any order.
af_pam_rule_has() {
    AF_TYPE=$2 AF_CONTROL=$3 AF_MODULE=$4 AF_ARGUMENTS=$5 awk '
        BEGIN { n = split(ENVIRON["AF_ARGUMENTS"], wanted, " ") }
        $1 == ENVIRON["AF_TYPE"] && $2 == ENVIRON["AF_CONTROL"] && $3 == ENVIRON["AF_MODULE"] {
            split("", have); for (i = 4; i <= NF; i++) have[$i]
            all = 1; for (i = 1; i <= n; i++) if (!(wanted[i] in have)) all = 0
            if (all) { found = 1; exit }
        }
        END { exit !found }' "/etc/pam.d/$1" 2>/dev/null
}

af_pam_rule_audit() {
    if [ ! -e "/etc/pam.d/$1" ]; then
        af_look fail "/etc/pam.d/$1" "$2 $3 $4 $5" "no such file"
    elif af_pam_rule_has "$@"; then
        af_look pass "/etc/pam.d/$1" "$2 $3 $4 $5" present
    else
        af_look fail "/etc/pam.d/$1" "$2 $3 $4 $5" "not present"
    fi
}

# af_pam_rule_apply SERVICE TYPE CONTROL MODULE ARGUMENTS: after the first rule of that type, which lets root through.
af_pam_rule_apply() {
    [ -e "/etc/pam.d/$1" ] || return 0
    af_pam_rule_has "$@" && return 0
    AF_TYPE=$2 AF_LINE="$2	$3	$4 $5" awk '
        { print }
        $1 == ENVIRON["AF_TYPE"] && !done++ { print ENVIRON["AF_LINE"] }
        END { if (!done) print ENVIRON["AF_LINE"] }' "/etc/pam.d/$1" >"$AF_TMP/lines"
    af_replace "/etc/pam.d/$1" <"$AF_TMP/lines"
}
