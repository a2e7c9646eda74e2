//! For every primitive a way to undo it in an image that meets it, so that its audit has to notice.

use super::primitive::{AccountsCheck, NftablesPart, Primitive, Separator, Word};
use super::value::Values;
use crate::identity::{OsFamily, Slug};

/// Shell text that breaks what the primitive asks for; none where no way is known.
pub fn mutation(slug: &Slug, primitive: &Primitive, values: &Values, family: OsFamily) -> Option<String> {
    let debian = family != OsFamily::AmazonLinux2023;
    let text = match primitive {
        Primitive::Sysctl { key, .. } => format!("echo '{} = 77' >/etc/sysctl.d/zzz.conf", key.as_str()),
        Primitive::KernelModule { name } => {
            format!("echo 'install {} /sbin/modprobe' >/etc/modprobe.d/zzz.conf", name.as_str())
        }
        Primitive::FileMode { paths, mode, user, group, create, .. } => {
            let all: Vec<&str> = paths.iter().map(|path| path.as_str()).collect();
            let first = format!("$(ls -d {} 2>/dev/null | head -n 1)", all.join(" "));
            if *create {
                return Some(format!("rm {first}"));
            }
            match (format!("{mode:?}").contains("4095"), user.is_empty(), group.is_empty()) {
                (false, _, _) => format!("chmod 0767 {first}"),
                (true, false, _) => format!("chown 4242 {first}"),
                (true, true, _) => format!("chgrp 4242 {first}"),
            }
        }
        Primitive::PackageAbsent { names } if debian => format!(
            "printf '\\nPackage: {}\\nStatus: install ok installed\\nVersion: 1\\nArchitecture: all\\n' >>/var/lib/dpkg/status",
            first(names)
        ),
        Primitive::PackageAbsent { names } => format!("dnf -y -q install {}\n", first(names)),
        Primitive::PackagePresent { names } => names
            .iter()
            .map(|name| {
                let name = name.as_str();
                if debian {
                    format!("sed -i '/^Package: {name}$/s/$/-gone/' /var/lib/dpkg/status\n")
                } else {
                    format!("! rpm -q {name} >/dev/null || rpm -e --nodeps {name}\n")
                }
            })
            .collect(),
        Primitive::ServiceEnabled { units } => units
            .iter()
            .map(|unit| {
                format!("rm -f /etc/systemd/system/{0}; ln -s /dev/null /etc/systemd/system/{0}\n", unit.as_str())
            })
            .collect(),
        Primitive::ServiceDisabled { units } => {
            let unit = first(units);
            format!(
                "rm -f /etc/systemd/system/{unit}; mkdir -p /etc/systemd/system/multi-user.target.wants
                [ -e /usr/lib/systemd/system/{unit} ] || echo '[Unit]' >/usr/lib/systemd/system/{unit}
                ln -sf /usr/lib/systemd/system/{unit} /etc/systemd/system/multi-user.target.wants/{unit}"
            )
        }
        Primitive::MountOption { mount, options, required, .. } => {
            // A unit of a package mounts it where fstab does not; fstab stands over that.
            let mount = mount.as_str();
            match options.first() {
                None if *required => format!("sed -i '\\| {mount} |s/^/#/' /etc/fstab"),
                Some(option) => format!(
                    "grep -q ' {mount} ' /etc/fstab || echo 'tmpfs {mount} tmpfs rw 0 0' >>/etc/fstab
                    sed -i '\\| {mount} |s/{}/relatime/' /etc/fstab",
                    option.as_str()
                ),
                None => format!(
                    "sed -i '\\| {mount} |d' /etc/fstab
                    ln -s /dev/null /etc/systemd/system/$(echo {mount} | tr -d /).mount"
                ),
            }
        }
        Primitive::SshdOption { key, .. } => {
            format!("sed -i '1i {} 4711' /etc/ssh/sshd_config", key.as_str().to_uppercase())
        }
        Primitive::AuditRule { name, .. } => format!("sed -i '$s/^/#/' /etc/audit/rules.d/{}.rules", name.as_str()),
        Primitive::KeyValue { file, key, separator, .. } => {
            // As its reader takes it, or nothing has changed.
            let separator = if *separator == Separator::Blank { " " } else { "=" };
            format!("echo '{}{separator}-77' >>{}", key.as_str(), file.as_str())
        }
        Primitive::IniOption { file, section, key, .. } => {
            let (file, section, key) = (file.as_str(), section.as_str(), key.as_str());
            format!("mkdir -p {file}.d; printf '[{section}]\\n{key} = wrong\\n' >{file}.d/zzz.conf")
        }
        Primitive::PamModule { module, types } => {
            let (module, kind) = (module.as_str(), first(types));
            // Where authselect wrote it, the file is a link; what it is made from stays.
            let file = if debian { format!("/etc/pam.d/common-{kind}") } else { "/etc/pam.d/password-auth".into() };
            format!("sed -i --follow-symlinks '/^{kind}.*{module}/d' {file}")
        }
        Primitive::PamRule { service, module, .. } => {
            format!("sed -i '/{}/s/=[a-z0-9]*/=other/' /etc/pam.d/{}", module.as_str(), service.as_str())
        }
        Primitive::SudoOption { key, .. } => format!("echo 'Defaults !{}' >/etc/sudoers.d/zzz", key.as_str()),
        Primitive::SudoForbid { word } => {
            format!("echo 'alice ALL = {}: ALL' >/etc/sudoers.d/zzz", word.resolve(values))
        }
        Primitive::FileContent { path, .. } => format!("echo more >>{}", path.as_str()),
        Primitive::FileAbsent { paths } => format!(": >{}", paths.first().map_or("", |path| path.as_str())),
        Primitive::KernelCmdline { option, .. } if debian => {
            format!("echo 'GRUB_CMDLINE_LINUX=\"{}=0\"' >/etc/default/grub.d/zzz.cfg", option.as_str())
        }
        Primitive::KernelCmdline { option, .. } => {
            format!("sed -i 's/{}=[0-9]*/{0}=0/' /boot/loader/entries/*.conf", option.as_str())
        }
        Primitive::Nftables { part, .. } => {
            let file = "/etc/nftables/amifactory.nft";
            match part {
                NftablesPart::Table => "echo 'flush ruleset' >/etc/nftables.conf
                    [ ! -d /etc/sysconfig ] || cp /etc/nftables.conf /etc/sysconfig/"
                    .into(),
                // A distribution's own example may have chains too.
                NftablesPart::BaseChains => format!(
                    "for f in {file} /etc/nftables.conf; do [ ! -e $f ] || sed -i 's/hook forward/hook prerouting/' $f; done"
                ),
                NftablesPart::Loopback => format!("sed -i '/ip6 saddr ::1/d' {file}"),
                NftablesPart::DefaultDeny => format!("sed -i '/hook output/s/drop/accept/' {file}"),
            }
        }
        Primitive::Accounts { check } => accounts(*check).to_owned(),
        Primitive::Script { .. } => script(slug.as_str())?.to_owned(),
    };
    Some(text)
}

/// The first of a list that is never empty.
fn first(words: &[Word]) -> &str {
    words.first().map_or("", Word::as_str)
}

fn accounts(check: AccountsCheck) -> &'static str {
    match check {
        AccountsCheck::ShadowedPasswords => "echo 'eve:hash:1501:1500::/home/alice:/bin/sh' >>/etc/passwd",
        AccountsCheck::NoEmptyPasswords => "echo 'eve::19000:0:99999:7:::' >>/etc/shadow",
        AccountsCheck::RootLocked => "sed -i 's/^root:[^:]*:/root:hash:/' /etc/shadow",
        AccountsCheck::GroupsExist => "echo 'eve:x:1501:4242::/home/alice:/bin/sh' >>/etc/passwd",
        AccountsCheck::UniqueUids => "printf 'eve:x:4711:0::/:/bin/sh\\neva:x:4711:0::/:/bin/sh\\n' >>/etc/passwd",
        AccountsCheck::UniqueGids => "printf 'eve:x:4711:\\neva:x:4711:\\n' >>/etc/group",
        AccountsCheck::UniqueUsers => "printf 'eve:x:4711:0::/:/bin/sh\\neve:x:4712:0::/:/bin/sh\\n' >>/etc/passwd",
        AccountsCheck::UniqueGroups => "printf 'eve:x:4711:\\neve:x:4712:\\n' >>/etc/group",
        AccountsCheck::OnlyRootHasUid0 => "echo 'toor:x:0:0::/root:/bin/sh' >>/etc/passwd",
        AccountsCheck::RootGroupIs0 => "sed -i 's/^root:x:0:0:/root:x:0:1500:/' /etc/passwd",
        AccountsCheck::ShadowGroupEmpty => "sed -i '/^shadow:/s/$/alice/' /etc/group",
        AccountsCheck::SystemAccountsCannotLogIn => "echo 'daemon3:x:198:1::/:/bin/sh' >>/etc/passwd",
        AccountsCheck::PasswordsChangedInThePast => "echo 'eve:*:99999:0:99999:7:::' >>/etc/shadow",
        AccountsCheck::HomeFolders => {
            "echo 'eve:x:4711:4711::/srv/eve:/bin/sh' >>/etc/passwd; mkdir -p /srv/eve; chmod 777 /srv/eve"
        }
        AccountsCheck::DotFiles => {
            "echo 'eve:x:4711:4711::/srv/eve:/bin/sh' >>/etc/passwd; mkdir -p /srv/eve
            echo x >/srv/eve/.netrc; chown 4711:4711 /srv/eve /srv/eve/.netrc; chmod 644 /srv/eve/.netrc"
        }
        AccountsCheck::RootPath => {
            "mkdir -p /srv/bin; chmod 777 /srv/bin; echo 'ENV_SUPATH PATH=/usr/sbin:/srv/bin' >>/etc/login.defs"
        }
    }
}

fn script(slug: &str) -> Option<&'static str> {
    let text = match slug {
        "package-signatures-checked" => {
            "if [ -d /etc/yum.repos.d ]; then printf '[x]\\ngpgcheck = 0\\n' >/etc/yum.repos.d/x.repo
            else echo 'deb [ trusted=yes ] http://example.invalid x y' >/etc/apt/sources.list.d/x.list; fi"
        }
        "file-integrity-checked-daily" => {
            "rm -f /etc/cron.d/*aide /etc/cron.daily/*aide* /etc/systemd/system/*.wants/*aide*.timer /usr/lib/systemd/system/*.wants/*aide*.timer"
        }
        "crypto-policy-not-legacy" => "echo LEGACY >/etc/crypto-policies/config",
        "selinux-not-disabled-at-boot" => "sed -i 's/quiet/quiet enforcing=0/' /boot/loader/entries/*.conf",
        "time-source-configured" => {
            "for f in /etc/chrony.conf /etc/chrony/chrony.conf; do [ ! -e $f ] || : >$f; done; rm -rf /etc/chrony.d /etc/chrony/sources.d /etc/chrony/conf.d"
        }
        "audit-tools-watched" => {
            "sed -i 's|^/usr/sbin/auditctl.*|/usr/sbin/auditctl p+u+g|' /etc/aide.conf /etc/aide/aide.conf 2>/dev/null || true"
        }
        "firewall-one-only" => {
            "cp /usr/lib/systemd/system/nftables.service /usr/lib/systemd/system/ufw.service
            ln -sf /usr/lib/systemd/system/ufw.service /etc/systemd/system/multi-user.target.wants/"
        }
        "firewall-loopback" => "sed -i '/interface/d' /etc/firewalld/zones/trusted.xml",
        "sshd-crypto-policy" => "echo CRYPTO_POLICY= >>/etc/sysconfig/sshd",
        "authselect-locks-logins" => "mkdir -p /etc/authselect; echo minimal >/etc/authselect/authselect.conf",
        "ssh-access-reviewed" => {
            "for f in /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf; do
                [ ! -e $f ] || sed -i '/^ *[Aa]llow[A-Z]/d; /^ *[Dd]eny[A-Z]/d' $f; done"
        }
        "remote-logging-reviewed" => "rm /etc/rsyslog.d/99-amifactory-forward.conf",
        "audit-privileged-commands" => "cp /bin/true /usr/local/bin/rootly; chmod 4755 /usr/local/bin/rootly",
        "apparmor-profiles-active" => {
            "mkdir -p /etc/apparmor.d/disable; ln -s ../usr.bin.app /etc/apparmor.d/disable/usr.bin.app"
        }
        "apparmor-profiles-enforced" => {
            "echo 'profile x /usr/bin/x flags=(attach_disconnected,complain) { }' >/etc/apparmor.d/zzz"
        }
        "core-dumps-limited" => "echo '* - core unlimited' >/etc/security/limits.d/zzz.conf",
        "time-source-preferred" => "rm /etc/chrony/sources.d/amifactory.sources",
        "empty-passwords-refused" => "sed -i 's/pam_unix.so/pam_unix.so nullok/' /etc/pam.d/common-auth",
        "login-records-restricted" => "echo 'f /var/log/wtmp 0664 root utmp -' >/etc/tmpfiles.d/00-aaa.conf",
        "su-restricted" => "sed -i '/^sugroup:/s/$/alice/' /etc/group",
        "shell-timeout" => "echo 'TMOUT=0' >/etc/profile.d/zzz.sh",
        "default-umask" => "echo 'umask 002' >/etc/profile.d/zzz.sh",
        "rsyslog-file-mode" => "echo '$FileCreateMode 0644' >/etc/rsyslog.d/zzz.conf",
        "rsyslog-receives-nothing" => "echo 'input(type=\"imtcp\" port=\"514\")' >/etc/rsyslog.d/zzz.conf",
        "log-files-restricted" => "echo x >/var/log/zzz.log; chmod 644 /var/log/zzz.log",
        "world-writable-files-secured" => "echo x >/srv/zzz; chmod 646 /srv/zzz",
        "unowned-files-absent" => "echo x >/srv/zzz; chown 4242 /srv/zzz",
        _ => return None,
    };
    Some(text)
}
