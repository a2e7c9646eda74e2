# Accounts: what passwd, group and shadow must look like as a whole.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.
# shellcheck disable=SC2016 # The quoted programs are awk's.

# af_accounts_offenders CHECK: prints who breaks the rule, comma-separated; nothing where all is well. Fails where the
# files that it needs are not there.
af_accounts_offenders() {
    local file
    for file in /etc/passwd /etc/group /etc/shadow; do
        [ -s "$file" ] || return 1
    done
    case $1 in
        shadowed-passwords) af_accounts_list '$2 != "x" && $1 !~ /^[+-]/ { hit($1) }' /etc/passwd ;;
        no-empty-passwords) af_accounts_list '$1 != "" && $2 == "" { hit($1) }' /etc/shadow ;;
        root-locked) af_accounts_list '$1 == "root" { root = 1; if ($2 !~ /^[!*]/) hit("root") } END { if (!root) hit("no root") }' /etc/shadow ;;
        groups-exist)
            af_accounts_list 'FILENAME == "/etc/group" { known[$3] = 1; next } !($4 in known) { hit($1 ":" $4) }' \
                /etc/group /etc/passwd
            ;;
        unique-uids) af_accounts_list '$3 in seen { hit($1 "=" seen[$3]) } { seen[$3] = $1 }' /etc/passwd ;;
        unique-gids) af_accounts_list '$3 in seen { hit($1 "=" seen[$3]) } { seen[$3] = $1 }' /etc/group ;;
        unique-users) af_accounts_list '$1 in seen { hit($1) } { seen[$1] = 1 }' /etc/passwd ;;
        unique-groups) af_accounts_list '$1 in seen { hit($1) } { seen[$1] = 1 }' /etc/group ;;
        only-root-has-uid-0) af_accounts_list '$3 == 0 && $1 != "root" { hit($1) } $3 == 0 { root = 1 } END { if (!root) hit("no root") }' /etc/passwd ;;
        root-group-is-0) af_accounts_list '$1 == "root" { root = 1; if ($4 != 0) hit("root:" $4) } END { if (!root) hit("no root") }' /etc/passwd ;;
        shadow-group-empty)
            af_accounts_list '
                FILENAME == "/etc/group" { if ($1 == "shadow") { gid = $3; if ($4 != "") hit($4) } next }
                gid != "" && $4 == gid { hit($1) }' /etc/group /etc/passwd
            ;;
        system-accounts-cannot-log-in)
            af_accounts_list '
                $1 == "" || $1 == "root" { next }
                FILENAME == "/etc/shadow" { if (($1 in daemon) && $2 !~ /^[!*]/) hit($1 " with a password"); next }
                NF > 5 && $3 < min { daemon[$1]; if ($1 !~ /^(sync|shutdown|halt|nobody)$/ && $7 !~ /\/(nologin|false)$/) hit($1) }' \
                /etc/passwd /etc/shadow
            ;;
        passwords-changed-in-the-past)
            AF_TODAY=$(($(date +%s) / 86400)) af_accounts_list '$3 != "" && $3 + 0 > ENVIRON["AF_TODAY"] + 0 { hit($1) }' /etc/shadow
            ;;
        home-folders) af_accounts_homes ;;
        dot-files) af_accounts_dot_files ;;
        root-path) af_accounts_root_path ;;
        *) return 1 ;;
    esac
}

# af_accounts_list PROGRAM FILE...: runs an awk program over colon-separated files; hit(name) notes an offender, and
# people's accounts are numbered from min on.
af_accounts_list() {
    local program="$1"
    shift
    af_accounts_min
    awk -F: -v min="$AF_VALUE" 'function hit(name) { list = list (list == "" ? "" : ", ") name } '"$program"' END { print list }' "$@"
}

# af_accounts_min: sets AF_VALUE to the first number that people's accounts get, as useradd reads it.
af_accounts_min() {
    af_key_value_read /etc/login.defs UID_MIN
    case $AF_VALUE in
        '' | *[!0-9]*) AF_VALUE=1000 ;;
    esac
}

# af_accounts_interactive: prints `user home` of the accounts that people use.
af_accounts_interactive() {
    af_accounts_min
    awk -F: -v min="$AF_VALUE" '($3 >= min || $3 == 0) && $3 != 65534 && $7 !~ /\/(nologin|false|sync|shutdown|halt)$/ { print $1, $6 }' /etc/passwd
}

# af_accounts_homes: homes that do not exist, belong to someone else, or that others may read or write.
af_accounts_homes() {
    local user home found list=
    af_accounts_interactive >"$AF_TMP/homes"
    while read -r user home; do
        if ! found=$(stat -L -c '%a %U' "$home" 2>/dev/null); then
            list="$list, $home of $user is missing"
        elif [ "${found#* }" != "$user" ] || [ $((0${found% *} & 027)) -ne 0 ]; then
            list="$list, $home of $user is $found"
        fi
    done <"$AF_TMP/homes"
    echo "${list#, }"
}

# af_accounts_home_is_own USER HOME: a folder that is this user's and nobody else's, so that it can be closed to others.
# What an account names as its home may be anything: /, a link to /usr/bin, the folder of another account.
af_accounts_home_is_own() {
    local home="${2%/}"
    case $home in
        /root) [ "$1" = root ] || return 1 ;;
        /home | /boot | /dev | /etc | /media | /mnt | /opt | /proc | /run | /srv | /sys | /tmp | /usr | /var | /bin | /sbin | /lib*) return 1 ;;
        /boot/* | /dev/* | /etc/* | /proc/* | /run/* | /sys/* | /usr/* | /bin/* | /sbin/*) return 1 ;;
        /var/cache | /var/lib | /var/local | /var/log | /var/log/* | /var/mail | /var/opt | /var/spool | /var/tmp | /var/www) return 1 ;;
        /?*) ;;
        *) return 1 ;;
    esac
    [ -d "$home" ] && [ "$(readlink -f "$home")" = "$home" ] || return 1
    [ "$home" != /root ] || return 0
    # Nor may another's home lie in it, or hold it.
    AF_USER=$1 AF_HOME=$home awk '
        BEGIN { mine = ENVIRON["AF_HOME"] "/" }
        { user = $0; sub(/:.*/, "", user); split($0, field, ":"); home = field[6]; sub(/\/*$/, "/", home) }
        user != ENVIRON["AF_USER"] && home != "/" && home != "/home/" && (index(home, mine) == 1 || index(mine, home) == 1) { other = 1 }
        END { exit other }' /etc/passwd || return 1
    case $home in
        /home/?*) ;;
        *) [ "$(stat -c '%U' "$home")" = "$1" ] ;;
    esac
}

# af_accounts_dot_files: dot files that others may write, that belong to someone else, or that hold what they must not.
af_accounts_dot_files() {
    local user home path found max list=
    af_accounts_interactive >"$AF_TMP/homes"
    while read -r user home; do
        for path in "$home"/.[!.]*; do
            max=0755
            case $path in
                # A link to one is followed by its reader.
                */.forward | */.rhosts)
                    list="$list, $path exists"
                    continue
                    ;;
                */.netrc | */.bash_history) max=0600 ;;
            esac
            if [ ! -f "$path" ] || [ -L "$path" ]; then
                continue
            fi
            found=$(stat -c '%a %U' "$path")
            if [ "${found#* }" != "$user" ] || [ $((0${found% *} & ~max & 0777)) -ne 0 ]; then
                list="$list, $path is $found"
            fi
        done
    done <"$AF_TMP/homes"
    echo "${list#, }"
}

# af_accounts_root_path: folders in root's search path, as login.defs sets it, that are not root's alone.
af_accounts_root_path() {
    local path dir found list='' IFS=:
    path=$(sed -n 's/^[[:blank:]]*ENV_SUPATH[[:blank:]]*\(PATH=\)\{0,1\}//p' /etc/login.defs | tail -n 1)
    path=${path:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin}
    case ":$path:" in
        *::* | *:.:*) list=", an empty or relative folder in $path" ;;
    esac
    for dir in $path; do
        [ -d "$dir" ] || continue
        found=$(stat -L -c '%a %U' "$dir")
        if [ "${found#* }" != root ] || [ $((0${found% *} & 022)) -ne 0 ]; then
            list="$list, $dir is $found"
        fi
    done
    echo "${list#, }"
}

# af_accounts_audit CHECK
af_accounts_audit() {
    local list
    if ! list=$(af_accounts_offenders "$1"); then
        af_look fail "accounts $1" "passwd, group and shadow" "not all of them are there"
    else
        af_look_none "accounts $1" none "$list"
    fi
}

# af_accounts_apply CHECK: mends what has one safe answer; the rest is for people.
af_accounts_apply() {
    local list user home
    list=$(af_accounts_offenders "$1") || return 1
    [ -n "$list" ] || return 0
    case $1 in
        no-empty-passwords)
            awk -F: -v OFS=: '$1 != "" && NF > 1 && $2 == "" { $2 = "!" } { print }' /etc/shadow >"$AF_TMP/lines"
            chmod 0600 "$AF_TMP/lines"
            af_replace /etc/shadow <"$AF_TMP/lines"
            ;;
        root-locked)
            awk -F: -v OFS=: '$1 == "root" && NF > 1 && $2 !~ /^[!*]/ { $2 = "!" } { print }' /etc/shadow >"$AF_TMP/lines"
            chmod 0600 "$AF_TMP/lines"
            af_replace /etc/shadow <"$AF_TMP/lines"
            ;;
        system-accounts-cannot-log-in)
            af_accounts_min
            awk -F: -v OFS=: -v min="$AF_VALUE" '
                FILENAME == "/etc/passwd" { if (NF > 5 && $3 < min && $1 != "root") daemon[$1]; next }
                ($1 in daemon) && NF > 1 && $2 !~ /^[!*]/ { $2 = "!" $2 }
                { print }' /etc/passwd /etc/shadow >"$AF_TMP/lines"
            chmod 0600 "$AF_TMP/lines"
            af_replace /etc/shadow <"$AF_TMP/lines"
            awk -F: -v OFS=: -v min="$AF_VALUE" '
                $1 != "" && NF > 5 && $3 < min && $1 !~ /^(root|sync|shutdown|halt|nobody)$/ && $7 !~ /\/(nologin|false)$/ { $7 = "/usr/sbin/nologin" }
                { print }' /etc/passwd >"$AF_TMP/lines"
            af_replace /etc/passwd <"$AF_TMP/lines"
            ;;
        home-folders)
            af_accounts_interactive >"$AF_TMP/homes"
            while read -r user home; do
                af_accounts_home_is_own "$user" "$home" || continue
                [ "$(stat -c '%U' "$home")" = "$user" ] || chown "$user" "$home"
                chmod g-w,o-rwx "$home"
            done <"$AF_TMP/homes"
            ;;
        *)
            echo "this has no answer that is safe for every image: $list" >&2
            return 1
            ;;
    esac
}
