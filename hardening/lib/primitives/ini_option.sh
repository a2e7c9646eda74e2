# Files of keys and values in sections, with drop-in folders: journald.conf, coredump.conf, dnf.conf.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# An awk program: the last value of a key in a section, over all files given.
AF_AWK_INI='
    BEGIN {
        section = ENVIRON["AF_SECTION"]; key = ENVIRON["AF_KEY"]
        for (i = 2; i < ARGC; i++) paths[i - 1] = ARGV[i]
        n = ARGC > 2 ? dropins(paths, ARGC - 2) : 0
        ordered[0] = ARGV[1]
        for (i = 0; i <= n; i++) {
            current = ""
            while ((getline line < ordered[i]) > 0) {
                # With systemd a line that is no comment goes on behind its backslash.
                while (ordered[i] ~ /\/systemd\// && line ~ /\\$/ && line !~ /^[ \t]*[#;]/) {
                    sub(/\\$/, " ", line)
                    if ((getline more < ordered[i]) <= 0) break
                    line = line more
                }
                sub(/^[ \t]+/, "", line); sub(/[ \t]+$/, "", line)
                if (line ~ /^\[.*\]$/) { current = substr(line, 2, length(line) - 2); continue }
                at = index(line, "="); if (!at || current != section) continue
                word = substr(line, 1, at - 1); sub(/[ \t]+$/, "", word)
                if (word != key) continue
                last = substr(line, at + 1); sub(/^[ \t]+/, "", last)
            }
        }
        print last
    }'

# af_ini_option_read FILE SECTION KEY: sets AF_VALUE to the value that counts: of files and their drop-in folders,
# drop-ins over the file.
af_ini_option_read() {
    local base="${1##*/}"
    case $1 in
        /etc/systemd/*)
            AF_VALUE=$(af_awk_dropins "$2" "$3" "$AF_AWK_INI" "$1" "/etc/systemd/$base.d"/*.conf \
                "/run/systemd/$base.d"/*.conf "/usr/local/lib/systemd/$base.d"/*.conf "/usr/lib/systemd/$base.d"/*.conf "/lib/systemd/$base.d"/*.conf)
            ;;
        *) AF_VALUE=$(af_awk_dropins "$2" "$3" "$AF_AWK_INI" "$1") ;;
    esac
}

# af_ini_option_audit FILE SECTION KEY OPERATOR VALUE
af_ini_option_audit() {
    af_ini_option_read "$1" "$2" "$3"
    af_judge "$1 [$2] $3" "$4" "$5" "$AF_VALUE"
}

# af_ini_option_set FILE SECTION KEY VALUE: the one place for the key in its section.
af_ini_option_set() {
    AF_SECTION=$2 AF_KEY=$3 AF_LINE=$3=$4 awk '
        function put() { if (!done++) print ENVIRON["AF_LINE"] }
        BEGIN { section = "[" ENVIRON["AF_SECTION"] "]"; key = ENVIRON["AF_KEY"] }
        {
            line = $0; gsub(/^[ \t]+|[ \t]+$/, "", line)
            if (line ~ /^\[.*\]$/) { if (inside) put(); inside = (line == section); print; next }
            word = line; sub(/[ \t]*=.*$/, "", word)
            if (inside && word == key && line ~ /=/) { put(); next }
            print
        }
        END { if (!done && !inside) print section; put() }' "$1" >"$AF_TMP/lines"
    af_replace "$1" <"$AF_TMP/lines"
}

# af_ini_option_apply FILE SECTION KEY OPERATOR VALUE: into the file where there is one, because many who audit read no
# other; into a drop-in where systemd reads those and the file is not there, or another drop-in says something else.
af_ini_option_apply() {
    local file="$1" value other
    value=$(af_first_of "$5")
    af_ini_option_read "$1" "$2" "$3"
    af_meets "$4" "$5" "$AF_VALUE" && return 0
    case $1 in
        /etc/systemd/*)
            if [ -e "$1" ]; then
                af_ini_option_set "$1" "$2" "$3" "$value"
                af_ini_option_read "$1" "$2" "$3"
                af_meets "$4" "$5" "$AF_VALUE" && return 0
            fi
            file=$1.d/zz-amifactory.conf
            ;;
    esac
    # Drop-ins that sort after ours all the same.
    for other in "$1.d"/*.conf; do
        if [ -f "$other" ] && [ "$file" != "$1" ] && af_sorts_after "$file" "$other"; then
            AF_VALUE=$(af_awk_dropins "$2" "$3" "$AF_AWK_INI" "$other")
            [ -z "$AF_VALUE" ] || af_ini_option_set "$other" "$2" "$3" "$value"
        fi
    done
    if [ ! -e "$file" ]; then
        printf '# Written by amifactory.\n[%s]\n' "$2" | af_write_file "$file" 0644 root:root
    fi
    af_ini_option_set "$file" "$2" "$3" "$value"
}
