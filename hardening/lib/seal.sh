# Makes an image of a machine: takes away what belongs to this one instance. Every part may run twice.
# shellcheck shell=sh
# shellcheck disable=SC3043 # `local` is not in POSIX, but every shell that this runs in has it.

# af_seal_cloud_init: the first boot of each instance is a first boot again.
af_seal_cloud_init() {
    local path
    # Not `cloud-init clean`: its options differ between versions, and this is all it does.
    for path in /var/lib/cloud/*; do
        case $path in
            # Scripts and seeds that someone put into the image stay.
            /var/lib/cloud/scripts | /var/lib/cloud/seed) ;;
            *) rm -rf "$path" ;;
        esac
    done
}

# af_seal_ssh: host keys, and keys of whoever logged in to build.
af_seal_ssh() {
    local home
    rm -f /etc/ssh/ssh_host_*key /etc/ssh/ssh_host_*key.pub
    while IFS=: read -r _ _ _ _ _ home _; do
        case $home in
            / | '') ;;
            *) rm -f "$home/.ssh/authorized_keys" "$home/.ssh/authorized_keys2" "$home/.ssh/known_hosts" ;;
        esac
    done </etc/passwd
}

# af_seal_machine_id: empty, not absent: systemd gives an empty one a new value at boot, and takes an absent one for a
# first installation.
af_seal_machine_id() {
    [ ! -s /etc/machine-id ] || : >/etc/machine-id
    if [ ! -e /etc/machine-id ] && [ -d /etc/systemd ]; then
        : >/etc/machine-id
        chmod 0444 /etc/machine-id
    fi
    if [ -f /var/lib/dbus/machine-id ] && [ ! -L /var/lib/dbus/machine-id ]; then
        ln -sfn /etc/machine-id /var/lib/dbus/machine-id
    fi
    rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret /boot/efi/loader/random-seed
}

# af_seal_logs: logs are emptied, rotated ones go; files keep owner and mode, so that daemons can go on writing.
af_seal_logs() {
    [ -d /var/log ] || return 0
    # shellcheck disable=SC2046 # One word for each.
    set -- $(af_filesystem_logs)
    find "$@" -xdev -type f \( -name '*.gz' -o -name '*.xz' -o -name '*.zst' -o -name '*.old' -o -name '*.[0-9]' \
        -o -name '*-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]' \) -exec rm -f {} +
    find "$@" -xdev -type f -size +0 -exec sh -c 'for f; do : >"$f"; done' sh {} +
    rm -rf /var/log/journal/*
}

# af_seal_histories: what people typed.
af_seal_histories() {
    local home
    while IFS=: read -r _ _ _ _ _ home _; do
        case $home in
            / | '') ;;
            *)
                rm -f "$home/.bash_history" "$home/.sh_history" "$home/.ash_history" "$home/.zsh_history" \
                    "$home/.python_history" "$home/.lesshst" "$home/.viminfo" "$home/.wget-hsts"
                ;;
        esac
    done </etc/passwd
}

# af_seal_packages: caches of the package manager; what is installed stays on record.
af_seal_packages() {
    case $AF_PKG in
        deb)
            rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*
            rm -f /var/cache/apt/pkgcache.bin /var/cache/apt/srcpkgcache.bin
            af_drop_policy
            ;;
        rpm) rm -rf /var/cache/dnf/* /var/cache/yum/* /var/lib/dnf/history.sqlite-shm /var/lib/dnf/history.sqlite-wal ;;
    esac
}

# af_seal_agents: registrations that belong to the builder.
af_seal_agents() {
    local unit=amifactory-forget-agents.service state=/var/lib/amazon/ssm remove
    remove="[ ! -d $state ] || { cd $state && rm -rf Vault registration ipc i-* mi-* *.log; }"
    if [ "${AF_SSM:-}" != 1 ] || [ ! -d /run/systemd/system ]; then
        sh -c "$remove"
        return
    fi
    # The agent that carries this step needs them until the machine stops. Units stop in the reverse of the order they
    # start in: this one is before the agent, so it stops when the agent has. It is in memory only.
    if ! systemctl -q is-active "$unit"; then
        mkdir -p /run/amifactory
        printf '%s\n' "$remove" 'find /var/log/amazon/ssm -type f -exec truncate -s 0 {} +' sync \
            >/run/amifactory/forget-agents.sh
        systemd-run -q --unit="$unit" -p Type=oneshot -p RemainAfterExit=yes -p Before=amazon-ssm-agent.service \
            -p Before=snap.amazon-ssm-agent.amazon-ssm-agent.service \
            -p 'ExecStop=/bin/sh /run/amifactory/forget-agents.sh' /bin/true
    fi
    echo "registrations go when the machine stops, after their agent"
}

# af_seal_temporary: nothing that a build left in passing.
af_seal_temporary() {
    local dir
    for dir in /tmp /var/tmp; do
        [ -d "$dir" ] || continue
        find "$dir" -xdev -mindepth 1 ! -path "$AF_TMP" ! -path "$AF_TMP/*" -delete 2>/dev/null || true
    done
    # What a write that was killed left.
    find /etc /usr /boot -xdev -type f \( -name '*.af-new' -o -name '*.af-check' \) -delete 2>/dev/null || true
    for dir in /dev/shm/af-bundle.* /run/af-bundle.*; do
        [ "$dir" = "$AF_TMP" ] || rm -rf "$dir"
    done
}

# af_seal_sync: all of it is on disk before the disk is imaged.
af_seal_sync() {
    sync
}
