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
    # A rule after which no event is recorded any more: none of a task, or no system call at all.
    function ends(rule) {
        return rule ~ /(^| )never,task( |$)/ || rule ~ /(^| )always,exclude( |$)/ && rule ~ /(^| )msgtype(=(SYSCALL|1300)( |$)|[!<>])/
    }
    function option(rule, names) { return (" " rule) ~ ("[ \t]-[" names "]") }
    function plain(rule,    word, n, i, m, k, call, some) {
        # Blanks between an option and its value may be left out.
        rule = " " rule
        gsub(/[ \t]-[a-zA-Z]/, "& ", rule)
        gsub(/^[ \t]+|[ \t]+$/, "", rule)
        n = split(rule, word, /[ \t]+/)
        for (i = 1; i <= n; i++) {
            if (word[i] == "-k") { i++; continue }
            if (word[i] ~ /^-[aA]$/) some = some " " sorted(word[++i], ",")
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
    af_audit_rules_compare "$from"
}

# af_audit_rules_compare SOURCE: the same for the rules in $AF_TMP/rules. A rule that another one switches off or takes
# away again is not there: the first that fits an event decides, and `never,task` ends all recording.
af_audit_rules_compare() {
    AF_LIST=$("$1" | AF_RULES=$AF_TMP/rules awk "$AF_AWK_AUDIT"'
        /^[ \t]*(#|$)/ { next }
        # augenrules puts a plain `-D` first, wherever it stands, and of several locks keeps the last.
        /^-D$/ { next }
        { rule = plain($0) }
        $1 ~ /^-e/ { lock = rule; next }
        option($0, "dDW") { split("", have); why = $0; next }
        ends(rule) || (rule ~ /(^| )exit,never( |$)/ && option($0, "A")) { off = 1; why = $0; next }
        rule ~ /(^| )exit,never( |$)/ { late = 1; why = $0; next }
        !late { have[rule] = 1 }
        END {
            while ((getline line < ENVIRON["AF_RULES"]) > 0) {
                rule = plain(line)
                if (rule ~ /^-e/ ? rule == lock : !off && (rule in have)) continue
                if (!told++ && why != "" && rule !~ /^-e/) print "by " why ":"
                print line
            }
        }') || AF_LIST="the rules can't be compared"
}

# af_audit_rules_files [BUT]: all rules of the image, in the order in which augenrules joins them, without those of one file.
af_audit_rules_files() {
    local file
    # shellcheck disable=SC2010 # A pattern has another order: 100 before 99.
    ls -1v /etc/audit/rules.d 2>/dev/null | grep '\.rules$' | while IFS= read -r file; do
        [ "$file" = "${1:-}" ] || cat "/etc/audit/rules.d/$file" 2>/dev/null || true
    done
}

# af_audit_rules_write NAME: the rules in $AF_TMP/rules become a file of ours, but for those that another file has: the
# kernel refuses a rule that it has already.
af_audit_rules_write() {
    local file path="/etc/audit/rules.d/$1.rules"
    for file in /etc/audit/rules.d/*.rules; do
        if [ -f "$file" ] && [ ! -L "$file" ] && awk "$AF_AWK_AUDIT"'
            !/^[ \t]*#/ && ends(plain($0)) { print "# amifactory: " $0; found = 1; next }
            { print }
            END { exit !found }' "$file" >"$AF_TMP/lines"; then
            af_replace "$file" <"$AF_TMP/lines"
        fi
    done
    af_audit_rules_files "$1.rules" | AF_RULES=$AF_TMP/rules awk "$AF_AWK_AUDIT"'
        # What stands behind a rule that switches off is not had.
        { rule = plain($0) }
        rule ~ /(^| )exit,never( |$)/ { exit }
        { have[rule] = 1 }
        END {
            while ((getline line < ENVIRON["AF_RULES"]) > 0) {
                rule = plain(line)
                if (rule ~ /^-e/ || !(rule in have)) print line
                have[rule] = 1
            }
        }' >"$AF_TMP/own"
    [ -s "$AF_TMP/own" ] || [ -e "$path" ] || return 0
    {
        echo "# Written by amifactory."
        cat "$AF_TMP/own"
    } | af_write_file "$path" 0600 root:root
    # One rule that the kernel refuses keeps none of the others from loading; auditctl still ends with an error then.
    printf '# Written by amifactory.\n-c\n' | af_write_file /etc/audit/rules.d/00-af-continue.rules 0600 root:root
}

# af_audit_privileged: one rule in $AF_TMP/rules for each program that runs with its owner's rights; AF_VALUE is the names
# that no rule can hold, since auditctl has no way to write a blank.
af_audit_privileged() {
    sed -n 's/^s //p' "$AF_TMP/scan" | sort >"$AF_TMP/privileged"
    AF_VALUE=$(sed -n '/[[:blank:]]/p' "$AF_TMP/privileged")
    sed '/[[:blank:]]/d; s/.*/-a always,exit -F path=& -F perm=x -F auid>=1000 -F auid!=unset -k privileged/' \
        "$AF_TMP/privileged" >"$AF_TMP/rules"
}

# af_audit_privileged_judge SOURCE A_RULE: a look at those rules.
af_audit_privileged_judge() {
    local count lack
    af_audit_privileged
    af_audit_rules_compare "$1"
    count=$(wc -l <"$AF_TMP/privileged")
    lack=$(printf '%s\n' "$AF_LIST" | sed 's/^-a .* path=\([^ ]*\) .*/\1/')
    if [ -n "$lack$AF_VALUE" ]; then
        af_look fail "programs with their owner's rights" "$2 for each of $((count))" "none for ${AF_VALUE:+(a blank in its name) $AF_VALUE }$lack"
    else
        af_look pass "programs with their owner's rights" "$2 for each" "all $((count))"
    fi
}

af_audit_rules_loaded() {
    cat "$AF_TMP/loaded"
}

# af_audit_rule_audit NAME RULE...
af_audit_rule_audit() {
    local name="$1"
    shift
    af_audit_rules_lack af_audit_rules_files "$@"
    af_look_none "/etc/audit/rules.d $name" "$# rules" "${AF_LIST:+missing: $AF_LIST}"
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
    af_look_none "auditctl -l $name" "$# rules" "${AF_LIST:+missing: $AF_LIST}"
}

# af_audit_rule_apply NAME RULE...
af_audit_rule_apply() {
    local name="$1"
    shift
    af_audit_rules_lack af_audit_rules_files "$@"
    # Where our file is there, another one may have got the same rules since.
    [ -n "$AF_LIST" ] || [ -e "/etc/audit/rules.d/$name.rules" ] || return 0
    af_audit_rules_write "$name"
}
