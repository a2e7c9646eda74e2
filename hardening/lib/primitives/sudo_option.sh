# Defaults of sudo.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_sudo_read WHAT: prints the `lines` that sudo reads, in its order, without comments and joined where they go on; or
# the `files` that it reads.
af_sudo_read() {
    AF_WHAT=$1 awk '
        function read_file(path, depth,    line, more, folder, word, command, found) {
            if (depth > 64) return
            if (files && !(path in known)) { known[path]; print path }
            folder = path; sub(/[^\/]*$/, "", folder)
            while ((getline line < path) > 0) {
                sub(/\r$/, "", line)
                # A number after it makes of `#` a user, a known word a directive.
                if (line ~ /^[ \t]*#/ && line !~ /^[ \t]*#-?[0-9]/ && line !~ /^[ \t]*#include(dir)?[ \t]/) continue
                while (line ~ /\\$/) {
                    sub(/\\$/, " ", line)
                    if ((getline more < path) <= 0) break
                    line = line more
                }
                if (line !~ /^[ \t]*[@#]include(dir)?[ \t]/) {
                    gsub(/![ \t]+/, "!", line)
                    if (!files && line !~ /^[ \t]*$/) print line
                    continue
                }
                # Which file that is only the running host knows.
                if (!files && line ~ /%h/) print "%h: " line
                word = line; sub(/^[ \t]*[@#]/, "", word); sub(/[ \t].*/, "", word)
                sub(/^[ \t]*[@#]include(dir)?[ \t]+/, "", line); sub(/[ \t]+(#.*)?$/, "", line); gsub(/["\\\047]/, "", line)
                if (line !~ /^\//) line = folder line
                if (word == "include") { read_file(line, depth + 1); continue }
                # Sudo leaves out what others than root could have written.
                command = "for f in \047" line "\047/*; do [ -f \"$f\" ]" (files ? "" : trusted) " && printf \"%s\\n\" \"$f\"; done"
                while ((command | getline found) > 0)
                    if (substr(found, length(line) + 2) !~ /\.|~$/) read_file(found, depth + 1)
                close(command)
            }
            close(path)
        }
        BEGIN {
            files = (ENVIRON["AF_WHAT"] == "files")
            trusted = " && [ -z \"$(find -L \"$f\" \\( ! -uid $(id -u) -o -perm -002 -o -perm -020 ! -gid 0 \\) 2>/dev/null)\" ]"
            read_file("/etc/sudoers", 0)
        }'
}

# af_sudo_value OPTION: sets AF_VALUE to what the last Defaults line for everyone says: yes, no, a value, or nothing. Further
# values, each after a `|`, are those for some users, hosts or commands.
af_sudo_value() {
    AF_VALUE=$(af_sudo_read lines | AF_KEY=$1 awk '
        BEGIN { key = ENVIRON["AF_KEY"] }
        function put(value) { if (rank > 1) some = some "|" value; else last[rank] = value }
        $1 ~ /^Defaults([@:>!]|$)/ {
            # Those with a name are read after the plain ones.
            rank = ($1 != "Defaults")
            sub(/^[ \t]*Defaults([@:>!][ \t]*|[ \t]+)/, "")
            if (rank) { rank += ($1 != "ALL"); sub(/^("[^"]*"|[^ \t"]+)/, "") }
            sub(/#[^"]*$/, "")
            n = split($0, quoted, "\""); text = quoted[1]
            for (i = 2; i <= n; i++) {
                if (i % 2 == 0) gsub(/,/, "\001", quoted[i])
                text = text "\"" quoted[i]
            }
            n = split(text, parts, /[ \t]*,[ \t]*/)
            for (i = 1; i <= n; i++) {
                part = parts[i]; gsub(/^[ \t]+|[ \t]+$/, "", part)
                # Behind the last of several names.
                if (rank > 1 && match(part, "[ \t]!*" key "([ \t]*=|$)")) part = substr(part, RSTART + 1)
                word = part; off = gsub(/^!+/, "", word) ? length(part) - length(word) : 0
                if (word == key) put(off % 2 ? "no" : "yes")
                else if (part ~ "^" key "[ \t]*=") {
                    sub(/^[^=]*=[ \t]*/, "", part); gsub(/"/, "", part); gsub("\001", ",", part); put(part)
                }
            }
        }
        $1 == "%h:" { host = " or what this says: " $0 }
        END { print (1 in last ? last[1] : last[0]) host some }')
}

# af_sudo_option_audit OPTION OPERATOR VALUE: VALUE is yes for an option that is only on or off.
af_sudo_option_audit() {
    if [ ! -e /etc/sudoers ]; then
        af_look fail "/etc/sudoers" "Defaults $1" "no such file"
        return
    fi
    af_sudo_value "$1"
    if af_meets_all "$2" "$3" "$AF_VALUE"; then
        AF_VALUE=${AF_VALUE%%|*}
    fi
    af_judge "sudo Defaults $1" "$2" "$3" "$AF_VALUE"
}

# af_sudo_replace FILE: standard input becomes the content of a file that sudo reads, where visudo has nothing against it.
af_sudo_replace() {
    local rc=0
    cat >"$AF_TMP/sudoers"
    cmp -s "$AF_TMP/sudoers" "$1" && return 0
    if command -v visudo >/dev/null 2>&1; then
        # Beside the file: what it includes may be named from its folder.
        (umask 0337 && cat "$AF_TMP/sudoers" >"$1.af-check") && visudo -c -q -f "$1.af-check" || rc=1
        rm -f "$1.af-check"
    fi
    if [ "$rc" -ne 0 ]; then
        echo "visudo refuses what $1 would become, so it stays" >&2
        return 1
    fi
    af_replace "$1" <"$AF_TMP/sudoers"
}

# af_sudo_option_apply OPTION OPERATOR VALUE: a file of its own, checked by visudo before sudo can see it. Where sudo does
# not read it, or reads another line after it, at the end of the main file.
af_sudo_option_apply() {
    local value line file="/etc/sudoers.d/zz-amifactory-$1"
    value=$(af_first_of "$3")
    case $value in
        '' | *[!A-Za-z0-9_./:=@+-]*)
            echo "this can't be a value of sudo's $1: $value" >&2
            return 1
            ;;
        yes) line="Defaults $1" ;;
        no) line="Defaults !$1" ;;
        *) line="Defaults $1=$value" ;;
    esac
    [ -e /etc/sudoers ] || return 0
    af_sudo_value "$1"
    af_meets "$2" "$3" "${AF_VALUE%%|*}" && return 0
    printf '# Written by amifactory.\n%s\n' "$line" >"$AF_TMP/sudoers"
    if command -v visudo >/dev/null 2>&1; then
        chmod 0440 "$AF_TMP/sudoers"
        visudo -c -q -f "$AF_TMP/sudoers" || return 1
    fi
    af_write_file "$file" 0440 root:root <"$AF_TMP/sudoers"
    af_sudo_value "$1"
    af_meets "$2" "$3" "${AF_VALUE%%|*}" && return 0
    rm -f "$file"
    [ "$(tail -n 1 /etc/sudoers)" != "$line" ] || return 0
    {
        cat /etc/sudoers
        printf '\n# Written by amifactory.\n%s\n' "$line"
    } >"$AF_TMP/lines"
    af_sudo_replace /etc/sudoers <"$AF_TMP/lines"
}

# af_sudo_forbid_audit WORD: no rule of sudo holds the word. A group that is exempt is asked for no password either.
af_sudo_forbid_audit() {
    local lines
    if [ ! -e /etc/sudoers ]; then
        af_look fail "/etc/sudoers" "no $1" "no such file"
        return
    fi
    lines=$(af_sudo_read lines | grep -F -e "$1" -e exempt_group -e '%h: ')
    af_look_none "sudo rules" "no $1" "$lines" "none"
}

# af_sudo_forbid_apply WORD: rules that hold it are commented out; who still needs them has to say so in a waiver.
af_sudo_forbid_apply() {
    local file
    af_sudo_read files >"$AF_TMP/files"
    while read -r file; do
        [ -f "$file" ] || continue
        # A rule over several lines goes as a whole.
        AF_WORD=$1 awk '
            function put(    i, mark) {
                gsub(/![ \t]+/, "!", all)
                mark = index(all, ENVIRON["AF_WORD"]) || index(all, "exempt_group") ? "# amifactory: " : ""
                for (i = 1; i <= n; i++) print mark lines[i]
                n = 0; all = ""
            }
            !n && /^[ \t]*#/ && !/^[ \t]*#-?[0-9]/ { print; next }
            { lines[++n] = $0; all = all $0 }
            !/\\$/ { put() }
            END { put() }' "$file" >"$AF_TMP/lines"
        af_sudo_replace "$file" <"$AF_TMP/lines" || return 1
    done <"$AF_TMP/files"
}
