//! What people are told before they lose something: what hardening can break, and what a recipe asks for in vain.

use crate::program::{TestFactory, can_build_on_host, stderr};
use serde_json::Value;

/// A hardened recipe with this below `hardening:` and these groups.
fn hardened(factory: &TestFactory, name: &str, base: &str, groups: &str, hardening: &str) {
    let text = format!(
        "recipe: {name}\ndescription: hardened\nversion: \"1.0\"\nbase: {base}\ngroups: {groups}\n\
         hardening:\n  profile: cis-l1-server\n{hardening}"
    );
    factory.write(&format!("recipes/{name}.yaml"), &text);
}

fn stdout(factory: &TestFactory, arguments: &[&str]) -> String {
    let output = factory.run(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_a_control_can_break_is_listed_and_explained() {
    let factory = TestFactory::tiny("true");
    let (_, list) = factory.json(&["controls"]);
    let find = |slug: &str| list["controls"].as_array().unwrap().iter().find(|c| c["slug"] == slug).unwrap();
    let squashfs = &find("kernel-module-squashfs-disabled")["breaks"];
    assert!(squashfs[0].as_str().unwrap().starts_with("snap: "), "{squashfs}");
    assert_eq!(find("kernel-module-cramfs-disabled")["breaks"], Value::Array(vec![]));
    let text = stdout(&factory, &["controls", "kernel-module"]);
    let marked = |slug: &str| {
        let line = text.lines().find(|line| line.starts_with(slug)).unwrap();
        line.split_whitespace().nth(1) == Some("!")
    };
    assert!(marked("kernel-module-squashfs-disabled") && !marked("kernel-module-cramfs-disabled"), "{text}");
    assert!(text.contains("! 2 can break something: `amifactory controls NAME` says what"), "{text}");
    let text = stdout(&factory, &["controls", "kernel-module-squashfs-disabled"]);
    assert!(text.contains("can break  snap: No snap can be mounted any more"), "{text}");
    let (_, one) = factory.json(&["controls", "kernel-module-squashfs-disabled"]);
    assert_eq!(one["breaks"], *squashfs);
}

#[test]
fn a_plan_says_which_of_its_controls_can_break_something() {
    if !can_build_on_host("a_plan_says_which_of_its_controls_can_break_something") {
        return;
    }
    let factory = TestFactory::tiny("true");
    let waiver = "  waivers:\n    - {control: tmp-noexec, reason: r, owner: o, expires: 2027-06-30}\n";
    hardened(&factory, "hard", "{local: host}", "[hello]", waiver);
    let (_, plan) = factory.json(&["plan", "hard"]);
    let can_break = plan["can_break"].as_array().unwrap();
    let names: Vec<&str> = can_break.iter().map(|control| control["control"].as_str().unwrap()).collect();
    assert!(names.contains(&"sshd-root-login-disabled"), "{names:?}");
    // What is waived, and what is of level 2, is not done and breaks nothing.
    assert!(!names.contains(&"tmp-noexec") && !names.contains(&"kernel-module-squashfs-disabled"), "{names:?}");
    let text = stdout(&factory, &["plan", "hard"]);
    let login = text.lines().find(|line| line.trim_start().starts_with("login ")).unwrap_or_default();
    assert!(login.contains("sshd-root-login-disabled"), "{text}");
}
