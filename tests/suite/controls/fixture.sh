# Makes of a plain root a server with something wrong for every control to mend. Runs inside the sandbox; FAMILY is set.
set -eu
stub() { for path; do [ -e "$path" ] || { mkdir -p "${path%/*}"; printf '#!/bin/sh\nexit 0\n' >"$path"; chmod 755 "$path"; }; done; }
unit() { for name; do mkdir -p /usr/lib/systemd/system; printf '[Unit]\nDescription=%s\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n' "$name" >"/usr/lib/systemd/system/$name"; rm -f "/etc/systemd/system/multi-user.target.wants/$name"; done; }

stub /usr/sbin/sshd /usr/bin/sudo /usr/sbin/auditd /usr/sbin/auditctl /usr/sbin/aureport /usr/sbin/ausearch \
    /usr/sbin/augenrules /usr/sbin/autrace /usr/bin/at /usr/sbin/rsyslogd /usr/sbin/chronyd /usr/bin/aide /usr/lib/systemd/systemd
chmod 777 /usr/sbin/aureport /usr/sbin/ausearch
chown 7:7 /usr/sbin/aureport
unit auditd.service rsyslog.service rsync.service systemd-journal-remote.socket
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -sf /usr/lib/systemd/system/rsync.service /etc/systemd/system/multi-user.target.wants/rsync.service
ln -sf /usr/lib/systemd/system/systemd-journal-remote.socket /etc/systemd/system/multi-user.target.wants/systemd-journal-remote.socket
mkdir -p /usr/lib/systemd/system/sysinit.target.wants
[ -e /usr/lib/systemd/system/systemd-journald.service ] || unit systemd-journald.service
ln -sf ../systemd-journald.service /usr/lib/systemd/system/sysinit.target.wants/systemd-journald.service

mkdir -p /etc/ssh/sshd_config.d
cat >/etc/ssh/sshd_config <<'END'
# The server's settings
Include /etc/ssh/sshd_config.d/*.conf
KbdInteractiveAuthentication no
UsePAM no
X11Forwarding yes
permitrootlogin yes
Subsystem sftp /usr/lib/openssh/sftp-server
END
echo 'PasswordAuthentication no' >/etc/ssh/sshd_config.d/50-cloud-init.conf
chmod 644 /etc/ssh/sshd_config /etc/ssh/sshd_config.d/50-cloud-init.conf
echo key >/etc/ssh/ssh_host_test_key; chmod 644 /etc/ssh/ssh_host_test_key
echo key >/etc/ssh/ssh_host_test_key.pub; chmod 666 /etc/ssh/ssh_host_test_key.pub

mkdir -p /etc/sudoers.d
printf 'Defaults env_reset, !use_pty\nDefaults timestamp_timeout=-1\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n' >/etc/sudoers
printf 'Defaults:alice !authenticate\n' >/etc/sudoers.d/alice
chmod 440 /etc/sudoers /etc/sudoers.d/alice

mkdir -p /etc/audit/rules.d
printf 'log_file = /var/log/audit/audit.log\nmax_log_file = 6\nmax_log_file_action = ROTATE\nspace_left_action = IGNORE\nadmin_space_left_action = SUSPEND\n' >/etc/audit/auditd.conf
printf '## First rule\n-D\n-b 8192\n--backlog_wait_time 60000\n-f 1\n' >/etc/audit/rules.d/audit.rules
cp /etc/audit/rules.d/audit.rules /etc/audit/audit.rules
echo 'log_group = users' >>/etc/audit/auditd.conf
mkdir -p /var/log/audit; echo x >/var/log/audit/audit.log; chmod 644 /var/log/audit/audit.log; chown 7:7 /var/log/audit/audit.log
chmod 755 /var/log/audit
chmod 666 /etc/audit/auditd.conf /etc/audit/rules.d/audit.rules /etc/audit/audit.rules
chown 7:7 /etc/audit/auditd.conf

for dir in hourly daily weekly monthly d; do mkdir -p /etc/cron.$dir; chmod 755 /etc/cron.$dir; done
printf '17 * * * * root true\n' >/etc/crontab
: >/etc/cron.deny; : >/etc/at.deny
printf 'module(load="imuxsock")\n$FileCreateMode 0644\n$IncludeConfig /etc/rsyslog.d/*.conf\nmodule(load="imudp")\ninput(type="imudp" port="514")\n' >/etc/rsyslog.conf
mkdir -p /etc/rsyslog.d
echo hello >/var/log/app.log; chmod 666 /var/log/app.log
mkdir -p /etc/postfix; echo 'inet_interfaces = all' >/etc/postfix/main.cf
mkdir -p /etc/security; : >/etc/security/faillock.conf; : >/etc/security/pwquality.conf; : >/etc/security/pwhistory.conf
printf 'UUID=1 / ext4 defaults 0 1\nUUID=2 /home ext4 defaults 0 2\nUUID=3 /var ext4 rw 0 2\nUUID=4 /var/tmp ext4 rw 0 2\nUUID=5 /var/log ext4 rw 0 2\nUUID=6 /var/log/audit ext4 rw 0 2\n' >/etc/fstab
mkdir -p /etc/profile.d; echo 'TMOUT=0' >/etc/profile.d/site.sh; echo 'umask 022' >>/etc/profile.d/site.sh
printf 'kernel.randomize_va_space = 1\nnet.ipv4.ip_forward=1\n' >/etc/sysctl.conf
mkdir -p /etc/sysctl.d; rm -f /etc/sysctl.d/99-sysctl.conf; ln -s ../sysctl.conf /etc/sysctl.d/99-sysctl.conf
echo 'net/ipv4/tcp_syncookies = 0' >/etc/sysctl.d/10-site.conf
mkdir -p /etc/modprobe.d; echo 'install cramfs /sbin/modprobe --ignore-install cramfs' >/etc/modprobe.d/site.conf
echo x >/etc/motd; echo 'Debian \n \l' >/etc/issue; echo 'Debian' >/etc/issue.net; chmod 666 /etc/motd /etc/issue /etc/issue.net
printf '[Journal]\nStorage=volatile\nForwardToSyslog=no\nCompress=no\n' >/etc/systemd/journald.conf
mkdir -p /boot/grub /etc/default; printf 'GRUB_CMDLINE_LINUX="quiet selinux=0"\n' >/etc/default/grub
printf 'menuentry x {\n\tlinux /vmlinuz root=/dev/xvda1 quiet selinux=0\n}\n' >/boot/grub/grub.cfg
# People of the machine underneath are no part of this one: their homes stay out.
awk -F: '$3 < 1000 || $3 == 65534' /etc/passwd >/etc/passwd-n; cat /etc/passwd-n >/etc/passwd; rm /etc/passwd-n
echo 'daemon2:x:199:1::/:/bin/bash' >>/etc/passwd; echo 'alice:x:1500:1500::/home/alice:/bin/bash' >>/etc/passwd
echo 'alice:x:1500:' >>/etc/group; echo 'alice::19000:0:99999:7:::' >>/etc/shadow; echo 'daemon2:*:19000:0:99999:7:::' >>/etc/shadow
mkdir -p /home/alice /root; chmod 755 /home/alice; chown 1500:1500 /home/alice; chmod 700 /root
for file in passwd group shadow gshadow; do [ -e /etc/$file ] || : >/etc/$file; cp -p /etc/$file /etc/$file-; chmod 666 /etc/$file /etc/$file-; done
find /root -maxdepth 1 -name '.?*' -type f -exec chmod go-rwx {} +
mkdir -p /srv/open; chmod 777 /srv/open; echo x >/srv/open/file; chmod 666 /srv/open/file
mkdir -p /etc/security/limits.d; echo '* hard core unlimited' >/etc/security/limits.d/zz-site.conf
for name in wtmp btmp lastlog; do : >/var/log/$name; chmod 664 /var/log/$name; done
mkdir -p /etc/logrotate.d; printf '/var/log/wtmp {\n    monthly\n    create 0664 root utmp\n}\n' >/etc/logrotate.d/wtmp
mkdir -p /usr/local/bin /etc/sysconfig /etc/nftables
unit nftables.service firewalld.service
ln -sf /usr/lib/systemd/system/firewalld.service /etc/systemd/system/multi-user.target.wants/firewalld.service
printf '#!/usr/sbin/nft -f\nflush ruleset\n\ntable inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n\t}\n}\n' >/etc/nftables.conf

case $FAMILY in
    debian-12)
        unit apparmor.service
        mkdir -p /etc/apparmor.d/disable /etc/apparmor.d/force-complain
        printf 'profile app /usr/bin/app flags=(complain) {\n}\n' >/etc/apparmor.d/usr.bin.app
        printf 'profile two /usr/bin/two flags=(complain, attach_disconnected) {\n}\n' >/etc/apparmor.d/usr.bin.two
        ln -sf ../usr.bin.two /etc/apparmor.d/disable/usr.bin.two
        : >/etc/bash.bashrc
        stub /usr/sbin/cron; unit cron.service chrony.service; mkdir -p /etc/aide; echo '/usr/sbin/auditctl p' >/etc/aide/aide.conf; rm -f /etc/aide.conf
        rm -f /etc/systemd/system/*.wants/systemd-timesyncd.service
        mkdir -p /etc/chrony; : >/etc/chrony/chrony.conf
        printf 'deb [trusted=yes] http://example.invalid stable main\n' >/etc/apt/sources.list
        # A package manager that only keeps the books.
        cat >/usr/local/bin/apt-get <<'END'
#!/bin/sh
while [ $# -gt 0 ]; do case $1 in -o) shift 2 ;; -*) shift ;; *) break ;; esac; done
verb=$1; [ $# -eq 0 ] || shift
[ -x /usr/sbin/policy-rc.d ] || { echo "services would start"; exit 1; }
case $verb in
    update) ;;
    install)
        for name; do
            printf '\nPackage: %s\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n' "$name" >>/var/lib/dpkg/status
            if [ "$name" = libpam-pwquality ]; then
                printf 'Name: Pwquality\nDefault: yes\nPriority: 1024\nConflicts: cracklib\nPassword-Type: Primary\nPassword:\n\trequisite\tpam_pwquality.so retry=3\nPassword-Initial:\n\trequisite\tpam_pwquality.so retry=3\n' >/usr/share/pam-configs/pwquality
                DEBIAN_FRONTEND=noninteractive pam-auth-update --package
            fi
        done ;;
    purge)
        for name; do
            awk -v name="$name" 'BEGIN { RS = ""; ORS = "\n\n" } $0 !~ "^Package: " name "\n" { print }' /var/lib/dpkg/status >/var/lib/dpkg/status-n
            cat /var/lib/dpkg/status-n >/var/lib/dpkg/status; rm /var/lib/dpkg/status-n
        done ;;
    *) exit 1 ;;
esac
END
        chmod 755 /usr/local/bin/apt-get
        without='aide|aide-common|sudo|auditd|audispd-plugins|apparmor-utils|rsyslog|chrony|systemd-timesyncd|ntpsec|apparmor|nftables|libpam-pwquality'
        awk -v without="^Package: ($without)\n" 'BEGIN { RS = ""; ORS = "\n\n" } $0 !~ without { print }' /var/lib/dpkg/status >/var/lib/dpkg/status-n
        cat /var/lib/dpkg/status-n >/var/lib/dpkg/status; rm /var/lib/dpkg/status-n
        for name in $UNWANTED; do printf 'Package: %s\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n' "$name" >>/var/lib/dpkg/status; done
        ;;
    amazon-linux-2023)
        # Its shell is bash.
        ln -sf bash /bin/sh
        stub /usr/sbin/crond; unit crond.service chronyd.service
        printf 'NAME="Amazon Linux"\nVERSION="2023"\nID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\nPRETTY_NAME="Amazon Linux 2023"\n' >/usr/lib/os-release
        : >/etc/chrony.conf
        printf '# main.nft is a sample\n#include "/etc/nftables/main.nft"\n' >/etc/sysconfig/nftables.conf
        printf 'CRYPTO_POLICY=\n' >/etc/sysconfig/sshd
        printf '@@define DBDIR /var/lib/aide\n/usr/sbin/auditctl p\n' >/etc/aide.conf; rm -rf /etc/aide
        # The packages that Amazon Linux does not have.
        rm -rf /var/lib/dpkg /etc/apt /etc/pam.d/common-*
        mkdir -p /etc/dnf /etc/yum.repos.d /etc/selinux /etc/crypto-policies /boot/loader/entries /boot/grub2
        printf '[main]\ngpgcheck=0\ninstallonly_limit=3\n' >/etc/dnf/dnf.conf
        if rpm -q system-release >/dev/null 2>&1; then
            real=yes repository=file:///srv/repository
        else
            real=no repository=https://example.invalid
        fi
        printf '[amazonlinux]\nname=Amazon Linux\nbaseurl=%s\nenabled=1\ngpgcheck=0\n' "$repository" >/etc/yum.repos.d/amazonlinux.repo
        echo 'gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-amazon-linux-2023' >>/etc/yum.repos.d/amazonlinux.repo
        printf 'SELINUX=disabled\nSELINUXTYPE=minimum\n' >/etc/selinux/config
        echo LEGACY >/etc/crypto-policies/config
        printf 'title Amazon Linux\nlinux /vmlinuz\noptions root=UUID=1 ro quiet selinux=0\n' >/boot/loader/entries/a.conf
        [ $real = yes ] || for file in system-auth password-auth; do
            printf 'auth required pam_env.so\nauth sufficient pam_unix.so\nauth required pam_deny.so\naccount required pam_unix.so\npassword sufficient pam_unix.so sha512 shadow\npassword required pam_deny.so\nsession required pam_unix.so\n' >/etc/pam.d/$file
        done
        printf 'auth sufficient pam_rootok.so\nauth substack system-auth\n' >/etc/pam.d/su
        rm -f /usr/bin/dpkg /usr/bin/apt-get
        if [ $real = yes ]; then
            # shellcheck disable=SC2086
            dnf -y -q install $UNWANTED
            exit 0
        fi
        mkdir -p /var/lib/fake-rpm; : >/var/lib/fake-rpm/names
        for name in basesystem $UNWANTED; do echo "$name" >>/var/lib/fake-rpm/names; done
        cat >/usr/local/bin/rpm <<'END'
#!/bin/sh
case "$*" in "--eval "*) echo /var/lib/rpm ;; "-qa --qf "*) cat /var/lib/fake-rpm/names ;; *) exit 1 ;; esac
END
        cat >/usr/local/bin/dnf <<'END'
#!/bin/sh
while [ $# -gt 0 ]; do case $1 in -*) shift ;; *) break ;; esac; done
verb=$1; shift
case $verb in
    install) for name; do echo "$name" >>/var/lib/fake-rpm/names; done ;;
    remove) for name; do grep -vxF "$name" /var/lib/fake-rpm/names >/var/lib/fake-rpm/n; cat /var/lib/fake-rpm/n >/var/lib/fake-rpm/names; rm /var/lib/fake-rpm/n; done ;;
    *) exit 1 ;;
esac
END
        chmod 755 /usr/local/bin/rpm /usr/local/bin/dnf
        ;;
esac
