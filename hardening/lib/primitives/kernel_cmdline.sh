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
    cat /etc/default/grub /etc/default/grub.d/*.cfg 2>/dev/null \
        | sed -n 's/^[[:blank:]]*GRUB_CMDLINE_LINUX\(_DEFAULT\)\{0,1\}=//p' | tr -d "\"'" | tr '\n' ' '
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
    local value file
    value=$(af_first_of "$3")
    af_kernel_cmdline_value "$1" "$(af_kernel_cmdline_configured)"
    if ! af_meets "$2" "$3" "$AF_VALUE"; then
        if [ "$AF_PKG" = deb ]; then
            # Read after the package's own file, so this adds to what is there.
            # shellcheck disable=SC2016 # grub-mkconfig expands it.
            printf '# Written by amifactory.\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX %s=%s"\n' "$1" "$value" \
                | af_write_file "/etc/default/grub.d/99-zz-amifactory-$1.cfg" 0644 root:root
        else
            AF_ADD=$1=$value awk '
                /^GRUB_CMDLINE_LINUX=/ && !done++ { sub(/["\047]?[[:blank:]]*$/, ""); q = ($0 ~ /="/ ? "\"" : "\047")
                    if ($0 !~ /=["\047]/) sub(/=/, "=" q); print $0 " " ENVIRON["AF_ADD"] q; next }
                { print }
                END { if (!done) print "GRUB_CMDLINE_LINUX=\"" ENVIRON["AF_ADD"] "\"" }' /etc/default/grub >"$AF_TMP/lines"
            af_replace /etc/default/grub <"$AF_TMP/lines"
        fi
    fi
    for file in /boot/loader/entries/*.conf /boot/grub/grub.cfg /boot/grub2/grub.cfg; do
        [ -f "$file" ] || continue
        # In its place where it stands already, so that the order of options stays.
        AF_KEY=$1 AF_COMPARE=$2 AF_WANTED=$value awk '
            BEGIN { key = ENVIRON["AF_KEY"]; wanted = ENVIRON["AF_WANTED"]; bound = ENVIRON["AF_COMPARE"] == "at-least" }
            /^options[ \t]/ || /^[ \t]*linux[ \t]/ {
                line = $0 " "; at = match(line, " " key "(=[^ ]*)? ")
                if (!at) { print $0 " " key "=" wanted; next }
                have = substr(line, RSTART + length(key) + 2, RLENGTH - length(key) - 3)
                if (have == wanted || (bound && have + 0 >= wanted + 0)) { print; next }
                print substr(line, 1, RSTART) key "=" wanted substr($0, RSTART + RLENGTH - 1); next
            }
            { print }' "$file" >"$AF_TMP/lines"
        af_replace "$file" <"$AF_TMP/lines"
    done
}
