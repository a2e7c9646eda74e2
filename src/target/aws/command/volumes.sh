# Lays out volumes of their own, at the builder's first start and before the agent and the network are up: what is on
# them later moves there now, and fstab brings them back at each start, of the image's machines too.
# shellcheck shell=sh
# shellcheck disable=SC2154 # af_layout is set before: a line for each volume: mount point, GiB, options.

af_sys=${AF_SYS_BLOCK:-/sys/block}
af_fstab=${AF_FSTAB:-/etc/fstab}
af_work=${AF_WORK:-/run/amifactory-volumes}

# af_empty_disk GIB: the first disk of this size that nothing was ever written to. EBS names devices as the driver finds
# them, so that names say nothing.
af_empty_disk() {
    for disk in "$af_sys"/nvme* "$af_sys"/xvd* "$af_sys"/sd* "$af_sys"/loop*; do
        name=${disk##*/}
        [ "$(cat "$disk/size" 2>/dev/null)" = $(($1 * 2097152)) ] || continue
        case $(cat "$disk/device/model" 2>/dev/null) in *"Instance Storage"*) continue ;; esac
        if [ -e "$disk/${name}1" ] || [ -e "$disk/${name}p1" ]; then
            continue
        fi
        blkid -p "/dev/$name" >/dev/null 2>&1
        # 2: it has looked and has found nothing.
        [ $? -eq 2 ] || continue
        echo "/dev/$name"
        return
    done
    return 1
}

# af_lay_out MOUNT GIB OPTIONS
af_lay_out() {
    if grep -qxF "# amifactory: a volume at $1" "$af_fstab"; then
        mountpoint -q "$1" || mount "$1"
        return
    fi
    if mountpoint -q "$1" 2>/dev/null; then
        echo "the base has a file system of its own at $1" >&2
        return 1
    fi
    tries=0
    until device=$(af_empty_disk "$2"); do
        tries=$((tries + 1))
        if [ "$tries" -gt 30 ]; then
            echo "there is no empty disk of $2 GiB for $1" >&2
            return 1
        fi
        sleep 1
    done
    kind=$(findmnt -no FSTYPE /)
    case $kind in
        xfs) mkfs.xfs -q "$device" || return 1 ;;
        *)
            kind=ext4
            mkfs.ext4 -q -F "$device" || return 1
            ;;
    esac
    uuid=$(blkid -p -o value -s UUID "$device") && [ -n "$uuid" ] || return 1
    mkdir -p "$1" "$af_work/new" "$af_work/old" || return 1
    mount -t "$kind" "$device" "$af_work/new" || return 1
    cp -ax "$1/." "$af_work/new/" || return 1
    if command -v chcon >/dev/null 2>&1; then
        chcon --reference="$1" "$af_work/new" 2>/dev/null
    fi
    umount "$af_work/new" || return 1
    # Of its own: systemd shares all mounts, and what is mounted at $1 next would be mounted here too.
    mount --bind "$1" "$af_work/old" && mount --make-private "$af_work/old" || return 1
    mount -t "$kind" -o "$3" "$device" "$1" || return 1
    # A last line may lack its end.
    awk 1 "$af_fstab" >"$af_work/fstab" || return 1
    printf '# amifactory: a volume at %s\nUUID=%s %s %s %s 0 2\n' "$1" "$uuid" "$1" "$kind" "$3" >>"$af_work/fstab" || return 1
    cat "$af_work/fstab" >"$af_fstab" || return 1
    # What lies beneath a mount is in the image's snapshot all the same, and nothing that seals the image sees it.
    find "$af_work/old" -xdev -mindepth 1 -delete 2>/dev/null
    if [ -n "$(find "$af_work/old" -xdev ! -type d | head -n 1)" ]; then
        echo "what was at $1 can't be removed from beneath its volume" >&2
        return 1
    fi
    umount "$af_work/old"
}

af_volumes() {
    mkdir -p "$af_work" || return 1
    echo "$af_layout" | while read -r mount size options; do
        af_lay_out "$mount" "$size" "$options" || exit 1
    done 2>"$af_work/why" || return 1
    # The journal goes on in the files that are there now.
    if [ -d /run/systemd/system ]; then
        systemctl --no-block try-restart systemd-journald
    fi
}
af_volumes
