# Kernel modules that must not load.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_kernel_module_state NAME: sets AF_VALUE to `install=<command> blacklist=<yes|no>` as modprobe.d says.
af_kernel_module_state() {
    # shellcheck disable=SC2016 # The quoted program is awk's.
    AF_VALUE=$(af_awk_dropins '' "$1" '
        BEGIN {
            key = ENVIRON["AF_KEY"]; gsub(/-/, "_", key)
            for (i = 1; i < ARGC; i++) paths[i] = ARGV[i]
            n = dropins(paths, ARGC - 1)
            install = "none"; listed = "no"
            ok = "^(/usr)?/bin/(false|true)$"
            for (i = 1; i <= n; i++) for (held = ""; (getline < ordered[i]) > 0;) {
                # Comments go on too.
                if (sub(/\\$/, "")) { held = held $0; continue }
                $0 = held $0; held = ""
                name = $2; gsub(/-/, "_", name)
                if (name != key) continue
                if ($1 == "blacklist") listed = "yes"
                # One command that loads it is enough to load it, and modprobe runs all that stands there.
                command = $3; for (j = 4; j <= NF; j++) command = command " " $j
                if ($1 == "install" && (install == "none" || command !~ ok)) install = command
            }
            print "install=" install " blacklist=" listed
        }' /etc/modprobe.d/*.conf /run/modprobe.d/*.conf /usr/local/lib/modprobe.d/*.conf /usr/lib/modprobe.d/*.conf \
        /lib/modprobe.d/*.conf)
}

af_kernel_module_held() {
    case $AF_VALUE in
        "install=/bin/false blacklist=yes" | "install=/bin/true blacklist=yes") return 0 ;;
        "install=/usr/bin/false blacklist=yes" | "install=/usr/bin/true blacklist=yes") return 0 ;;
    esac
    return 1
}

# af_kernel_module_audit NAME
af_kernel_module_audit() {
    local status=fail
    af_kernel_module_state "$1"
    if af_kernel_module_held; then
        status=pass
    fi
    af_look "$status" "modprobe.d $1" "install=/bin/false blacklist=yes" "$AF_VALUE"
}

# af_kernel_module_runtime NAME
af_kernel_module_runtime() {
    local name _ wanted="$1"
    case $wanted in
        *-*) wanted=$(printf '%s\n' "$wanted" | tr - _) ;;
    esac
    if [ ! -r /proc/modules ]; then
        af_look unknown "/proc/modules $1" "not loaded" "can't be read here"
        return
    fi
    while read -r name _; do
        if [ "$name" = "$wanted" ]; then
            af_look fail "/proc/modules $1" "not loaded" loaded
            return
        fi
    done </proc/modules
    af_look pass "/proc/modules $1" "not loaded" "not loaded"
}

# af_kernel_module_apply NAME
af_kernel_module_apply() {
    af_kernel_module_state "$1"
    af_kernel_module_held && return 0
    case $AF_VALUE in
        install=none*) ;;
        *) af_kernel_module_forget "$1" ;;
    esac
    printf '# Written by amifactory.\ninstall %s /bin/false\nblacklist %s\n' "$1" "$1" \
        | af_write_file "/etc/modprobe.d/amifactory-$1.conf" 0644 root:root
}

# af_kernel_module_forget NAME: commands of the site that load it are commented out.
af_kernel_module_forget() {
    local file
    for file in /etc/modprobe.d/*.conf; do
        [ -f "$file" ] || continue
        AF_KEY=$1 awk '
            BEGIN { key = ENVIRON["AF_KEY"]; gsub(/-/, "_", key) }
            { name = $2; gsub(/-/, "_", name) }
            $1 == "install" && name == key { print "# amifactory: " $0; next }
            { print }' "$file" >"$AF_TMP/lines"
        af_replace "$file" <"$AF_TMP/lines"
    done
}
