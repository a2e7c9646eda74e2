# Rules of the audit daemon.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_audit_rules RULE...: prints the rules as this machine needs them: 64-bit Arm has no `open`, `chmod` and the like,
# and auditctl refuses rules that name calls which do not exist.
af_audit_rules() {
    local rule
    for rule in "$@"; do
        printf '%s\n' "$rule"
    done | if [ "$(uname -m)" = aarch64 ]; then
        sed -e '/arch=b64/{
            s/\([ ,]\)\(open\|creat\|chmod\|chown\|lchown\|unlink\|rename\|rmdir\|stime\|create_module\|query_module\),/\1/g
            s/\([ ,]\)\(open\|creat\|chmod\|chown\|lchown\|unlink\|rename\|rmdir\|stime\|create_module\|query_module\),/\1/g
            s/,\(open\|creat\|chmod\|chown\|lchown\|unlink\|rename\|rmdir\|stime\|create_module\|query_module\) / /g
        }'
    else
        cat
    fi
}

# An awk function: one spelling for one rule, whatever its key and blanks.
AF_AWK_AUDIT='
    function plain(rule) {
        gsub(/[ \t]+/, " ", rule); sub(/^ /, "", rule); sub(/ $/, "", rule)
        sub(/ -k [^ ]+/, "", rule); sub(/ -F key=[^ ]+/, "", rule)
        return rule
    }'

# af_audit_rules_lack SOURCE RULE...: sets AF_LIST to the rules that SOURCE, a command, does not print.
af_audit_rules_lack() {
    local from="$1"
    shift
    af_audit_rules "$@" >"$AF_TMP/rules"
    AF_LIST=$("$from" | AF_RULES=$AF_TMP/rules awk "$AF_AWK_AUDIT"'
        # augenrules puts deletions first, wherever they stand, and of several locks keeps the last.
        $1 == "-e" { delete have[lock]; lock = plain($0) }
        /^[ \t]*[^# \t]/ { have[plain($0)] = 1 }
        END { while ((getline line < ENVIRON["AF_RULES"]) > 0) if (!(plain(line) in have)) print line }')
}

# af_audit_rules_files: all rules of the image in the order in which augenrules joins them.
af_audit_rules_files() {
    cat /etc/audit/rules.d/*.rules 2>/dev/null
}

af_audit_rules_loaded() {
    cat "$AF_TMP/loaded"
}

# af_audit_rule_audit NAME RULE...
af_audit_rule_audit() {
    local name="$1"
    shift
    af_audit_rules_lack af_audit_rules_files "$@"
    if [ -z "$AF_LIST" ]; then
        af_look pass "/etc/audit/rules.d $name" "$# rules" "$# rules"
    else
        af_look fail "/etc/audit/rules.d $name" "$# rules" "missing: $AF_LIST"
    fi
}

# af_audit_rule_runtime NAME RULE...
af_audit_rule_runtime() {
    local name="$1"
    shift
    if ! auditctl -l >"$AF_TMP/loaded" 2>/dev/null; then
        af_look unknown "auditctl -l $name" "$# rules" "the kernel's rules can't be read here"
        return
    fi
    # auditctl prints `-F key=` and sorts nothing else: lists compare as they were loaded.
    af_audit_rules_lack af_audit_rules_loaded "$@"
    if [ -z "$AF_LIST" ]; then
        af_look pass "auditctl -l $name" "$# rules" "$# rules"
    else
        af_look fail "auditctl -l $name" "$# rules" "missing: $AF_LIST"
    fi
}

# af_audit_rule_apply NAME RULE...
af_audit_rule_apply() {
    local name="$1"
    shift
    af_audit_rules_lack af_audit_rules_files "$@"
    [ -n "$AF_LIST" ] || return 0
    {
        echo "# Written by amifactory."
        cat "$AF_TMP/rules"
    } | af_write_file "/etc/audit/rules.d/$name.rules" 0600 root:root
}
