# Kernel parameters, persisted in sysctl.d.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# It sorts after what sites and packages usually have, names that begin with letters as well.
AF_SYSCTL_FILE=/etc/sysctl.d/zz-amifactory.conf

# af_sysctl_values KEY: sets AF_VALUE to what systemd-sysctl would set at boot, and AF_PROCPS to what /etc/sysctl.conf,
# which `sysctl --system` reads last, says of the same key.
af_sysctl_values() {
    local answer
    answer=$(af_awk_dropins '' "$1" '
        function wanted(line,    at, name) {
            sub(/^[ \t]+/, "", line)
            if (line == "" || line ~ /^[#;]/) return 0
            sub(/^-/, "", line)
            at = index(line, "="); if (!at) return 0
            name = substr(line, 1, at - 1); value = substr(line, at + 1)
            gsub(/[ \t]/, "", name); gsub(/\//, ".", name)
            sub(/^[ \t]+/, "", value); sub(/[ \t]+$/, "", value); gsub(/[ \t]+/, " ", value)
            return name == key
        }
        BEGIN {
            key = ENVIRON["AF_KEY"]; gsub(/\//, ".", key)
            for (i = 1; i < ARGC; i++) paths[i] = ARGV[i]
            n = dropins(paths, ARGC - 1)
            for (i = 1; i <= n; i++) while ((getline line < ordered[i]) > 0) if (wanted(line)) last = value
            while ((getline line < "/etc/sysctl.conf") > 0) if (wanted(line)) old = value
            print last "|" old
        }' /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf \
        /lib/sysctl.d/*.conf)
    AF_VALUE=${answer%%|*}
    AF_PROCPS=${answer#*|}
}

# af_sysctl_audit KEY OPERATOR VALUE
af_sysctl_audit() {
    af_sysctl_values "$1"
    if [ -n "$AF_PROCPS" ] && ! af_meets "$2" "$3" "$AF_PROCPS"; then
        af_judge "/etc/sysctl.conf $1" "$2" "$3" "$AF_PROCPS"
    else
        af_judge "sysctl.d $1" "$2" "$3" "$AF_VALUE"
    fi
}

# af_sysctl_runtime KEY OPERATOR VALUE
af_sysctl_runtime() {
    local value='' path rest="$1"
    path=/proc/sys
    while :; do
        path=$path/${rest%%.*}
        case $rest in
            *.*) rest=${rest#*.} ;;
            *) break ;;
        esac
    done
    if [ ! -r "$path" ]; then
        af_look unknown "$path" "$3" "can't be read here"
        return
    fi
    read -r value <"$path"
    af_judge "$path" "$2" "$3" "$value"
}

# af_sysctl_apply KEY OPERATOR VALUE
af_sysctl_apply() {
    local value file
    value=$(af_first_of "$3")
    af_sysctl_values "$1"
    if [ -n "$AF_PROCPS" ] && ! af_meets "$2" "$3" "$AF_PROCPS"; then
        af_sysctl_forget "$1" /etc/sysctl.conf
        af_sysctl_values "$1"
    fi
    af_meets "$2" "$3" "$AF_VALUE" && return 0
    af_set_line "$AF_SYSCTL_FILE" "$1" "$1 = $value"
    af_sysctl_values "$1"
    af_meets "$2" "$3" "$AF_VALUE" && return 0
    # Files that sort after ours all the same. Of another folder's a copy goes over them, without that key.
    for file in /etc/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf /lib/sysctl.d/*.conf; do
        if [ -f "$file" ] && af_sorts_after "$AF_SYSCTL_FILE" "$file"; then
            case $file in
                /etc/*) ;;
                *)
                    if [ -e "/etc/sysctl.d/${file##*/}" ] || [ -L "/etc/sysctl.d/${file##*/}" ]; then
                        continue
                    fi
                    af_write_file "/etc/sysctl.d/${file##*/}" 0644 root:root <"$file"
                    ;;
            esac
            af_sysctl_forget "$1" "/etc/sysctl.d/${file##*/}"
        fi
    done
}

# af_sysctl_forget KEY FILE: lines of that key are commented out.
af_sysctl_forget() {
    AF_KEY=$1 awk '{
        name = $0; sub(/=.*/, "", name); gsub(/[ \t]/, "", name); sub(/^-/, "", name); gsub(/\//, ".", name)
        print (name == ENVIRON["AF_KEY"] ? "# amifactory: " $0 : $0)
    }' "$2" >"$AF_TMP/lines"
    af_replace "$2" <"$AF_TMP/lines"
}
