# One rule in one PAM service, such as the group that may use su.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_pam_rule_has SERVICE TYPE CONTROL MODULE ARGUMENTS: the service has the rule, arguments in any order.
af_pam_rule_has() {
    AF_TYPE=$2 AF_CONTROL=$3 AF_MODULE=$4 AF_ARGUMENTS=$5 awk '
        BEGIN { n = split(ENVIRON["AF_ARGUMENTS"], wanted, " "); type = "^-?" ENVIRON["AF_TYPE"] "$" }
        # A jump in an included file ends in it; the end of a stack is the end of this one too.
        $1 == "@include" {
            path = "/etc/pam.d/" $2
            while ((getline line < path) > 0) {
                split(line, word, " ")
                if (word[1] ~ type && line !~ /pam_rootok\.so/ && (tolower(word[2]) ~ /^(sufficient|include)$/ || line ~ /\[[^]]*=done/)) exit
            }
            close(path)
            next
        }
        $1 !~ "^-?" ENVIRON["AF_TYPE"] "$" { next }
        $2 == ENVIRON["AF_CONTROL"] && $3 == ENVIRON["AF_MODULE"] {
            split("", have); for (i = 4; i <= NF; i++) have[$i]
            all = 1; for (i = 1; i <= n; i++) { if (!(wanted[i] in have)) all = 0; delete have[wanted[i]] }
            # These turn it around, or send it elsewhere.
            for (i in have) if (i ~ /^(deny|root_only|group=)/) all = 0
            if (all) { found = 1; exit }
        }
        # What ends the stack or jumps before the rule, for others than root, leaves it out.
        !/pam_rootok\.so/ && (tolower($2) ~ /^(sufficient|include)$/ || (match($0, /\[[^]]*\]/) && substr($0, RSTART, RLENGTH) ~ /=(done|[1-9])/)) { exit }
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

# af_pam_rule_apply SERVICE TYPE CONTROL MODULE ARGUMENTS: after the rule that lets root through, else before all of that
# type. Root's jump has to reach one rule further then.
af_pam_rule_apply() {
    [ -e "/etc/pam.d/$1" ] || return 0
    af_pam_rule_has "$@" && return 0
    AF_TYPE=$2 AF_LINE="$2	$3	$4 $5" awk '
        BEGIN {
            type = "^-?" ENVIRON["AF_TYPE"] "$"
            while ((getline < ARGV[1]) > 0) {
                at++
                if ($1 == "@include") break
                if ($1 !~ type) continue
                if (/pam_rootok\.so/) { root = at; break }
                if (!first) first = at
                if ($2 !~ /^(required|requisite|optional)$/) break
            }
            close(ARGV[1])
        }
        FNR == root {
            head = ""; tail = ""
            if (match($0, /\][ \t]/)) { tail = substr($0, RSTART); $0 = substr($0, 1, RSTART - 1) } else { head = $0; $0 = "" }
            while (match($0, /=[1-9][0-9]*/)) {
                head = head substr($0, 1, RSTART) (substr($0, RSTART + 1, RLENGTH - 1) + 1); $0 = substr($0, RSTART + RLENGTH)
            }
            print head $0 tail; print ENVIRON["AF_LINE"]; done = 1
            next
        }
        !root && FNR == first { print ENVIRON["AF_LINE"]; done = 1 }
        { print }
        END { if (!done) print ENVIRON["AF_LINE"] }' "/etc/pam.d/$1" >"$AF_TMP/lines"
    af_replace "/etc/pam.d/$1" <"$AF_TMP/lines"
}
