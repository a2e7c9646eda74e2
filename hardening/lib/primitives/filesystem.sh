# One walk over the whole file system, shared by the controls that look at all files.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_filesystem_volumes: where other local file systems than the root are mounted: /var, /home and the like.
af_filesystem_volumes() {
    awk '$3 ~ /^(ext[234]|xfs|btrfs)$/ && $2 ~ /^\/[^\\]/ && $2 !~ /^\/(proc|sys|dev|run)(\/|$)/ { print $2 }' \
        /proc/self/mounts 2>/dev/null || true
}

# af_filesystem_logs: /var/log, or the folder that it is a link to, and the local volumes beneath it, such as one for
# /var/log/audit. What other machines share is not among them.
af_filesystem_logs() {
    readlink -f /var/log
    af_filesystem_volumes | sed -n "\|^$(readlink -f /var/log)/.|p"
}

# af_filesystem_scan: lists in $AF_TMP/scan what anyone may write (`w path`, without sticky folders), what belongs to no
# known user or group (`o path`), and programs that run with their owner's or group's rights (`s path`).
# Once per bundle; fails where there is nothing to tell users by.
af_filesystem_scan() {
    if [ ! -s /etc/passwd ] || [ ! -s /etc/group ]; then
        return 1
    fi
    [ -e "$AF_TMP/scan" ] && return 0
    # shellcheck disable=SC2046 # One word for each.
    find / $(af_filesystem_volumes) -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path "$AF_TMP" \) -prune -o \
        \( \( -type f -perm -0002 -o -type d -perm -0002 ! -perm -1000 \) -printf 'w %p\n' \) , \
        \( \( -nouser -o -nogroup \) -printf 'o %p\n' \) , \( -type f -perm /6000 -printf 's %p\n' \) 2>/dev/null \
        | awk '!seen[$0]++' >"$AF_TMP/scan.new" || true
    mv "$AF_TMP/scan.new" "$AF_TMP/scan"
}

# af_filesystem_found KIND: sets AF_VALUE to how many there are and names the first few.
af_filesystem_found() {
    # shellcheck disable=SC2034 # For the scripts that call this.
    AF_VALUE=$(awk -v kind="$1" '
        $1 == kind { if (n++ < 5) list = list (list == "" ? "" : ", ") substr($0, 3) }
        END { if (n) print n " files: " list }' "$AF_TMP/scan")
}
