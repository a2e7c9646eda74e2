# The firewall's rules as nftables loads them at boot. Nothing is loaded while an image is built.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.
# shellcheck disable=SC2016 # The quoted program is awk's.

AF_NFTABLES_FILE=/etc/nftables/amifactory.nft

# af_nftables_main: sets AF_FROM to the file that nftables.service loads.
af_nftables_main() {
    case $AF_PKG in
        rpm) AF_FROM=/etc/sysconfig/nftables.conf ;;
        *) AF_FROM=/etc/nftables.conf ;;
    esac
}

# An awk program: what a set of rules amounts to, over the file FROM and what it includes. Prints words: `table`;
# `input`, `forward`, `output` for base chains, with `-drop` where they drop what no rule accepts; `open`, `ip4` and
# `ip6` for the loopback interface and its addresses; `ours` where our file is included.
AF_AWK_NFTABLES='
    function read_file(path, depth,    line, file, files, command) {
        if (depth > 8) return
        while ((getline line < path) > 0) {
            sub(/^[ \t]+/, "", line); sub(/#.*/, "", line)
            if (line ~ /^include[ \t]/) {
                file = line; sub(/^include[ \t]+/, "", file); gsub(/["\047;]/, "", file); sub(/[ \t]+$/, "", file)
                if (file !~ /^\//) file = "/etc/" file
                if (file == ours) say["ours"]
                gsub(/[^A-Za-z0-9_.\/*?@+-]/, "", file)
                command = "for f in " file "; do [ -f \"$f\" ] && echo \"$f\"; done"
                while ((command | getline files) > 0) read_file(files, depth + 1)
                close(command)
                continue
            }
            rules(line)
        }
        close(path)
    }
    # One line of rules, in the words between its braces and semicolons.
    function rules(line,    n, i, parts, part) {
        gsub(/[{}]/, "\n&\n", line); gsub(/;/, "\n", line)
        n = split(line, parts, "\n")
        for (i = 1; i <= n; i++) {
            part = parts[i]; gsub(/[ \t]+/, " ", part); sub(/^ /, "", part); sub(/ $/, "", part)
            if (part == "") continue
            if (part == "{") {
                level++
                if (level == 1 && last ~ /^(add )?table /) { table = last; sub(/.*table /, "", table); seen[table] = 1 }
                if (level == 2) hook = ""
            } else if (part == "}") {
                level--
                if (level < 2) hook = ""
                if (level < 1) table = ""
            } else if (level == 0 && part == "flush ruleset") {
                split("", seen); split("", has)
            } else if (level == 0 && part ~ /^(delete|destroy) table /) {
                sub(/.*table /, "", part); delete seen[part]
                for (fact in has) if (index(fact, part SUBSEP) == 1) delete has[fact]
            } else if (level == 2) statement(part)
            last = part
        }
    }
    function statement(part,    words) {
        if (part ~ /^type filter hook (input|forward|output) /) {
            split(part, words, " "); hook = words[4]; has[table, hook]
        } else if (hook != "" && part == "policy drop") has[table, hook "-drop"]
        else if (hook == "input") {
            if (part ~ /^iif(name)? "?lo"?( counter.*)? accept/) has[table, "open"]
            sub(/^iif(name)? != "?lo"? /, "", part)
            if (part ~ /^ip saddr 127\.0\.0\.0\/8( counter.*)? drop/) has[table, "ip4"]
            if (part ~ /^ip6 saddr ::1(\/128)?( counter.*)? drop/) has[table, "ip6"]
        }
    }
    BEGIN {
        ours = ENVIRON["AF_OURS"]
        read_file(ENVIRON["AF_FROM"], 0)
        for (table in seen) say["table"]
        for (fact in has) { split(fact, words, SUBSEP); say[words[2]] }
        for (word in say) list = list " " word
        print list " "
    }'

# af_nftables_read FILE: sets AF_LIST to what the rules of FILE amount to.
af_nftables_read() {
    AF_LIST=$(AF_FROM=$1 AF_OURS=$AF_NFTABLES_FILE awk "$AF_AWK_NFTABLES")
}

# af_nftables_wanted PART: sets AF_VALUE to the words that a part is made of.
af_nftables_wanted() {
    case $1 in
        table) AF_VALUE="table" ;;
        base-chains) AF_VALUE="input forward output" ;;
        loopback) AF_VALUE="open ip4 ip6" ;;
        default-deny) AF_VALUE="input-drop forward-drop output-drop" ;;
    esac
}

# af_nftables_lack PART: sets AF_MISSING to the words of a part that AF_LIST does not have.
af_nftables_lack() {
    local word
    AF_MISSING=
    af_nftables_wanted "$1"
    for word in $AF_VALUE; do
        case $AF_LIST in
            *" $word "*) ;;
            *) AF_MISSING="$AF_MISSING $word" ;;
        esac
    done
}

# af_nftables_judge PART WHERE: the look that follows from AF_LIST.
af_nftables_judge() {
    af_nftables_lack "$1"
    if [ -z "$AF_MISSING" ]; then
        af_look pass "$2, $1" "$AF_VALUE" "$AF_VALUE"
    else
        af_look fail "$2, $1" "$AF_VALUE" "missing:$AF_MISSING"
    fi
}

# af_nftables_audit PART INBOUND OUTBOUND
af_nftables_audit() {
    af_nftables_main
    if [ ! -r "$AF_FROM" ]; then
        af_look fail "$AF_FROM" "rules of nftables" "no such file"
        return
    fi
    af_nftables_read "$AF_FROM"
    af_nftables_judge "$1" "$AF_FROM"
}

# af_nftables_runtime PART INBOUND OUTBOUND
af_nftables_runtime() {
    if ! nft list ruleset >"$AF_TMP/ruleset" 2>/dev/null; then
        af_look unknown "nft list ruleset, $1" "rules of nftables" "the kernel's rules can't be read here"
        return
    fi
    af_nftables_read "$AF_TMP/ruleset"
    af_nftables_judge "$1" "nft list ruleset"
}

# af_nftables_apply PART INBOUND OUTBOUND: where the site's own rules do, they stay; else ours are loaded after them.
# Only the part default-deny makes them drop what no rule accepts.
af_nftables_apply() {
    local part="$1" inbound="$2" outbound="$3" policy=accept
    case $inbound$outbound in
        *[!0-9,-]*)
            echo "ports are numbers, ranges and commas: \`$inbound\`, \`$outbound\`" >&2
            return 1
            ;;
    esac
    af_nftables_main
    af_nftables_read "$AF_FROM"
    af_nftables_lack "$part"
    case $AF_LIST in
        # Ours: written again, because the ports may be others now.
        *" ours "*) ;;
        *) [ -n "$AF_MISSING" ] || return 0 ;;
    esac
    case $part$AF_LIST in
        default-deny* | *" input-drop "*) policy=drop ;;
    esac
    af_nftables_rules "$policy" "$inbound" "$outbound" | af_write_file "$AF_NFTABLES_FILE" 0600 root:root
    case $AF_LIST in
        *" ours "*) return 0 ;;
    esac
    if [ -e "$AF_FROM" ]; then
        af_append "$AF_FROM" "include \"$AF_NFTABLES_FILE\""
    else
        printf '# Written by amifactory.\ninclude "%s"\n' "$AF_NFTABLES_FILE" | af_write_file "$AF_FROM" 0600 root:root
    fi
}

# af_nftables_rules POLICY INBOUND OUTBOUND: prints our rules. What an instance and its agents can't do without is open
# whatever the ports: answers, name resolution, addresses, the clock, and instance metadata.
af_nftables_rules() {
    local table="inet amifactory"
    printf '# Written by amifactory.\ntable %s\ndelete table %s\ntable %s {\n' "$table" "$table" "$table"
    printf '\tchain input {\n\t\ttype filter hook input priority 0; policy %s;\n' "$1"
    cat <<'RULES'
		iif "lo" accept
		ip saddr 127.0.0.0/8 counter drop
		ip6 saddr ::1 counter drop
		ct state established,related accept
		meta l4proto { icmp, ipv6-icmp } accept
		udp sport 67 udp dport 68 accept
		udp sport 547 udp dport 546 accept
RULES
    [ -z "$2" ] || printf '\t\ttcp dport { %s } accept\n' "$2"
    printf '\t}\n\tchain forward {\n\t\ttype filter hook forward priority 0; policy %s;\n\t}\n' "$1"
    printf '\tchain output {\n\t\ttype filter hook output priority 0; policy %s;\n' "$1"
    cat <<'RULES'
		oif "lo" accept
		ct state established,related accept
		meta l4proto { icmp, ipv6-icmp } accept
		udp dport { 53, 67, 123, 547 } accept
		tcp dport 53 accept
		ip daddr 169.254.169.254 tcp dport 80 accept
		ip6 daddr fd00:ec2::254 tcp dport 80 accept
RULES
    [ -z "$3" ] || printf '\t\ttcp dport { %s } accept\n' "$3"
    printf '\t}\n}\n'
}
