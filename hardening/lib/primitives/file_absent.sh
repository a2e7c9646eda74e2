# Files that must not exist.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_file_absent_audit PATH...
af_file_absent_audit() {
    local path
    for path in "$@"; do
        if [ -e "$path" ] || [ -L "$path" ]; then
            af_look fail "$path" "no such file" "there is one"
        else
            af_look pass "$path" "no such file" "no such file"
        fi
    done
}

# af_file_absent_apply PATH...
af_file_absent_apply() {
    rm -f "$@"
}
