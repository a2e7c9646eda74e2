# Options on the command line of the kernel.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_kernel_cmdline_value OPTION TEXT: sets AF_VALUE to the value of the last mention in a command line.
af_kernel_cmdline_value() {
    local word
    AF_VALUE=
    set -f
    for word in $2; do
        case $word in
            "$1="*) AF_VALUE=${word#*=} ;;
            "$1") AF_VALUE=yes ;;
        esac
    done
    set +f
}

# af_kernel_cmdline_configured: prints what the boot loader's settings give every kernel.
af_kernel_cmdline_configured() {
    set -- /etc/default/grub
    # Other families' grub-mkconfig reads no folder.
    [ "$AF_PKG" = rpm ] || set -- "$@" /etc/default/grub.d/*.cfg
    # Shell, as grub-mkconfig reads it: what counts is what it amounts to. The second variable comes behind the first.
    # shellcheck disable=SC2016 # The inner shell expands these.
    timeout 9 sh -c 'unset GRUB_CMDLINE_LINUX GRUB_CMDLINE_LINUX_DEFAULT
        for file; do
            [ -f "$file" ] || continue
            sh -n "$file" || exit 1
            . "$file" >/dev/null
        done
        printf "%s %s\n" "${GRUB_CMDLINE_LINUX-}" "${GRUB_CMDLINE_LINUX_DEFAULT-}"' grub "$@" </dev/null 2>/dev/null || true
}

# af_kernel_cmdline_entries: prints the command line of each kernel that the boot loader offers.
af_kernel_cmdline_entries() {
    sed -n 's/^options[[:blank:]]*//p' /boot/loader/entries/*.conf 2>/dev/null
    sed -n 's/^[[:blank:]]*linux[[:blank:]][[:blank:]]*[^ \t]*[[:blank:]]*//p' /boot/grub/grub.cfg /boot/grub2/grub.cfg 2>/dev/null
}

# af_kernel_cmdline_audit OPTION OPERATOR VALUE
af_kernel_cmdline_audit() {
    local line bad='' count=0
    af_kernel_cmdline_value "$1" "$(af_kernel_cmdline_configured)"
    af_judge "/etc/default/grub $1" "$2" "$3" "$AF_VALUE"
    while read -r line; do
        [ -n "$line" ] || continue
        count=$((count + 1))
        af_kernel_cmdline_value "$1" "$line"
        af_meets "$2" "$3" "$AF_VALUE" || bad=${AF_VALUE:-not set}
    done <<ENTRIES
$(af_kernel_cmdline_entries)
ENTRIES
    if [ "$count" -gt 0 ]; then
        af_judge "boot entries ($count) $1" "$2" "$3" "${bad:-$(af_first_of "$3")}"
    fi
}

# af_kernel_cmdline_runtime OPTION OPERATOR VALUE
af_kernel_cmdline_runtime() {
    local line=
    if ! read -r line 2>/dev/null </proc/cmdline; then
        af_look unknown "/proc/cmdline $1" "$3" "can't be read here"
        return
    fi
    af_kernel_cmdline_value "$1" "$line"
    af_judge "/proc/cmdline $1" "$2" "$3" "$AF_VALUE"
}

# af_kernel_cmdline_apply OPTION OPERATOR VALUE
af_kernel_cmdline_apply() {
    local value file add=''
    value=$(af_first_of "$3")
    for file in GRUB_CMDLINE_LINUX GRUB_CMDLINE_LINUX_DEFAULT; do
        af_kernel_cmdline_value "$1" "$(af_kernel_cmdline_configured)"
        af_meets "$2" "$3" "$AF_VALUE" && break
        # A new last line adds to what is there, however that is written. The second variable only where it says
        # otherwise: grub-mkconfig puts it behind the first.
        add="$add$AF_NL$file=\"\$$file $1=$value\""
        if [ "$AF_PKG" = deb ]; then
            # Read after the package's own file.
            printf '# Written by amifactory.%s\n' "$add" \
                | af_write_file "/etc/default/grub.d/99-zz-amifactory-$1.cfg" 0644 root:root
        elif [ ! -e /etc/default/grub ] || sh -n /etc/default/grub 2>/dev/null; then
            af_append /etc/default/grub "${add##*"$AF_NL"}"
        fi
    done
    for file in /boot/loader/entries/*.conf /boot/grub/grub.cfg /boot/grub2/grub.cfg; do
        [ -f "$file" ] || continue
        # In its place where it stands already, so that the order of options stays.
        AF_KEY=$1 AF_COMPARE=$2 AF_WANTED=$value awk '
            BEGIN { key = ENVIRON["AF_KEY"]; wanted = ENVIRON["AF_WANTED"]; bound = ENVIRON["AF_COMPARE"] == "at-least" }
            /^options[ \t]/ || /^[ \t]*linux[ \t]/ {
                # Wherever it is mentioned: the last mention wins.
                out = ""; found = 0
                for (rest = $0; match(rest, /[^ \t]+/); rest = substr(rest, RSTART + RLENGTH)) {
                    word = substr(rest, RSTART, RLENGTH); out = out substr(rest, 1, RSTART - 1)
                    if (word == key || index(word, key "=") == 1) {
                        found = 1; have = substr(word, length(key) + 2)
                        if (have != wanted && !(bound && have + 0 >= wanted + 0)) word = key "=" wanted
                    }
                    out = out word
                }
                print (found ? out rest : $0 " " key "=" wanted); next
            }
            { print }' "$file" >"$AF_TMP/lines"
        af_replace "$file" <"$AF_TMP/lines"
    done
}
