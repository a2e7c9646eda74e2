# Options of the SSH server.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

AF_SSHD_HEAD='# Written by amifactory: the first mention of an option wins, so these lines come first.'

# af_sshd_called: prints the lines, each after a `|`, with which its unit gives sshd options that go over all files. How
# addresses are looked up and listened to does not.
af_sshd_called() {
    sed -n 'h; s/-u *[0-9][0-9]*//g; /^[^#]*OPT.*=.*-[a-z]/{ g; s/^/|/p; }' /etc/default/ssh /etc/sysconfig/sshd 2>/dev/null || :
}

# af_sshd_values KEY: sets AF_VALUE to what sshd would use: the first mention wins, files that are included count
# where they are included. Further values, each after a `|`, are those that Match blocks set, and what its unit calls it
# with, which counts before all files.
af_sshd_values() {
    AF_VALUE=$(AF_KEY=$1 awk '
        # Splits an argument list as sshd does: quotes hold words together, a comment ends it. Returns how many.
        function split_words(text, out,    n, i, c, quote, word, have) {
            n = have = 0; quote = word = ""
            for (i = 1; i <= length(text); i++) {
                c = substr(text, i, 1)
                if (quote != "") { if (c == quote) quote = ""; else word = word c; continue }
                if (c == "\"" || c == "\047") { quote = c; have = 1; continue }
                if (c == "#" && !have) break
                if (c != " ") { word = word c; have = 1; continue }
                if (have) { out[++n] = word; word = ""; have = 0 }
            }
            if (have) out[++n] = word
            return n
        }
        # Reads a file and what it includes, all of it matched where the file is included in a Match block. Returns
        # nothing; sets first and matched.
        function read_file(path, depth, base,    line, word, rest, at, inside, words, n, i, command, found) {
            if (depth > 16) return
            inside = base
            while ((getline line < path) > 0) {
                gsub(/[ \t\r\f]/, " ", line); sub(/^[ =]+/, "", line); sub(/ +$/, "", line)
                if (line == "" || line ~ /^#/) continue
                at = match(line, /^[^ ="]*"[^"]*"/) ? RLENGTH : match(line, /[ =]/) ? RSTART - 1 : length(line)
                word = tolower(substr(line, 1, at)); gsub(/"/, "", word)
                rest = substr(line, at + 1); sub(/^ *=? */, "", rest)
                n = split_words(rest, words)
                if (word == "match") { inside = base || n != 1 || tolower(words[1]) != "all"; continue }
                if (word == "include") {
                    for (i = 1; i <= n; i++) {
                        if (words[i] !~ /^\//) words[i] = "/etc/ssh/" words[i]
                        gsub(/[^][A-Za-z0-9_.\/*?@+!^-]/, "\\\\&", words[i])
                        command = "for f in " words[i] "; do [ -f \"$f\" ] && printf \"%s\\n\" \"$f\"; done"
                        while ((command | getline found) > 0) read_file(found, depth + 1, inside)
                        close(command)
                    }
                    continue
                }
                if (word != key || !n) continue
                rest = words[1]; for (i = 2; i <= n; i++) rest = rest " " words[i]
                if (inside) matched = matched "|" rest
                else if (first == "") first = rest
            }
            close(path)
        }
        BEGIN {
            key = tolower(ENVIRON["AF_KEY"])
            read_file("/etc/ssh/sshd_config", 0, 0)
            print first matched
        }')$(af_sshd_called)
}

# af_sshd_meets OPERATOR VALUE: AF_VALUE and what Match blocks set are as wanted; words in any case. MaxStartups holds
# three numbers, none of which may be larger than wanted.
af_sshd_meets() {
    local seen value
    seen=$(printf '%s\n' "$AF_VALUE" | tr '[:upper:]' '[:lower:]')
    value=$(printf '%s\n' "$2" | tr '[:upper:]' '[:lower:]')
    case $value in
        *:*:*)
            seen=$seen:
            value=$value:
            while [ -n "$value" ]; do
                af_meets at-most "${value%%:*}" "${seen%%:*}" || return 1
                seen=${seen#*:}
                value=${value#*:}
            done
            return 0
            ;;
    esac
    af_meets_all "$1" "$value" "$seen"
}

# af_sshd_option_audit KEY OPERATOR VALUE
af_sshd_option_audit() {
    local expected="$3"
    # People read `at most 4`, and a value alone where it is to be just that.
    [ "$2" = equals ] || expected="${2%-*} ${2#*-} $3"
    if [ ! -r /etc/ssh/sshd_config ]; then
        af_look fail "/etc/ssh/sshd_config" "$1 $expected" "no such file"
        return
    fi
    af_sshd_values "$1"
    if af_sshd_meets "$2" "$3"; then
        af_look pass "sshd $1" "$expected" "$AF_VALUE"
    else
        af_look fail "sshd $1" "$expected" "${AF_VALUE:-not set}"
    fi
}

# af_sshd_accepts FILE: sshd itself would start with FILE as its main file. It wants a host key and a folder, which an
# image may not have yet.
af_sshd_accepts() {
    local made='' rc=0
    [ -x /usr/sbin/sshd ] && command -v ssh-keygen >/dev/null 2>&1 || return 0
    [ -e "$AF_TMP/host_key" ] || ssh-keygen -q -t ecdsa -N '' -f "$AF_TMP/host_key" </dev/null || return 1
    if [ ! -e /run/sshd ] && mkdir -m 0755 /run/sshd 2>/dev/null; then
        made=1
    fi
    /usr/sbin/sshd -t -f "$1" -h "$AF_TMP/host_key" || rc=1
    [ -z "$made" ] || rmdir /run/sshd
    [ "$rc" -eq 0 ] || echo "sshd refuses these settings, so they are not written" >&2
    return "$rc"
}

# af_sshd_option_apply KEY OPERATOR VALUE: into the main file, ahead of everything else it says. Drop-ins would do for sshd,
# but many who audit read no other file.
af_sshd_option_apply() {
    local value
    value=$(af_first_of "$3")
    case $value in
        '' | *"$AF_NL"*)
            echo "sshd's $1 must be one line that says something" >&2
            return 1
            ;;
    esac
    [ -e /etc/ssh/sshd_config ] || return 0
    af_sshd_values "$1"
    af_sshd_meets "$2" "$3" && return 0
    AF_HEAD=$AF_SSHD_HEAD AF_KEY=$1 AF_LINE="$1 $value" awk '
        function put() { if (!done++) print ENVIRON["AF_LINE"] }
        BEGIN {
            key = tolower(ENVIRON["AF_KEY"]); head = ENVIRON["AF_HEAD"]
            while ((getline line < ARGV[1]) > 0) if (line == head) known = 1
            close(ARGV[1])
        }
        {
            line = tolower($0); gsub(/^[ \t]+|[ \t]+$/, "", line)
            word = line; sub(/[ \t=].*$/, "", word)
        }
        $0 == head { print; ours = 1; next }
        ours && line == "" { put(); ours = 0; print; next }
        ours && word == key { put(); next }
        ours { print; next }
        !known && !done && line != "" && line !~ /^#/ { print head; put(); print "" }
        word == "match" { inside = (line !~ /^match[ \t]+all$/) }
        word == key && !inside { print "# amifactory: " $0; next }
        { print }
        END { if (!done) { if (!known) print head; put() } }' /etc/ssh/sshd_config >"$AF_TMP/lines"
    if ! cmp -s "$AF_TMP/lines" /etc/ssh/sshd_config; then
        af_sshd_accepts "$AF_TMP/lines" || return 1
        af_replace /etc/ssh/sshd_config <"$AF_TMP/lines"
    fi
    # A port may be among them, so they are not simply taken out.
    value=$(af_sshd_called)
    if [ -n "$value" ]; then
        echo "sshd is called with options that go over its files: move them from /etc/default/ssh or /etc/sysconfig/sshd" \
            "to /etc/ssh/sshd_config: ${value#|}" >&2
        return 1
    fi
}
