# Files that are merged from several folders: of files with the same name only the one in the first folder counts,
# and all are read in the order of their names (sysctl.d, modprobe.d, and the *.conf.d folders of systemd).
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# An awk function: dropins(paths, n) sorts the paths, given folder by folder in order of precedence, into `ordered`.
# shellcheck disable=SC2034 # Used by the primitives beside it.
AF_AWK_DROPINS='
    function dropins(paths, n,    i, j, name, seen, names, count, keep) {
        count = 0
        for (i = 1; i <= n; i++) {
            name = paths[i]; sub(/.*\//, "", name)
            if (name ~ /\*/ || (name in seen)) continue
            seen[name] = paths[i]
            for (j = count; j >= 1 && names[j] > name; j--) names[j + 1] = names[j]
            names[j + 1] = name; count++
        }
        for (i = 1; i <= count; i++) ordered[i] = seen[names[i]]
        return count
    }'

# af_sorts_after PATH OTHER: the name of OTHER sorts after that of PATH, byte by byte.
af_sorts_after() {
    [ "${1##*/}" != "${2##*/}" ] && [ "$(printf '%s\n' "${1##*/}" "${2##*/}" | LC_ALL=C sort | tail -n 1)" = "${2##*/}" ]
}

# af_awk_dropins SECTION KEY PROGRAM PATH...: runs an awk program that has the function. Only files are drop-ins, and
# links to /dev/null, which mask others: an awk may end where it is told to read a folder, and not at all at a pipe.
af_awk_dropins() {
    local section="$1" key="$2" program="$3" path first=yes
    shift 3
    for path in "$@"; do
        [ -z "$first" ] || set --
        first=
        [ -f "$path" ] || [ "$(readlink -f "$path")" = /dev/null ] || path=/dev/null
        set -- "$@" "$path"
    done
    AF_SECTION=$section AF_KEY=$key awk "$AF_AWK_DROPINS$program" "$@"
}
