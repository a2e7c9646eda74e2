# Files with a given content, such as banners.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_file_content_audit PATH MODE CONTENT
af_file_content_audit() {
    local line found=
    if [ ! -f "$1" ]; then
        af_look fail "$1" "$3" "no such file"
        return
    fi
    while IFS= read -r line || [ -n "$line" ]; do
        found="$found${found:+$AF_NL}$line"
        # No file that is meant here is long.
        [ "${#found}" -lt 4000 ] || break
    done <"$1"
    af_judge "$1" equals "$3" "$found"
}

# af_file_content_apply PATH MODE CONTENT
af_file_content_apply() {
    printf '%s\n' "$3" | af_write_file "$1" "$2" root:root
}
