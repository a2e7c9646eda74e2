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
                command = "for f in " file "; do [ -f \"$f\" ] && printf \"%s\\n\" \"$f\"; done"
                while ((command | getline files) > 0) read_file(files, depth + 1)
                close(command)
                continue
            }
            rules(line)
        }
        close(path)
    }
    # One line of rules, in the words between its braces and semicolons.
    function rules(line,    n, i, parts, part, goes_on, words) {
        gsub(/[{}]/, "\n&\n", line); gsub(/;/, "\n", line)
        n = split(line, parts, "\n")
        for (i = 1; i <= n; i++) {
            part = parts[i]; gsub(/[ \t]+/, " ", part); sub(/^ /, "", part); sub(/ $/, "", part)
            if (part == "") { goes_on = 0; continue }
            if (part == "{") {
                level++
                if (level == 1) opened = last
                if (level == 1 && last ~ /^(add )?table /) { table = last; sub(/.*table /, "", table); seen[table] = 1 }
                if (level == 2) { hook = ""; drops = 0; chain = last; sub(/.*chain /, "", chain) }
            } else if (part == "}") {
                level--
                if (level < 2) {
                    if (hook != "" && drops) dropping[table, hook] = dropping[table, hook] " " chain
                    hook = ""
                }
                if (level < 1) table = ""
            } else if (level == 0 && part == "flush ruleset") {
                split("", seen); split("", has); spoilt = 0; split("", dropping); split("", open); split("", jumps)
            } else if (level == 0 && part ~ /^(delete|destroy) table /) {
                sub(/.*table /, "", part); delete seen[part]
                for (fact in has) if (index(fact, part SUBSEP) == 1) delete has[fact]
                for (fact in dropping) if (index(fact, part SUBSEP) == 1) delete dropping[fact]
                for (fact in open) if (index(fact, part SUBSEP) == 1) delete open[fact]
                for (fact in jumps) if (index(fact, part SUBSEP) == 1) delete jumps[fact]
            } else if (level == 0 && part ~ /^((add|insert|replace) )?rule /) {
                sub(/^((add|insert|replace) )?rule /, "", part)
                match(part, /^((ip|ip6|inet) )?[^ ]+ /); words[1] = substr(part, 1, RLENGTH - 1); part = substr(part, RLENGTH + 1)
                match(part, /^[^ ]+ ?/); words[2] = substr(part, 1, RLENGTH); part = substr(part, RLENGTH + 1); sub(/ $/, "", words[2])
                if (accepts_all(part)) spoilt = 1
                else goes_to(words[1], words[2], part)
            } else if (level == 1 && opened ~ /^((add|create) )?chain / && part == "policy accept") spoilt = 1
            else if (level == 2) statement(part, goes_on)
            last = part
            # What follows the braces of a set belongs to its rule.
            goes_on = (part == "}" && level == 2)
        }
    }
    # What a rule does whatever the packet, without what only counts and logs.
    function always(part) {
        sub(/ comment ".*"$/, "", part)
        gsub(/(^| )(counter( packets [0-9]+ bytes [0-9]+)?|log( prefix "[^"]*")?( level [a-z]+)?|ip6? [sd]addr (0\.0\.0\.0|::)\/0)/, "", part)
        sub(/^ /, "", part)
        return part
    }
    function accepts_all(part) { return always(part) == "accept" }
    function goes_to(table, chain, part) {
        part = always(part)
        if (sub(/^(jump|goto) /, "", part)) jumps[table, chain] = jumps[table, chain] " " part
    }
    # Whether a chain, or one that every packet of it goes on to, accepts everything.
    function accepts(table, chain, depth,    n, i, to) {
        if (depth > 16) return 0
        if ((table, chain) in open) return 1
        if (!((table, chain) in jumps)) return 0
        n = split(jumps[table, chain], to, " ")
        for (i = 1; i <= n; i++) if (accepts(table, to[i], depth + 1)) return 1
        return 0
    }
    function statement(part, goes_on,    words) {
        if (part ~ /^type filter hook (input|forward|output) /) {
            split(part, words, " "); hook = words[4]; has[table, hook]
        } else if (part ~ /^policy /) drops = (part == "policy drop")
        else if (!goes_on && accepts_all(part)) open[table, chain]
        else if (!goes_on && always(part) ~ /^(jump|goto) /) goes_to(table, chain, part)
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
        for (fact in dropping) {
            split(fact, words, SUBSEP); n = split(dropping[fact], chains, " ")
            for (i = 1; i <= n; i++) if (!accepts(words[1], chains[i], 0)) has[words[1], words[2] "-drop"]
        }
        # A chain counts where both families of addresses have it.
        for (fact in has) {
            split(fact, words, SUBSEP); table = words[1]; word = words[2]
            if (word !~ /^(in|for|out)/) { say[word]; continue }
            if (spoilt && word ~ /-drop$/) continue
            if (table ~ /^inet / || table !~ / / || table ~ /^ip /) ip4[word]
            if (table ~ /^inet / || table ~ /^ip6 /) ip6[word]
        }
        for (word in ip4) if (word in ip6) say[word]
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
    af_look_none "$2, $1" "$AF_VALUE" "${AF_MISSING:+missing:$AF_MISSING}"
}

# af_nftables_accepts FILE: nft would load it. Where nft is not there, or can't ask the kernel about our own rules
# either, nothing is known against it. What it says is in $AF_TMP/refused.
af_nftables_accepts() {
    command -v nft >/dev/null 2>&1 || return 0
    nft -c -f "$1" >"$AF_TMP/refused" 2>&1 && return 0
    af_nftables_rules accept '' '' >"$AF_TMP/probe"
    ! nft -c -f "$AF_TMP/probe" >/dev/null 2>&1
}

# af_nftables_ports LIST: numbers from 1 to 65535 and ranges of them, with commas between; or nothing.
af_nftables_ports() {
    local item from number rest="$1,"
    [ -n "$1" ] || return 0
    while [ -n "$rest" ]; do
        item=${rest%%,*}
        rest=${rest#*,}
        from=${item%%-*}
        item=${item#*-}
        for number in "$from" "$item"; do
            case $number in
                '' | 0* | *[!0-9]* | ??????*) return 1 ;;
            esac
        done
        [ "$from" -le "$item" ] && [ "$item" -le 65535 ] || return 1
    done
}

# af_nftables_audit PART INBOUND OUTBOUND
af_nftables_audit() {
    af_nftables_main
    if [ ! -r "$AF_FROM" ]; then
        af_look fail "$AF_FROM" "rules of nftables" "no such file"
        return
    fi
    if ! af_nftables_accepts "$AF_FROM"; then
        af_look fail "$AF_FROM" "rules that nft loads" "$(cat "$AF_TMP/refused")"
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
    if ! af_nftables_ports "$inbound" || ! af_nftables_ports "$outbound"; then
        echo "ports are numbers and ranges of them, with commas between: \`$inbound\`, \`$outbound\`" >&2
        return 1
    fi
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
    af_nftables_rules "$policy" "$inbound" "$outbound" >"$AF_TMP/rules"
    if ! af_nftables_accepts "$AF_TMP/rules"; then
        cat "$AF_TMP/refused" >&2
        return 1
    fi
    af_write_file "$AF_NFTABLES_FILE" 0600 root:root <"$AF_TMP/rules"
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
