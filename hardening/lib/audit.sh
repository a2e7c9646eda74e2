# What audits answer with. Each look is one line: AF1, status, what, expected, observed, tab-separated. The last line
# counts them, so that lines which got lost on the way are missed.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_audit_begin: an audit looks on after a command failed; only its looks decide.
af_audit_begin() {
    set +e
    AF_LOOKS=0
}

af_audit_end() {
    printf 'AF1\tend\t%d\n' "$AF_LOOKS"
}

# af_escape TEXT: sets AF_TEXT to the text on one line, without tabs.
af_escape() {
    case $1 in
        *[[:cntrl:]\\]*)
            AF_TEXT=$(printf '%s' "$1" | awk '
                { gsub(/\\/, "\\\\"); gsub(/\t/, "\\t"); gsub(/[[:cntrl:]]/, "?"); printf "%s%s", (NR > 1 ? "\\n" : ""), $0 }')
            ;;
        *) AF_TEXT=$1 ;;
    esac
}

# af_look STATUS WHAT EXPECTED OBSERVED: one look. Long values are cut: the full story is in the image.
af_look() {
    local what expected
    AF_LOOKS=$((AF_LOOKS + 1))
    af_escape "$2"
    what=$AF_TEXT
    af_escape "$3"
    expected=$AF_TEXT
    af_escape "$4"
    printf 'AF1\t%s\t%.200s\t%.200s\t%.300s\n' "$1" "$what" "$expected" "$AF_TEXT"
}

# af_look_none WHAT EXPECTED OFFENDERS [OBSERVED]: a look that fails where there are offenders.
af_look_none() {
    if [ -n "$3" ]; then
        af_look fail "$1" "$2" "$3"
    else
        af_look pass "$1" "$2" "${4:-$2}"
    fi
}

# af_judge WHAT OPERATOR EXPECTED OBSERVED: a look whose status follows from the values.
af_judge() {
    local status=fail
    if af_meets "$2" "$3" "$4"; then
        status=pass
    fi
    case $2 in
        at-least) set -- "$1" "$2" "at least $3" "$4" ;;
        at-most) set -- "$1" "$2" "1 to $3" "$4" ;;
        up-to) set -- "$1" "$2" "0 to $3" "$4" ;;
        one-of) set -- "$1" "$2" "one of $3" "$4" ;;
    esac
    af_look "$status" "$1" "$3" "${4:-not set}"
}

# af_meets OPERATOR EXPECTED OBSERVED. Numbers are compared as numbers; what is not a number meets no bound.
af_meets() {
    case $1 in
        equals) [ "$3" = "$2" ] && return 0 || return 1 ;;
        one-of)
            case $3 in
                '' | *\|*) return 1 ;;
            esac
            case "|$2|" in
                *"|$3|"*) return 0 ;;
            esac
            return 1
            ;;
    esac
    case ${3#-} in
        '' | *[!0-9]* | ??????????*) return 1 ;;
    esac
    case $1 in
        at-least) [ "$3" -ge "$2" ] ;;
        at-most) [ "$3" -ge 1 ] && [ "$3" -le "$2" ] ;;
        up-to) [ "$3" -ge 0 ] && [ "$3" -le "$2" ] ;;
        *) return 1 ;;
    esac
}

# af_meets_all OPERATOR EXPECTED OBSERVED: each of several values, with a `|` between them, is as wanted.
af_meets_all() {
    local rest="$3|"
    while [ -n "$rest" ]; do
        af_meets "$1" "$2" "${rest%%|*}" || return 1
        rest=${rest#*|}
    done
}

# af_first_of VALUE: where several values will do (`a|b`), the first is the one that is set.
af_first_of() {
    printf '%s\n' "${1%%|*}"
}

# af_present PATH...: one of these exists.
af_present() {
    local path
    for path in "$@"; do
        [ -e "$path" ] && return 0
    done
    return 1
}

# af_not_applicable WHAT: what the control is about is not here.
af_not_applicable() {
    af_look not_applicable "$1" installed "not installed"
}
