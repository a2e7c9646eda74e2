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

# An awk function: one spelling for one rule. The kernel keeps no keys' places, lists calls by number, says -1 for unset and
# error numbers for their names, compares either way round, and knows a watch as a rule on a path.
AF_AWK_AUDIT='
    function sorted(list, by,    part, n, i, j, word, all) {
        n = split(list, part, by)
        for (i = 2; i <= n; i++) {
            word = part[i]
            for (j = i - 1; j > 0 && part[j] > word; j--) part[j + 1] = part[j]
            part[j + 1] = word
        }
        for (i = 1; i <= n; i++) all = all (i > 1 ? by : "") part[i]
        return all
    }
    function letters(word,    i, all) {
        for (i = 1; i <= 4; i++) if (index(word, substr("rwxa", i, 1))) all = all substr("rwxa", i, 1)
        return all
    }
    function field(text,    value) {
        value = text
        sub(/^[^=]*=/, "", value)
        if (text ~ /^key=/) return ""
        if (text ~ /^(path|dir)=/) { sub(/\/+$/, "", value); return "path=" value }
        if (text ~ /^perm=/) return "perm=" letters(value)
        if (text ~ /^arch=(x86_64|aarch64)$/) return "arch=b64"
        if (text ~ /^arch=(i[3-6]86|arm|armeb)$/) return "arch=b32"
        if (text ~ /^auid!=(-1|4294967295)$/) return "auid!=unset"
        if (text == "exit=-13") return "exit=-EACCES"
        if (text == "exit=-1") return "exit=-EPERM"
        return text
    }
    function plain(rule,    word, n, i, m, k, call, some) {
        gsub(/^[ \t]+|[ \t]+$/, "", rule)
        n = split(rule, word, /[ \t]+/)
        for (i = 1; i <= n; i++) {
            if (word[i] == "-k") { i++; continue }
            if (word[i] == "-a") some = some " " sorted(word[++i], ",")
            else if (word[i] == "-w") some = some " always,exit " field("path=" word[++i])
            else if (word[i] == "-p") some = some " perm=" letters(word[++i])
            else if (word[i] == "-C") { i++; some = some " " (word[i] ~ /!=/ ? sorted(word[i], "!=") : sorted(word[i], "=")) }
            else if (word[i] == "-F") some = some " " field(word[++i])
            else if (word[i] == "-S") {
                m = split(word[++i], call, ",")
                for (k = 1; k <= m; k++) if (call[k] != "all") some = some " -S" call[k]
            } else some = some " " word[i] (word[i] ~ /^-[a-zA-Z]$/ && i < n ? "=" word[++i] : "")
        }
        gsub(/ +/, " ", some)
        sub(/^ /, "", some)
        sub(/ $/, "", some)
        return sorted(some, " ")
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
    # Whether rules can still be changed is no rule: the kernel tells it with its state.
    if ! { auditctl -l && auditctl -s | sed -n 's/^enabled \([012]\)$/-e \1/p'; } >"$AF_TMP/loaded" 2>/dev/null; then
        af_look unknown "auditctl -l $name" "$# rules" "the kernel's rules can't be read here"
        return
    fi
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
