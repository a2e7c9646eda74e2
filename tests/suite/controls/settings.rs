//! Settings as people write them, and not as the library would: what counts is what the program makes of them.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs a script with the library, whose `/etc` and programs are below `$T`; returns what it printed.
pub(super) fn run(shell: &str, script: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().to_str().unwrap().to_owned();
    for name in ["tmp", "bin", "scripts", "etc/ssh/sshd_config.d", "etc/sudoers.d", "etc/pam.d", "etc/security", "etc/nftables"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    let hardening = Path::new(env!("CARGO_MANIFEST_DIR")).join("hardening");
    let moved = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        text.replace("/etc/", &format!("{here}/etc/"))
            .replace("/usr/sbin/", &format!("{here}/bin/"))
            .replace("/run/sshd", &format!("{here}/tmp/sshd"))
    };
    let mut library = String::new();
    for part in ["lib/audit.sh", "lib/system.sh"] {
        library.push_str(&moved(&hardening.join(part)));
    }
    for entry in fs::read_dir(hardening.join("lib/primitives")).unwrap() {
        library.push_str(&moved(&entry.unwrap().path()));
    }
    fs::write(folder.path().join("library"), library).unwrap();
    for entry in fs::read_dir(hardening.join("scripts")).unwrap() {
        let path = entry.unwrap().path();
        fs::write(folder.path().join("scripts").join(path.file_name().unwrap()), moved(&path)).unwrap();
    }
    let begin = r#"
        . "$T/library"
        PATH=$T/bin:$PATH AF_LOOKS=0 AF_PKG=deb
        chown() { :; }
        af_owner() { :; }
        af_look() { printf '%s\n' "$1"; }
        put() { cat >"$T/$1"; }
        program() { { echo '#!/bin/sh'; cat; } >"$T/bin/$1"; chmod 755 "$T/bin/$1"; }
    "#;
    let mut command = Command::new(shell);
    command.args(["-c", &format!("{begin}{script}")]).env("T", &here).env("AF_TMP", format!("{here}/tmp"));
    let output = command.env("LC_ALL", "C").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// In every shell, the script prints this.
fn prints(script: &str, expected: &str) {
    for shell in ["dash", "bash"] {
        assert_eq!(run(shell, script), expected, "{shell}: {script}");
    }
}

#[test]
fn sshd_is_understood_as_it_understands_itself() {
    let drop_in = "echo PermitRootLogin yes >$T/etc/ssh/sshd_config.d/10-site.conf";
    for (config, status) in [
        ("PermitRootLogin no", "pass"),
        ("PermitRootLogin no\nMatch User git\nPermitRootLogin no", "pass"),
        ("PermitRootLogin no\nMatch User git\nPermitRootLogin no\nMatch Address 10.0.0.0/8\nPermitRootLogin yes", "fail"),
        ("Include SSH/[0-9]*.conf\nPermitRootLogin no", "fail"),
        ("Include SSH/[a-z]*.conf\nPermitRootLogin no", "pass"),
        ("PermitRootLogin no\nMatch User git\nInclude SSH/*.conf", "fail"),
        ("\"PermitRootLogin\" yes\nPermitRootLogin no", "fail"),
        ("  \"Include\" \"SSH/10-site.conf\"\nPermitRootLogin no", "fail"),
        ("Include SSH/none # SSH/10-site.conf\nPermitRootLogin no", "pass"),
        ("Match User git\nPermitRootLogin no", "fail"),
        ("Match User git\nMatch all\nPermitRootLogin = \"no\"", "pass"),
    ] {
        let config = config.replace("SSH", "$T/etc/ssh/sshd_config.d");
        let script = format!(
            "{drop_in}\nput etc/ssh/sshd_config <<END\n{config}\nEND\naf_sshd_option_audit PermitRootLogin equals no"
        );
        prints(&script, status);
    }
}

#[test]
fn a_list_for_some_logins_is_no_list_of_who_may_log_in() {
    let script = r#"
        printf 'Match User git\nAllowUsers git\n' | put etc/ssh/sshd_config
        . $T/scripts/ssh-access-reviewed.audit.sh
        AF_PARAM_SSH_ALLOW_GROUPS=wheel
        . $T/scripts/ssh-access-reviewed.apply.sh
        . $T/scripts/ssh-access-reviewed.audit.sh
    "#;
    prints(script, "fail\npass");
}

#[test]
fn what_sshd_refuses_is_not_written() {
    let script = r#"
        program ssh-keygen </dev/null
        echo '[ "$1 $2" = "-t -f" ] && ! grep -q ctrr "$3"' | program sshd
        : >$T/tmp/host_key
        echo 'UsePAM yes' | put etc/ssh/sshd_config
        af_sshd_option_apply Ciphers equals aes256-ctrr || echo refused
        af_sshd_option_apply AllowGroups equals '' || echo refused
        af_sshd_option_apply AllowGroups equals "wheel${AF_NL}PermitRootLogin yes" || echo refused
        cat $T/etc/ssh/sshd_config
        af_sshd_option_audit Ciphers equals aes256-ctrr
        af_sshd_option_apply Ciphers equals aes256-ctr && af_sshd_option_audit Ciphers equals aes256-ctr
    "#;
    prints(script, "refused\nrefused\nrefused\nUsePAM yes\nfail\npass");
}

#[test]
fn a_firewall_that_lets_all_through_denies_nothing() {
    let chains = |family: &str, rule: &str| {
        ["input", "forward", "output"].iter().fold(format!("table {family} filter {{\n"), |text, hook| {
            format!(
                "{text}\tchain {hook} {{\n\t\ttype filter hook {hook} priority 0; policy drop;\n\t\ttcp dport {{ 22 }} accept\n{rule}\n\t}}\n"
            )
        }) + "}\n"
    };
    let deny = "ct state established accept";
    for (rules, chained, denied) in [
        (chains("inet", deny), "pass", "pass"),
        (chains("ip", deny), "fail", "fail"),
        (chains("", deny), "fail", "fail"),
        (chains("ip", deny) + &chains("ip6", deny), "pass", "pass"),
        (chains("inet", "accept"), "pass", "fail"),
        (chains("inet", "counter packets 3 bytes 4 accept comment \"all\""), "pass", "fail"),
        (chains("inet", "tcp dport { 22 }; accept"), "pass", "fail"),
        (chains("inet", "ip saddr 0.0.0.0/0 log prefix \"x\" accept"), "pass", "fail"),
        (chains("inet", "ip saddr 10.0.0.0/8 accept"), "pass", "pass"),
        (chains("inet", deny) + "add rule inet filter input accept\n", "pass", "fail"),
        (chains("inet", deny) + "add chain inet filter input { policy accept; }\n", "pass", "fail"),
    ] {
        let script = format!(
            "program nft </dev/null\nput etc/nftables.conf <<'END'\n{rules}END
            af_nftables_audit base-chains '' ''\naf_nftables_audit default-deny '' ''"
        );
        prints(&script, &format!("{chained}\n{denied}"));
    }
}

#[test]
fn what_nft_refuses_is_not_written_and_no_firewall() {
    for ports in ["70000", "22-", ",", "-", "22,", "0", "23-22", "1-2-3", "022", "99999999999999999999", "22 23"] {
        let script = format!("af_nftables_apply default-deny '{ports}' '' || echo refused; ls $T/etc/nftables");
        prints(&script, "refused");
    }
    let script = r#"
        echo '! grep -q "dport.*22,20-30" "$3"' | program nft
        af_nftables_apply default-deny 22,20-30 443 || echo refused
        ls $T/etc/nftables
        af_nftables_apply default-deny 22,1024-65535 443
        af_nftables_audit default-deny
        cp $T/etc/nftables/amifactory.nft $T/etc/nftables.conf
        echo 'tcp dport 22,20-30' >>$T/etc/nftables.conf
        af_nftables_audit default-deny
        echo 'exit 1' | program nft
        af_nftables_audit default-deny
    "#;
    prints(script, "refused\npass\nfail\npass");
}
