//! `controls`: listed, explained, and one of them tried.

use super::readme::factory_with_library;
use crate::program::{TestFactory, can_build_on_host, stderr};
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;

fn root() -> String {
    std::env::var("AMIFACTORY_TEST_ROOTFS").unwrap_or_else(|_| "/".to_owned())
}

fn listed(factory: &TestFactory, arguments: &[&str]) -> Vec<Value> {
    let (exit, result) = factory.json(&[&["controls"], arguments].concat());
    assert_eq!(exit, 0, "{arguments:?}: {result}");
    result["controls"].as_array().unwrap().clone()
}

#[test]
fn lists_are_narrowed_by_level_section_family_profile_and_id() {
    let factory = TestFactory::tiny("true");
    let all = listed(&factory, &[]);
    let two = listed(&factory, &["--level", "2", "--section", "5"]);
    assert!(!two.is_empty() && two.len() < all.len());
    assert!(two.iter().all(|control| control["level"] == 2 && control["section"] == 5), "{two:?}");
    let ids = listed(&factory, &["--id", "1.1.1"]);
    assert!(ids.len() >= 7, "{ids:?}");
    let one = listed(&factory, &["--id", "cis-al2023-1.0.0:5.2.3.1"]);
    assert_eq!(one.len(), 1, "{one:?}");
    assert_eq!(one[0]["slug"], "audit-sudoers");
    assert!(listed(&factory, &["--id", "cis-al2023-1.0.0:5.2.3"]).len() > 15);
    let debian = listed(&factory, &["--family", "debian-12"]);
    assert!(debian.iter().any(|control| control["slug"] == "apparmor-installed"));
    assert!(debian.iter().all(|control| control["slug"] != "selinux-installed"));
    let profile = listed(&factory, &["--profile", "cis-al2023-l1-server", "--level", "2"]);
    assert!(profile.is_empty(), "{profile:?}");
    // Those for every family have all that the families' own have.
    for level in [1, 2] {
        let slugs = |family: &str| -> BTreeSet<String> {
            let all = listed(&factory, &["--profile", &format!("cis{family}-l{level}-server")]);
            all.iter().map(|control| control["slug"].as_str().unwrap().to_owned()).collect()
        };
        let both: BTreeSet<String> = slugs("-al2023").union(&slugs("-debian12")).cloned().collect();
        assert_eq!(slugs(""), both, "level {level}");
    }
    assert_eq!(listed(&factory, &["squashfs"]).len(), 1);
    assert!(listed(&factory, &["squashfs", "--level", "1"]).is_empty());
    // What it ensures counts, and each of several words has to be there, in any case and order.
    let found = |text: &str| -> Vec<String> {
        listed(&factory, &[text]).iter().map(|control| control["slug"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found("PermitRootLogin"), ["sshd-root-login-disabled"]);
    let mounts = found("var tmp NOEXEC 1.1");
    assert!(mounts.contains(&"var-tmp-noexec".to_owned()) && !mounts.contains(&"tmp-noexec".to_owned()), "{mounts:?}");
    assert_eq!(found("ROOT sshd"), found("sshd root"));
    assert!(found("sshd root").contains(&"sshd-root-login-disabled".to_owned()));
    assert_eq!(factory.run(&["controls", "sshd no-such-word"]).status.code(), Some(2));
}

#[test]
fn a_control_says_which_values_its_parameters_take() {
    let factory = TestFactory::tiny("true");
    for (control, line) in [
        ("login-failures-locked", "login_failures: a number from 1 to 5; by default 5"),
        ("audit-disk-full", "audit_disk_full: one of single, halt, suspend, syslog; by default single"),
        (
            "ssh-access-reviewed",
            "ssh_allow_groups: names with blanks between; patterns, but none that everyone fits; by",
        ),
        // Which of several ways is taken is a parameter too.
        ("nftables-table", "firewall: one of nftables, firewalld; by default nftables"),
        ("nftables-default-deny", "firewall_inbound_tcp: ports from 1 to 65535 and ranges of them, with commas"),
    ] {
        let output = factory.run(&["controls", control]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(&format!("parameter  {line}")), "{control}: {text}");
    }
    let (_, one) = factory.json(&["controls", "audit-disk-full"]);
    assert_eq!(one["parameters_take"]["audit_disk_full"], "one of single, halt, suspend, syslog");
    assert_eq!(one["parameters"]["audit_disk_full"], "single");
}

#[test]
fn what_is_not_there_is_told_with_the_nearest() {
    let factory = TestFactory::tiny("true");
    for (arguments, help) in [
        (&["controls", "audit-sudoer-s"][..], "did you mean `audit-sudoers`?"),
        (&["controls", "test", "audit-sudoer", "--root", "/"], "did you mean `audit-sudoers`?"),
        (&["controls", "--profile", "cis-l1-servr"], "did you mean `cis-l1-server`?"),
        (&["controls", "--level", "3"], "1..=2"),
        (&["controls", "test", "audit-sudoers", "--root", "/no/such/folder"], "holds a root filesystem"),
        (&["controls", "test", "audit-sudoers", "--root", "amifactory.yaml"], "is not a folder"),
        (&["controls", "test", "audit-sudoers", "--root", "recipes"], "no /etc/os-release"),
        (&["controls", "test", "audit-sudoers"], "--root"),
    ] {
        let output = factory.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(help), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn a_control_is_tried_by_its_id_where_it_alone_has_that() {
    if !can_build_on_host("a_control_is_tried_by_its_id_where_it_alone_has_that") {
        return;
    }
    let factory = TestFactory::tiny("true");
    let test = |name: &str| factory.json(&["controls", "test", name, "--root", &root()]);
    // Of several with this id the one of the root's own benchmark is meant.
    let debian = listed(&factory, &["--id", "cis-debian12-1.1.0:1.1.1.1"])[0]["slug"].clone();
    assert_eq!(test("cis-debian12-1.1.0:1.1.1.1").1["control"], debian);
    let tried = test("1.1.1.4").1;
    let benchmark = if tried["family"] == "amazon-linux-2023" { "cis-al2023-1.0.0" } else { "cis-debian12-1.1.0" };
    let meant = listed(&factory, &["--id", &format!("{benchmark}:1.1.1.4")])[0]["slug"].clone();
    assert_eq!(tried["control"], meant, "{tried:#}");
    // And what the others have under that id is said.
    let other = if benchmark == "cis-al2023-1.0.0" { "cis-debian12-1.1.0" } else { "cis-al2023-1.0.0" };
    let theirs = listed(&factory, &["--id", &format!("{other}:1.1.1.4")])[0]["slug"].clone();
    assert_ne!(theirs, meant);
    let said = tried["elsewhere"][0].as_str().unwrap();
    assert!(said.starts_with(theirs.as_str().unwrap()), "{said}");
    let output = factory.run(&["controls", "test", "1.1.1.4", "--root", &root()]);
    let text = String::from_utf8(output.stdout).unwrap();
    let told = format!("`1.1.1.4` is this control on {}; elsewhere it is {said}", tried["family"].as_str().unwrap());
    assert!(text.contains(&told), "{text}");
    assert_eq!(test("cis-al2023-1.0.0:5.2.3.1").1.get("elsewhere"), None);
    let amazon = listed(&factory, &["--id", "cis-al2023-1.0.0:5.2.3.1"])[0]["slug"].clone();
    assert_eq!(test("cis-al2023-1.0.0:5.2.3.1").1["control"], amazon);
    let (exit, result) = test("1.1.1");
    let error = result["error"].as_str().unwrap();
    assert_eq!(exit, 2, "{error}");
    assert!(error.starts_with("`1.1.1` names several controls: say which\n"), "{error}");
    assert!(
        error.contains("kernel-module-cramfs-disabled   cis-al2023-1.0.0 1.1.1.3, cis-debian12-1.1.0 1.1.1.1"),
        "{error}"
    );
    assert_eq!(test("9.9.9").1["error"].as_str().unwrap().lines().next(), Some("there is no control `9.9.9`"));
}

#[test]
fn one_control_is_tried_and_the_root_is_only_read() {
    if !can_build_on_host("one_control_is_tried_and_the_root_is_only_read") {
        return;
    }
    let factory = TestFactory::tiny("true");
    let root = root();
    let folder = std::path::Path::new(&root).join("etc/modprobe.d");
    let looks = || std::fs::metadata(&folder).map(|found| (found.ctime(), found.ctime_nsec())).ok();
    let before = looks();
    let (exit, result) = factory.json(&["controls", "test", "kernel-module-cramfs-disabled", "--root", &root]);
    assert_eq!((exit, &result["outcome"]), (0, &Value::from("kept")), "{result:#}");
    let parts: Vec<&str> =
        result["findings"].as_array().unwrap().iter().map(|finding| finding["part"].as_str().unwrap()).collect();
    assert_eq!(&parts[..5], ["audit", "apply", "audit_after", "apply_again", "mutation"], "{result:#}");
    assert_eq!(parts.last(), Some(&"empty_root"));
    assert_eq!(looks(), before);
    // What only a person can tell is not said to be kept.
    let (exit, result) = factory.json(&["controls", "test", "updates-reviewed", "--root", &root]);
    assert_eq!((exit, &result["outcome"]), (5, &Value::from("not_shown")), "{result:#}");
}

/// Of two files that apply writes the audit reads one.
#[test]
fn an_audit_that_misses_a_part_of_what_is_undone_does_not_keep_its_contract() {
    if !can_build_on_host("an_audit_that_misses_a_part_of_what_is_undone_does_not_keep_its_contract") {
        return;
    }
    let factory = factory_with_library();
    factory.write(
        "hardening/controls/9-half.yaml",
        "controls:\n  - control: audit-half-blind\n    title: Half\n    rationale: For a test.\n    level: 1\n    \
         section: 1\n    phase: config\n    ensure:\n      - script: {apply: true}\n",
    );
    factory.write(
        "hardening/scripts/audit-half-blind.apply.sh",
        "[ -e /etc/made ] || : >/etc/made\n[ -e /etc/more ] || : >/etc/more\n",
    );
    factory.write(
        "hardening/scripts/audit-half-blind.audit.sh",
        "if [ -e /etc/made ]; then af_look pass it made made; else af_look fail it made missing; fi\n",
    );
    let (exit, result) = factory.json(&["controls", "test", "audit-half-blind", "--root", &root()]);
    assert_eq!((exit, &result["outcome"]), (5, &Value::from("not_shown")), "{result:#}");
    let findings = result["findings"].as_array().unwrap();
    let of = |said: &str| findings.iter().find(|finding| finding["said"] == said).map(|finding| &finding["outcome"]);
    assert_eq!(of("undo /etc/made: noticed"), Some(&Value::from("kept")), "{result:#}");
    assert_eq!(of("undo /etc/more: not noticed: pass"), Some(&Value::from("not_shown")), "{result:#}");
}

/// Each of these breaks one clause, and that one is named.
#[test]
fn a_control_that_breaks_its_contract_is_found_out() {
    if !can_build_on_host("a_control_that_breaks_its_contract_is_found_out") {
        return;
    }
    let root = root();
    let factory = factory_with_library();
    let passes = "af_look pass it good good\n";
    let made = "if [ -e /etc/made ]; then af_look pass it made made; else af_look fail it made missing; fi\n";
    for (slug, apply, audit, part) in [
        ("audit-writes", ": >/etc/made\n", ": >/etc/made\naf_look fail it a b\n", "audit"),
        ("audit-breaks", ": >/etc/made\n", "exit 1\n", "audit"),
        ("apply-fails", "exit 3\n", made, "apply"),
        ("apply-does-nothing", "true\n", made, "audit_after"),
        ("apply-appends", "echo more >>/etc/made\n", made, "apply_again"),
        ("audit-is-blind", ": >/etc/made\n", passes, "mutation"),
        ("audit-likes-nothing", ": >/etc/made\n", "[ -e /etc/passwd ] || af_look pass it a a\n", "empty_root"),
    ] {
        factory.write(
            "hardening/controls/9-broken.yaml",
            &format!(
                "controls:\n  - control: {slug}\n    title: Broken\n    rationale: For a test.\n    level: 1\n    \
                 section: 1\n    phase: config\n    ensure:\n      - script: {{apply: true}}\n"
            ),
        );
        factory.write(&format!("hardening/scripts/{slug}.apply.sh"), apply);
        factory.write(&format!("hardening/scripts/{slug}.audit.sh"), audit);
        let (exit, result) = factory.json(&["controls", "test", slug, "--root", &root]);
        assert_eq!((exit, &result["outcome"]), (1, &Value::from("broken")), "{slug}: {result:#}");
        let broken =
            result["findings"].as_array().unwrap().iter().any(|f| f["part"] == part && f["outcome"] == "broken");
        assert!(broken, "{slug}: {result:#}");
    }
}
