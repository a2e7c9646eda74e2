# Helpers that package groups, tests and controls share: packages, files, services, pages.
# Every function works in dash, bash and busybox ash, as root, inside a sandbox or on an instance.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

AF_NL='
'

# A regular expression: where a command may start in a line of shell. Quotes count: what they hold may be run.
# shellcheck disable=SC2034 # Used by scripts.
AF_STARTS='(^|[;&|(){}`!"'"'"']|(^|[^A-Za-z0-9_])(then|do|else|elif|if|while|until|eval|exec|command|builtin|time))[ \t]*'

# af_detect: sets AF_PKG to deb, rpm or none. Reads with builtins only: it runs at the start of every bundle.
af_detect() {
    local key value id=
    AF_PKG=none
    if [ -r /etc/os-release ]; then
        while IFS='=' read -r key value || [ -n "$key" ]; do
            if [ "$key" = ID ]; then
                id=${value#[\"\']}
                id=${id%[\"\']}
            fi
        done </etc/os-release
    fi
    case $id in
        debian | ubuntu) AF_PKG=deb ;;
        amzn | fedora | rhel | centos | rocky | almalinux) AF_PKG=rpm ;;
    esac
}

# af_packages: makes sure that $AF_TMP/packages lists the names of all installed packages; fails where there is no
# package database. The list is made once per bundle; installing and removing forget it.
af_packages() {
    [ -e "$AF_TMP/packages" ] && return 0
    case $AF_PKG in
        deb)
            [ -s /var/lib/dpkg/status ] || return 1
            awk '/^Package: /{name=$2} /^Status: .* installed$/{print name}' /var/lib/dpkg/status >"$AF_TMP/packages.new"
            ;;
        rpm)
            command -v rpm >/dev/null 2>&1 || return 1
            af_rpm_all '%{NAME}\n' >"$AF_TMP/packages.new" 2>/dev/null
            ;;
        *) return 1 ;;
    esac
    [ -s "$AF_TMP/packages.new" ] || return 1
    mv "$AF_TMP/packages.new" "$AF_TMP/packages"
}

# af_rpm_all FORMAT: rpm's record of every package. Of SQLite a copy is asked: reading it in place leaves files there.
af_rpm_all() {
    local path rc=0 copy="$AF_TMP/rpmdb"
    path=$(rpm --eval '%{_dbpath}') || return 1
    rm -rf "$copy"
    mkdir "$copy"
    if cp "$path"/rpmdb.sqlite* "$copy/" 2>/dev/null; then
        rpm --dbpath "$copy" -qa --qf "$1" || rc=$?
    else
        rpm -qa --qf "$1" || rc=$?
    fi
    rm -rf "$copy"
    return "$rc"
}

# af_installed PACKAGE...: prints those that are installed; status 2 where there is no package database.
af_installed() {
    local name
    af_packages || return 2
    for name in "$@"; do
        printf '%s\n' "$name"
    done | grep -xF -f - "$AF_TMP/packages" || return 0
}

# af_missing PACKAGE...: prints those that are not installed. `name=version` counts by its name.
af_missing() {
    local name have
    have=$AF_NL$(af_installed "$@")$AF_NL
    for name in "$@"; do
        case $have in
            *"$AF_NL${name%%=*}$AF_NL"*) ;;
            *) printf '%s\n' "$name" ;;
        esac
    done
}

# af_apt ARGUMENT...: apt-get without questions, without recommended extras, and without starting services.
af_apt() {
    local rc=0 policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\n# amifactory: services start when the image does, not while it is built.\nexit 101\n' >"$policy"
        chmod 0755 "$policy"
    fi
    DEBIAN_FRONTEND=noninteractive apt-get -y -q \
        -o APT::Install-Recommends=false -o APT::Sandbox::User=root -o Acquire::Retries="${AF_RETRIES:-3}" \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 "$@" || rc=$?
    af_drop_policy
    return "$rc"
}

# af_drop_policy: removes the policy file that af_apt leaves where it was interrupted; never one that is not ours.
af_drop_policy() {
    if grep -qs '^# amifactory: ' /usr/sbin/policy-rc.d; then
        rm -f /usr/sbin/policy-rc.d
    fi
}

# af_install PACKAGE...: installs what is missing, without weak dependencies. Does nothing where all are installed.
af_install() {
    local missing
    missing=$(af_missing "$@")
    [ -n "$missing" ] || return 0
    # Package names hold no blanks: the list is split on purpose.
    # shellcheck disable=SC2086
    set -- $missing
    if [ -e "$AF_TMP/unreachable" ]; then
        # What could not be reached is not waited for again, package by package.
        echo "not installed: $*: the package repositories could not be reached" >&2
        return 1
    fi
    rm -f "$AF_TMP/packages"
    case $AF_PKG in
        deb)
            if [ ! -e "$AF_TMP/apt-updated" ]; then
                # Lists from before may still do, so a failure here is not the end.
                if ! AF_RETRIES=1 af_apt -o APT::Update::Error-Mode=any update; then
                    echo "apt-get update failed; trying with the lists that are there"
                    : >"$AF_TMP/offline"
                fi
                : >"$AF_TMP/apt-updated"
            fi
            if [ ! -e "$AF_TMP/offline" ]; then
                af_apt install "$@"
            elif ! AF_RETRIES=0 af_apt install "$@"; then
                : >"$AF_TMP/unreachable"
                return 1
            fi
            ;;
        rpm)
            if [ -n "${AF_RELEASEVER:-}" ]; then
                set -- "--releasever=$AF_RELEASEVER" "$@"
            fi
            if ! dnf -y -q --setopt=install_weak_deps=False --setopt=retries=3 --setopt=timeout=20 install "$@"; then
                # Amazon Linux skips repositories that can't be reached, and then knows no such package: ask, and say so.
                dnf -q --setopt='*.skip_if_unavailable=False' --setopt=retries=1 --setopt=timeout=20 makecache \
                    || : >"$AF_TMP/unreachable"
                return 1
            fi
            ;;
        *)
            echo "no package manager that is known here: can't install $*" >&2
            return 1
            ;;
    esac
}

# af_remove PACKAGE...: removes those that are installed.
af_remove() {
    local present
    present=$(af_installed "$@") || return 1
    [ -n "$present" ] || return 0
    # shellcheck disable=SC2086 # Package names hold no blanks.
    set -- $present
    rm -f "$AF_TMP/packages"
    case $AF_PKG in
        deb) af_apt purge "$@" ;;
        rpm) dnf -y -q remove "$@" ;;
    esac
}

# af_list_packages: name, version, architecture and kind of every installed package, tab-separated, sorted.
af_list_packages() {
    case $AF_PKG in
        deb)
            awk -v OFS='\t' '
                /^Package: /{name=$2} /^Version: /{version=$2} /^Architecture: /{arch=$2}
                /^Status: /{installed=/ installed$/}
                /^$/{if (installed) print name, version, arch, "deb"; installed=0}
                END{if (installed) print name, version, arch, "deb"}' /var/lib/dpkg/status
            ;;
        rpm) af_rpm_all '%{NAME}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\t%{ARCH}\trpm\n' ;;
    esac | sort
}

# af_owner PATH OWNER: gives PATH to user:group where it is not theirs already.
af_owner() {
    [ "$(stat -c '%U:%G' "$1")" = "$2" ] || chown "$2" "$1"
}

# af_put PATH MODE OWNER: $AF_TMP/new becomes PATH, in one step, and only where something differs.
af_put() {
    local path="$1" mode="$2" owner="${3:-root:root}" dir
    dir=${path%/*}
    af_drop_stale "$path"
    if [ -f "$path" ] && [ ! -L "$path" ] && cmp -s "$AF_TMP/new" "$path"; then
        [ "$(stat -c '%a' "$path")" = "${mode#0}" ] || chmod "$mode" "$path"
        af_owner "$path" "$owner"
        return 0
    fi
    af_only_files "$path" || return 1
    [ -d "${dir:-/}" ] || mkdir -p "$dir"
    if cp "$AF_TMP/new" "$path.af-new" && chown "$owner" "$path.af-new" && chmod "$mode" "$path.af-new" \
        && mv -fT "$path.af-new" "$path"; then
        af_label "$path"
    else
        rm -f "$path.af-new"
        return 1
    fi
}

# af_write_file PATH MODE OWNER: writes what arrives on standard input. A symbolic link is replaced, not followed.
af_write_file() {
    cat >"$AF_TMP/new"
    af_put "$@"
}

# af_replace PATH: standard input becomes the content of a file that exists; owner and mode stay, links are followed.
af_replace() {
    local path
    path=$(readlink -f "$1")
    cat >"$AF_TMP/new"
    af_only_files "$path" || return 1
    af_drop_stale "$path"
    cmp -s "$AF_TMP/new" "$path" && return 0
    if cp -p "$path" "$path.af-new" && cat "$AF_TMP/new" >"$path.af-new" && mv -fT "$path.af-new" "$path"; then
        af_label "$path"
    else
        rm -f "$path.af-new"
        return 1
    fi
}

# af_only_files PATH: fails where PATH is there and neither a file nor a link: a folder, or the device that a site's link
# leads to.
af_only_files() {
    if [ -e "$1" ] && [ ! -f "$1" ] && [ ! -L "$1" ]; then
        echo "$1 is no regular file: it stays as it is" >&2
        return 1
    fi
}

# af_drop_stale PATH: removes what a write of PATH that was killed left beside it.
af_drop_stale() {
    if [ -e "$1.af-new" ] || [ -L "$1.af-new" ]; then
        rm -f "$1.af-new"
    fi
}

# af_replace_shell PATH: as af_replace, for a file that shells read. One that a shell could no longer read stays as it is.
af_replace_shell() {
    local shell read_by=
    cat >"$AF_TMP/shell"
    cmp -s "$AF_TMP/shell" "$1" && return 0
    for shell in sh bash; do
        command -v "$shell" >/dev/null 2>&1 || continue
        "$shell" -n "$1" 2>/dev/null || continue
        read_by=$shell
        "$shell" -n "$AF_TMP/shell" 2>/dev/null && continue
        read_by=
        break
    done
    if [ -z "$read_by" ]; then
        echo "$1 stays as it is: what it sets can't be taken out without breaking it" >&2
        return 0
    fi
    af_replace "$1" <"$AF_TMP/shell"
}

# af_lines FILE...: prints the lines of those that are files, the last one of each ended too.
af_lines() {
    local file first=yes
    for file in "$@"; do
        [ -z "$first" ] || set --
        first=
        if [ -f "$file" ] && [ -r "$file" ]; then
            set -- "$@" "$file"
        fi
    done
    [ -n "$first" ] || [ $# -eq 0 ] || awk 1 "$@"
}

# af_append FILE LINES: behind what FILE holds, whose last line may lack its end. Where there is none it is made.
af_append() {
    if [ ! -e "$1" ]; then
        printf '%s\n' "$2" | af_write_file "$1" 0644 root:root
        return
    fi
    # Before it is read: a pipe would never end.
    af_only_files "$(readlink -f "$1")" || return 1
    {
        awk 1 "$1"
        printf '%s\n' "$2"
    } >"$AF_TMP/lines"
    af_replace "$1" <"$AF_TMP/lines"
}

# af_label PATH: the SELinux label that the policy gives a new file, where there is a policy.
af_label() {
    if [ -x /usr/sbin/restorecon ]; then
        /usr/sbin/restorecon -F "$1" 2>/dev/null || true
    fi
}

# af_set_line FILE KEY LINE [nocase]: LINE stands for KEY in FILE. The first active line of that key is replaced in
# place, further ones go; where there is none it is appended. The key is a line's first word, ended by blank or `=`.
af_set_line() {
    local file="$1"
    if [ ! -e "$file" ]; then
        printf '# Written by amifactory.\n%s\n' "$3" | af_write_file "$file" 0644 root:root
        return
    fi
    AF_KEY=$2 AF_LINE=$3 AF_NOCASE=${4:-} awk '
        BEGIN { key = ENVIRON["AF_KEY"]; nocase = ENVIRON["AF_NOCASE"] != ""; if (nocase) key = tolower(key) }
        {
            word = $0; sub(/^[ \t]+/, "", word); sub(/[ \t=].*$/, "", word)
            if (nocase) word = tolower(word)
            if (word != key) { print; next }
            if (!done++) print ENVIRON["AF_LINE"]
        }
        END { if (!done) print ENVIRON["AF_LINE"] }' "$file" >"$AF_TMP/lines"
    af_replace "$file" <"$AF_TMP/lines"
}

# af_unit_path UNIT: sets AF_UNIT to the file of a systemd unit; fails where there is none.
af_unit_path() {
    local dir
    for dir in /etc/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
        if [ -e "$dir/$1" ] || [ -L "$dir/$1" ]; then
            AF_UNIT=$dir/$1
            return 0
        fi
    done
    return 1
}

# af_unit_state UNIT: sets AF_STATE to masked, enabled, `enabled for rescue`, disabled or absent, from files alone. A template's instance
# is looked up under its own name first.
af_unit_state() {
    local link template="$1"
    case $1 in
        *@*.*) template=${1%%@*}@.${1##*.} ;;
    esac
    AF_STATE=absent
    af_unit_path "$1" || af_unit_path "$template" || return 0
    # An empty file masks as well as a link to nowhere, of whichever folder.
    if [ -f "$AF_UNIT" ] && [ ! -s "$AF_UNIT" ] || [ "$(readlink -f "$AF_UNIT")" = /dev/null ]; then
        AF_STATE=masked
        return 0
    fi
    AF_STATE=disabled
    for link in /etc/systemd/system/*.wants/"$1" /etc/systemd/system/*.requires/"$1" \
        /usr/lib/systemd/system/*.wants/"$1" /lib/systemd/system/*.wants/"$1"; do
        if [ -e "$link" ] || [ -L "$link" ]; then
            case $link in
                */rescue.target.* | */emergency.target.*) AF_STATE="enabled for rescue" ;;
                *)
                    AF_STATE=enabled
                    return 0
                    ;;
            esac
        fi
    done
}

# af_enable SERVICE: it starts at boot. Fails where there is no such unit.
af_enable() {
    local unit="$1" word key value
    case $unit in
        *.service | *.socket | *.timer | *.path | *.mount | *.target) ;;
        *) unit=$unit.service ;;
    esac
    af_unit_state "$unit"
    case $AF_STATE in
        enabled) return 0 ;;
        absent)
            echo "there is no unit $unit: is its package installed?" >&2
            return 1
            ;;
        masked)
            rm -f "/etc/systemd/system/$unit"
            af_unit_path "$unit" || {
                echo "the unit $unit was masked and has no file of its own" >&2
                return 1
            }
            ;;
    esac
    if command -v systemctl >/dev/null 2>&1 && systemctl --root=/ -q enable "$unit" 2>/dev/null; then
        af_unit_state "$unit"
        [ "$AF_STATE" = enabled ] && return 0
    fi
    # Without systemctl: the links that its [Install] section asks for.
    # shellcheck disable=SC2094 # A link to the unit is made, the unit itself is not written.
    while IFS='=' read -r key value; do
        case $key in
            WantedBy) set -- wants ;;
            RequiredBy) set -- requires ;;
            *) continue ;;
        esac
        for word in $value; do
            mkdir -p "/etc/systemd/system/$word.$1"
            ln -sfn "$AF_UNIT" "/etc/systemd/system/$word.$1/$unit"
        done
    done <"$AF_UNIT"
    af_unit_state "$unit"
    if [ "$AF_STATE" != enabled ]; then
        echo "the unit $unit has no [Install] section that says when it starts" >&2
        return 1
    fi
}

# af_http_get URL: prints the page, with whichever client there is. Fails on a status of 400 or above.
af_http_get() {
    if command -v curl >/dev/null 2>&1; then
        curl -fsS --max-time 15 "$1"
    elif command -v wget >/dev/null 2>&1; then
        wget -q -T 15 -O - "$1"
    elif command -v python3 >/dev/null 2>&1; then
        python3 -c 'import sys,urllib.request as u; sys.stdout.buffer.write(u.urlopen(sys.argv[1],timeout=15).read())' "$1"
    elif command -v bash >/dev/null 2>&1; then
        # shellcheck disable=SC2016 # The inner shell expands these.
        bash -c '
            url=${1#http://}; host=${url%%/*}; path=/; case $url in */*) path=/${url#*/} ;; esac
            port=80; case $host in *:*) port=${host##*:}; name=${host%:*} ;; *) name=$host ;; esac
            exec 3<>"/dev/tcp/$name/$port" || exit 1
            printf "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n" "$path" "$host" >&3
            cr=$(printf "\r")
            IFS= read -r -u 3 status; while IFS= read -r -u 3 line && [ -n "${line%"$cr"}" ]; do :; done
            case $status in *" 2"* | *" 3"*) cat <&3 ;; *) echo "$status" >&2; exit 22 ;; esac' af "$1"
    else
        echo "no curl, wget, python3 or bash here to fetch $1" >&2
        return 1
    fi
}

# af_imds PATH: prints an entry of the instance's own metadata (IMDSv2); fails where this is no instance.
af_imds() {
    local base token
    base=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
    base=${base%/}/latest
    if command -v curl >/dev/null 2>&1; then
        token=$(curl -fs --noproxy '*' --max-time 3 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$base/api/token") \
            || return 1
        # On standard input: other users see what a program is called with.
        printf 'X-aws-ec2-metadata-token: %s\n' "$token" \
            | curl -fs --noproxy '*' --max-time 3 -H @- "$base/meta-data/$1"
    elif command -v python3 >/dev/null 2>&1; then
        python3 -c '
import sys, urllib.request as u
u.install_opener(u.build_opener(u.ProxyHandler({})))
head = "X-aws-ec2-metadata-token"
ask = u.Request(sys.argv[1] + "/api/token", method="PUT", headers={head + "-ttl-seconds": "60"})
token = u.urlopen(ask, timeout=3).read().decode()
ask = u.Request(sys.argv[1] + "/meta-data/" + sys.argv[2], headers={head: token})
print(u.urlopen(ask, timeout=3).read().decode())' "$base" "$1" 2>/dev/null
    else
        return 1
    fi
}

# af_secret NAME: prints the value of an SSM parameter, fetched with the builder's own role. What the step prints goes
# through af_redact, so that the value is in no result and no log.
af_secret() {
    local region file
    case ${1:-} in
        '' | *[!A-Za-z0-9_./:-]*)
            echo "af_secret: \`${1:-}\` can't be the name of a parameter" >&2
            return 2
            ;;
    esac
    case $(stat -f -c %T "$AF_TMP") in
        tmpfs | ramfs) ;;
        *)
            echo "af_secret: $1 is not fetched: neither /dev/shm nor /run is memory here, and disks are imaged" >&2
            return 1
            ;;
    esac
    if ! command -v aws >/dev/null 2>&1; then
        echo "af_secret: there is no program aws to fetch $1 with: secrets are fetched by a builder on AWS;" \
            "where its base has none, a package group installs it" >&2
        return 1
    fi
    region=${AWS_REGION:-${AWS_SSM_REGION_NAME:-}}
    if [ -z "$region" ] && ! region=$(af_imds placement/region); then
        echo "af_secret: $1 can't be fetched here: this is no EC2 instance; secrets are fetched by a builder on AWS" >&2
        return 1
    fi
    file=$(mktemp "$AF_TMP/secret.XXXXXX") || return 1
    if ! LC_ALL=C.UTF-8 AWS_PAGER='' aws ssm get-parameter --region "$region" --name "$1" --with-decryption \
        --query Parameter.Value --output text >"$file"; then
        rm -f "$file"
        echo "af_secret: $1 could not be fetched in $region: it must exist there, and the builder's role must allow" \
            "ssm:GetParameter on it (and kms:Decrypt on its key)" >&2
        return 1
    fi
    # Line by line; the pieces that a shell's trace leaves whole where it quotes the rest; and those that some shells'
    # `echo` leaves whole, which takes `\n` for a line's end.
    awk 'function keep(text) { if (length(text) >= 4) print text }
        {
            sub(/\r$/, "")
            keep($0)
            n = split($0, piece, /[^ -~]|\047|\\/)
            for (i = 1; n > 1 && i <= n; i++) keep(piece[i])
            n = split($0, piece, /\\./)
            for (i = 1; n > 1 && i <= n; i++) keep(piece[i])
        }' "$file" >"$file.known"
    if [ ! -s "$file.known" ]; then
        rm -f "$file" "$file.known"
        echo "af_secret: the value of $1 has no line of four characters: it can't be kept out of logs" >&2
        return 1
    fi
    cat "$file.known" >>"$AF_TMP/secrets"
    cat "$file"
    rm -f "$file" "$file.known"
}

# af_boot_finished: waits until the first boot is over. Where nothing was booted there is nothing to wait for.
af_boot_finished() {
    local rc=0 state
    if [ ! -d /run/systemd/system ]; then
        echo "nothing was booted here"
        return 0
    fi
    if command -v cloud-init >/dev/null 2>&1; then
        cloud-init status --wait >/dev/null || rc=$?
        # 2: it finished, and something went wrong that it got over.
        if [ "$rc" -ne 0 ]; then
            cloud-init status --long || true
            [ "$rc" -eq 2 ] || return 1
        fi
        echo "cloud-init has finished"
    fi
    state=$(systemctl is-system-running --wait) || true
    case $state in
        running) ;;
        degraded)
            echo "these units failed:"
            systemctl list-units --failed --no-legend --plain --no-pager || true
            ;;
        *)
            echo "the system is \`$state\`, neither running nor degraded" >&2
            return 1
            ;;
    esac
    echo "the system is $state"
}
