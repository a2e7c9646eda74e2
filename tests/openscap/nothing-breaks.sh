#!/bin/sh
# What a server is for still works once it is hardened. Runs as root inside a throw-away copy of the image, in namespaces
# of its own: without an init and without a way out, so each daemon is started by hand.
set -eu
umask 022
dir=/run/nothing-breaks
mkdir -p "$dir"
trap 'jobs -p | xargs -r kill 2>/dev/null || true' EXIT

held() { echo "  $*"; }
broken() {
    echo "BROKEN: $*" >&2
    for log in "$dir"/*.log; do
        [ -s "$log" ] && { echo "-- $log"; tail -n 5 "$log"; } >&2
    done
    exit 1
}
# eventually COMMAND...: within ten seconds.
eventually() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 50 ] || return 1
        sleep 0.2
    done
}

# The first boot: a machine id, host keys, and the login user as cloud-init makes it.
systemd-machine-id-setup >/dev/null 2>&1
systemd-tmpfiles --create --prefix=/var/log --prefix=/run/sudo --prefix=/run/faillock >"$dir/tmpfiles.log" 2>&1 || true
ssh-keygen -q -A
useradd --create-home --shell /bin/bash --groups adm,sudo admin
useradd --create-home --shell /bin/bash visitor
printf 'admin ALL=(ALL) NOPASSWD:ALL\n' >/etc/sudoers.d/90-cloud-init-users
chmod 440 /etc/sudoers.d/90-cloud-init-users
ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
for user in admin visitor root; do
    home=$(getent passwd "$user" | cut -d: -f6)
    install -d -m 700 -o "$user" -g "$user" "$home/.ssh"
    install -m 600 -o "$user" -g "$user" "$dir/key.pub" "$home/.ssh/authorized_keys"
done

echo "settings that their own programs read"
visudo -c >"$dir/visudo.log" 2>&1 || broken "sudo does not take its rules"
mkdir -p /run/sshd
sshd -t >"$dir/sshd-t.log" 2>&1 || broken "sshd does not take its settings"
aide --config /etc/aide/aide.conf --config-check >"$dir/aide.log" 2>&1 || broken "aide does not take its settings"
logrotate -d /etc/logrotate.conf >"$dir/logrotate.log" 2>&1 || broken "logrotate does not take its settings"
for profile in /etc/apparmor.d/*; do
    if [ -f "$profile" ]; then
        apparmor_parser -Q -K "$profile" >>"$dir/apparmor.log" 2>&1 || broken "AppArmor does not take $profile"
    fi
done
for record in wtmp btmp lastlog; do
    mode=$(stat -c %a "/var/log/$record")
    [ "$mode" = 640 ] || [ "$mode" = 600 ] || broken "a boot gives /var/log/$record the mode $mode"
done
held "sudo, sshd, aide, logrotate, AppArmor, tmpfiles"

echo "logs"
/lib/systemd/systemd-journald >"$dir/journald.log" 2>&1 &
eventually test -S /run/systemd/journal/dev-log || broken "journald does not listen"
ln -sf /run/systemd/journal/dev-log /dev/log
# As syslog.socket does it.
systemd-socket-activate --datagram --listen=/run/systemd/journal/syslog rsyslogd -n >"$dir/rsyslogd.log" 2>&1 &
eventually test -S /run/systemd/journal/syslog || broken "nothing takes what the journal forwards"
mkdir -p /run/systemd/system
logger -p auth.notice -t af-test "from a program"
# As systemd-journal-flush.service does it.
journalctl --flush >"$dir/flush.log" 2>&1 || broken "the journal does not go to disk"
said() { grep -q 'af-test.*from a program' "$1"; }
eventually said /var/log/auth.log || broken "rsyslog writes no message"
kept() { journalctl -q -D /var/log/journal -t af-test | grep -q 'from a program'; }
eventually kept || broken "the journal keeps no message on disk"
[ $((0$(stat -c %a /var/log/auth.log) & 0137)) -eq 0 ] || broken "auth.log is $(stat -c %a /var/log/auth.log)"
held "a message goes to the journal on disk, and from there to rsyslog's file, which is not for everyone"

echo "cron"
printf '@reboot root touch %s/cron-ran\n' "$dir" >/etc/cron.d/af-test
chmod 600 /etc/cron.d/af-test
cron -f >"$dir/cron.log" 2>&1 &
eventually test -e "$dir/cron-ran" || broken "cron runs no job"
held "a job in cron.d runs"

echo "logins"
/usr/sbin/sshd -D -E "$dir/sshd.log" &
login() {
    ssh -n -p 22 -i "$dir/key" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -o ConnectTimeout=5 "$@" 2>"$dir/ssh.log"
}
eventually login admin@127.0.0.1 true || broken "a login with a key is refused"
[ "$(login admin@127.0.0.1 id -un)" = admin ] || broken "a login with a key runs nothing"
[ "$(login admin@127.0.0.1 'sudo -n id -u')" = 0 ] || broken "sudo makes nobody root"
# shellcheck disable=SC2016 # The other shell expands them.
said_idle=$(login admin@127.0.0.1 'bash -lc "echo \$TMOUT \$(umask)"')
[ "$said_idle" = "900 0027" ] || broken "a login shell has time-out and umask \`$said_idle\`"
grep -q 'admin.*COMMAND=.*id' /var/log/sudo.log || broken "sudo keeps no log"
login -tt admin@127.0.0.1 'sudo -n tty' >"$dir/tty" || broken "sudo gets no terminal"
for user in root visitor; do
    if login "$user@127.0.0.1" true; then
        broken "$user logs in, who should not"
    fi
done
login admin@127.0.0.1 true || broken "a login with a key is refused after failed ones"
held "a key opens admin's account and sudo makes admin root; root and a user of no listed group stay out"
if echo 'visitor:visitor' | chpasswd >"$dir/chpasswd.log" 2>&1; then
    broken "a weak password is taken"
fi
echo 'visitor:Pf7-gravel-Tundra!q' | chpasswd >"$dir/chpasswd.log" 2>&1 || broken "no password is good enough"
held "a weak password is refused, a strong one is set"
printf '#!/bin/sh\necho ran\n' >/var/lib/af-test
chmod 755 /var/lib/af-test
[ "$(/var/lib/af-test)" = ran ] || broken "what agents stage under /var/lib does not start"
held "scripts start from /var/lib, where agents stage them"

echo "time"
chronyd -p >"$dir/chronyd.log" 2>&1 || broken "chrony does not take its settings"
chronyd -x -d >"$dir/chronyd.log" 2>&1 &
source_known() { chronyc -n sources | grep -q '169\.254\.169\.123'; }
eventually source_known || broken "chrony does not ask 169.254.169.123"
pgrep -u _chrony -x chronyd >/dev/null || broken "chrony runs as another user"
held "chrony asks 169.254.169.123, as a user of its own"

echo "firewall"
python3 /run/checks/firewall.py || broken "the firewall does other than it should"
