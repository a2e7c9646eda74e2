# Options of the SSH server.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

AF_SSHD_HEAD='# Written by amifactory: the first mention of an option wins, so these lines come first.'

# af_sshd_values KEY: sets AF_VALUE to what sshd would use: the first mention wins, files that are included count
# where they are included. A second value after `|` is one that some Match block sets.
af_sshd_values() {
    AF_VALUE=$(AF_KEY=$1 awk '
        # Reads a file and what it includes. Returns nothing; sets first and matched.
        function read_file(path, depth,    line, word, rest, at, inside, files, n, i, command, found) {
            if (depth > 8) return
            while ((getline line < path) > 0) {
                sub(/^[ \t]+/, "", line)
                if (line == "" || line ~ /^#/) continue
                at = match(line, /[ \t=]/)
                word = at ? tolower(substr(line, 1, at - 1)) : tolower(line)
                rest = at ? substr(line, at) : ""
                sub(/^[ \t]*=?[ \t]*/, "", rest); sub(/[ \t]+$/, "", rest)
                if (word == "match") { inside = (tolower(rest) != "all"); continue }
                if (word == "include") {
                    if (inside) continue
                    n = split(rest, files, /[ \t]+/)
                    for (i = 1; i <= n; i++) {
                        if (files[i] !~ /^\//) files[i] = "/etc/ssh/" files[i]
                        gsub(/[^A-Za-z0-9_.\/*?@+-]/, "", files[i])
                        command = "for f in " files[i] "; do [ -f \"$f\" ] && echo \"$f\"; done"
                        while ((command | getline found) > 0) read_file(found, depth + 1)
                        close(command)
                    }
                    continue
                }
                if (word != key) continue
                gsub(/"/, "", rest)
                if (inside) { if (matched == "") matched = rest }
                else if (first == "") first = rest
            }
            close(path)
        }
        BEGIN {
            key = tolower(ENVIRON["AF_KEY"])
            read_file("/etc/ssh/sshd_config", 0)
            print first (matched == "" ? "" : "|" matched)
        }')
}

# af_sshd_meets OPERATOR VALUE: AF_VALUE and what Match blocks set are as wanted; words in any case. MaxStartups holds
# three numbers, none of which may be larger than wanted.
af_sshd_meets() {
    local seen number wanted rest operator="$1" value="$2"
    [ -n "$AF_VALUE" ] || return 1
    case $AF_VALUE$value in
        *[A-Z]*)
            seen=$(printf '%s\n' "$AF_VALUE" | tr '[:upper:]' '[:lower:]')
            value=$(printf '%s\n' "$value" | tr '[:upper:]' '[:lower:]')
            ;;
        *) seen=$AF_VALUE ;;
    esac
    case $value in
        *:*:*)
            rest=$seen:
            value=$value:
            case $seen in
                *:*:*[!0-9:]* | [!0-9]*) return 1 ;;
                *:*:*) ;;
                *) return 1 ;;
            esac
            while [ -n "$rest" ] && [ -n "$value" ]; do
                number=${rest%%:*}
                wanted=${value%%:*}
                af_meets at-most "$wanted" "$number" || return 1
                rest=${rest#*:}
                value=${value#*:}
            done
            return 0
            ;;
    esac
    af_meets "$operator" "$value" "${seen%%|*}" || return 1
    case $seen in
        *\|*) af_meets "$operator" "$value" "${seen#*|}" ;;
    esac
}

# af_sshd_option_audit KEY OPERATOR VALUE
af_sshd_option_audit() {
    if [ ! -r /etc/ssh/sshd_config ]; then
        af_look fail "/etc/ssh/sshd_config" "$1 $3" "no such file"
        return
    fi
    af_sshd_values "$1"
    if af_sshd_meets "$2" "$3"; then
        af_look pass "sshd $1" "$2 $3" "$AF_VALUE"
    else
        af_look fail "sshd $1" "$2 $3" "${AF_VALUE:-not set}"
    fi
}

# af_sshd_option_apply KEY OPERATOR VALUE: into the main file, ahead of everything else it says. Drop-ins would do for sshd,
# but many who audit read no other file.
af_sshd_option_apply() {
    [ -e /etc/ssh/sshd_config ] || return 0
    af_sshd_values "$1"
    af_sshd_meets "$2" "$3" && return 0
    AF_HEAD=$AF_SSHD_HEAD AF_KEY=$1 AF_LINE="$1 $(af_first_of "$3")" awk '
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
    af_replace /etc/ssh/sshd_config <"$AF_TMP/lines"
}
