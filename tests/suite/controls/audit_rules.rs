//! The kernel lists audit rules in words of its own; they are the same rules.

use std::path::Path;
use std::process::Command;

/// What stands on disk, and how `auditctl -l` tells of it once it is loaded.
const SAME: [(&str, &str); 9] = [
    (
        "-a always,exit -F arch=b64 -S execve -C euid!=uid -F auid!=unset -k user_emulation",
        "-a always,exit -F arch=b64 -S execve -C uid!=euid -F auid!=-1 -F key=user_emulation",
    ),
    (
        "-a always,exit -F arch=b64 -S creat,open,openat,truncate -F exit=-EACCES -F auid>=1000 -F auid!=unset -k access",
        "-a always,exit -F arch=b64 -S open,truncate,creat,openat -F exit=-13 -F auid>=1000 -F auid!=-1 -F key=access",
    ),
    ("-w /etc/sudoers.d -p wa -k scope", "-w /etc/sudoers.d/ -p wa -k scope"),
    ("-w /etc/sudoers -p aw -k scope", "-w /etc/sudoers -p wa -k scope"),
    ("-w /etc/sudoers -p wa -k scope", "-a always,exit -S all -F path=/etc/sudoers -F perm=wa -F key=scope"),
    (
        "-a always,exit -F path=/usr/bin/su -F perm=x -F auid>=1000 -F auid!=unset -k privileged",
        "-a always,exit -S all -F path=/usr/bin/su -F perm=x -F auid>=1000 -F auid!=4294967295 -F key=privileged",
    ),
    ("-a exit,always -F arch=b32 -S mount -k mounts", "-a always,exit -F arch=i386 -S mount -F key=mounts"),
    (
        "-a always,exit -F arch=b64 -S clock_settime -F a0=0x0 -k time-change",
        "-a always,exit -F arch=b64 -S clock_settime -F a0=0x0 -F key=time-change",
    ),
    ("-e 2", "enabled 2"),
];

const OTHER: [(&str, &str); 5] = [
    ("-w /etc/passwd -p wa -k identity", "-w /etc/passwd -p w -k identity"),
    ("-w /etc/passwd -p wa -k identity", "-w /etc/passwd2 -p wa -k identity"),
    ("-a always,exit -F arch=b64 -S mount,umount2 -k m", "-a always,exit -F arch=b64 -S mount -F key=m"),
    ("-a always,exit -F arch=b64 -S mount -k m", "-a always,exit -F arch=b32 -S mount -F key=m"),
    ("-e 2", "enabled 1"),
];

/// What the runtime audit of one rule says where the kernel has what is listed.
fn says(shell: &str, rule: &str, listed: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"
        . "$LIBRARY/audit.sh"
        . "$LIBRARY/primitives/audit_rule.sh"
        uname() { echo x86_64; }
        af_look() { printf '%s\n' "$1"; }
        auditctl() {
            case $1 in
                -l) case $LISTED in enabled*) echo "No rules" ;; *) printf '%s\n' "$LISTED" ;; esac ;;
                -s) case $LISTED in enabled*) printf '%s\n' "$LISTED" ;; *) echo "enabled 1" ;; esac ;;
            esac
        }
        af_audit_rule_runtime some "$RULE"
    "#;
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("hardening/lib");
    let mut command = Command::new(shell);
    command.args(["-c", script]).env("LIBRARY", library).env("AF_TMP", folder.path());
    let output = command.env("RULE", rule).env("LISTED", listed).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What `auditctl -l` (3.0.9, on Linux 6.18, x86_64) printed once all the library's rules were loaded. To record it again:
/// the rules of `library_rules`, one per line after a first line `-c`, go through `auditctl -R`.
const LISTED: &str = include_str!("kernel_audit_rules.txt");

/// The rules that stand in the library, with the parameter's default.
fn library_rules() -> Vec<String> {
    let controls = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("hardening/controls")).unwrap();
    let mut rules = Vec::new();
    for file in controls {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let quoted = text.lines().filter_map(|line| line.trim().strip_prefix("- \"")?.strip_suffix('"'));
        let some = quoted.filter(|rule| rule.starts_with("-a ") || rule.starts_with("-w "));
        rules.extend(some.map(|rule| rule.replace("{sudo_log_file}", "/var/log/sudo.log")));
    }
    rules
}

#[test]
fn what_a_kernel_really_lists_is_recognised_and_missed() {
    let rules = library_rules();
    assert!(rules.len() > 50, "{}", rules.len());
    let missed = |listed: &str| {
        let script = r#"
            . "$LIBRARY/primitives/audit_rule.sh"
            uname() { echo x86_64; }
            af_audit_rules_loaded() { printf '%s\n' "$LISTED"; }
            af_audit_rules_lack af_audit_rules_loaded "$@"
            printf '%s\n' "$AF_LIST"
        "#;
        let folder = tempfile::tempdir().unwrap();
        let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("hardening/lib");
        let mut command = Command::new("dash");
        command.args(["-c", script, "dash"]).args(&rules).env("LIBRARY", library);
        let output = command.env("AF_TMP", folder.path()).env("LISTED", listed).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(missed(LISTED), "");
    for line in LISTED.lines() {
        let others: Vec<&str> = LISTED.lines().filter(|other| *other != line).collect();
        let missed = missed(&others.join("\n"));
        // A folder has two spellings in the library, and the kernel knows one.
        let same = missed.lines().map(|rule| rule.replace("sudoers.d/ ", "sudoers.d "));
        assert_eq!(same.collect::<std::collections::BTreeSet<_>>().len(), 1, "without {line}: {missed}");
    }
}

#[test]
fn rules_as_the_kernel_lists_them_are_recognised() {
    for shell in ["dash", "bash"] {
        for (rule, listed) in SAME {
            assert_eq!(says(shell, rule, listed), "pass", "{shell}: {rule} | {listed}");
        }
        for (rule, listed) in OTHER {
            assert_eq!(says(shell, rule, listed), "fail", "{shell}: {rule} | {listed}");
        }
    }
}
