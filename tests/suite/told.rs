//! What people are told before they lose something: what hardening can break, and what a recipe asks for in vain.

use crate::control_library::readme::factory_with_library;
use crate::program::{TestFactory, can_build_on_host, stderr};
use serde_json::Value;

/// A library with one profile of two small controls: a file, and a package that no repository has.
fn small_library() -> TestFactory {
    let factory = factory_with_library();
    factory.write(
        "hardening/controls/9-told.yaml",
        "controls:\n  - control: told-file\n    title: A file says hello\n    rationale: For a test.\n    level: 1\n    \
         section: 6\n    phase: config\n    breaks: {scripts: They read hello.}\n    ensure:\n      - file_content: \
         {path: /etc/told, mode: \"0644\", content: hello}\n  - control: told-package\n    title: A package is there\n    \
         rationale: For a test.\n    level: 1\n    section: 6\n    phase: packages\n    ensure:\n      - package_present: \
         {names: [no-such-package]}\n",
    );
    factory.write(
        "hardening/profiles/told.yaml",
        "profile: told\ntitle: For a test\ncontrols: [told-file, told-package]\n",
    );
    factory
}

/// Warnings of `validate`: file, line, message and help of each.
fn warnings(factory: &TestFactory, arguments: &[&str]) -> Vec<(String, u64, String)> {
    let (exit, result) = factory.json(&[&["validate"], arguments].concat());
    assert_eq!(exit, 0, "{result:#}");
    let told = |warning: &Value| {
        let text = |name: &str| warning[name].as_str().unwrap().to_owned();
        (text("file"), warning["line"].as_u64().unwrap(), format!("{}: {}", text("message"), text("help")))
    };
    result["warnings"].as_array().unwrap().iter().map(told).collect()
}

/// A hardened recipe with this below `hardening:` and these groups.
fn hardened(factory: &TestFactory, name: &str, base: &str, groups: &str, hardening: &str) {
    let text = format!(
        "recipe: {name}\ndescription: hardened\nversion: \"1.0\"\nbase: {base}\ngroups: {groups}\n\
         hardening:\n{hardening}"
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
    let waiver =
        "  profile: cis-l1-server\n  waivers:\n    - {control: tmp-noexec, reason: r, owner: o, expires: 2027-06-30}\n";
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

const TELLS: &str = "  profile: told\n  network: []\n";

fn waiving(control: &str, expires: &str) -> String {
    format!("{TELLS}  waivers:\n    - {{control: {control}, reason: r, owner: o, expires: {expires}}}\n")
}

#[test]
fn a_waiver_of_what_the_base_has_applied_is_told() {
    let factory = small_library();
    hardened(&factory, "ground", "{local: host}", "[hello]", TELLS);
    hardened(&factory, "middle", "{recipe: ground}", "[]", "  profile: cis-l1-server\n  network: []\n");
    hardened(&factory, "top", "{recipe: middle}", "[]", &waiving("told-file", "2027-06-30"));
    let told = warnings(&factory, &["top"]);
    assert_eq!(told.len(), 1, "{told:?}");
    let (file, line, text) = &told[0];
    assert_eq!((file.as_str(), *line), ("recipes/top.yaml", 10));
    let expected = "`told-file` is waived, but ground, which is below this recipe, applies it: it stays applied in this \
                    image: to be without it, waive it in recipes/ground.yaml too";
    assert_eq!(text, expected);
    let text = stdout(&factory, &["validate", "top"]);
    assert!(text.starts_with("warning: `told-file` is waived") && text.contains("\n10 | "), "{text}");
    assert!(text.contains("valid") && text.ends_with("; 1 warning\n"), "{text}");
    // Two below it apply it.
    hardened(&factory, "middle", "{recipe: ground}", "[]", TELLS);
    assert!(warnings(&factory, &["top"])[0].2.contains("middle and ground, which are below this recipe, apply it"));
    // Waived below, or not part of what is below, or nothing is below: the waiver does what it says.
    hardened(&factory, "middle", "{recipe: ground}", "[]", &waiving("told-file", "2027-06-30"));
    hardened(&factory, "ground", "{local: host}", "[hello]", &waiving("told-file", "2027-06-30"));
    assert_eq!(warnings(&factory, &[]), []);
    hardened(&factory, "ground", "{local: host}", "[hello]", "  profile: cis-l1-server\n  network: []\n");
    assert_eq!(warnings(&factory, &[]), []);
}

#[test]
fn a_value_that_falls_back_to_its_default_is_told() {
    let factory = small_library();
    factory.write("hardening/profiles/told.yaml", "profile: told\ntitle: For a test\ncontrols: [shell-timeout]\n");
    let set = |values: &str| format!("{TELLS}  parameters: {{{values}}}\n");
    hardened(&factory, "ground", "{local: host}", "[]", &set("shell_timeout: 600"));
    hardened(&factory, "middle", "{recipe: ground}", "[]", "  profile: cis-l1-server\n  network: []\n");
    hardened(&factory, "top", "{recipe: middle}", "[]", TELLS);
    let expected = "below this recipe, sets shell_timeout to `600`; this recipe does not, and applies `shell-timeout` \
                    anew with `900`: to keep that value, set shell_timeout below `parameters` here too";
    let told = warnings(&factory, &["middle"]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].0.as_str(), told[0].1), ("recipes/middle.yaml", 6));
    assert_eq!(told[0].2, format!("ground, which is {expected}"));
    // It is middle that lost it: below top, the default holds already.
    assert_eq!(warnings(&factory, &["top"]), []);
    // Set here too, to whatever; waived here; the default itself; not below.
    hardened(&factory, "middle", "{recipe: ground}", "[]", &set("shell_timeout: 300"));
    assert_eq!(warnings(&factory, &["middle"]), []);
    assert!(warnings(&factory, &["top"])[0].2.starts_with("middle, which is below this recipe, sets shell_timeout"));
    hardened(&factory, "top", "{recipe: ground}", "[]", &waiving("shell-timeout", "2027-06-30"));
    assert!(!warnings(&factory, &["top"]).iter().any(|told| told.2.contains("shell_timeout")));
    hardened(&factory, "top", "{recipe: ground}", "[]", TELLS);
    assert_eq!(warnings(&factory, &["top"]).len(), 1);
    for ground in ["shell_timeout: 900", ""] {
        hardened(&factory, "ground", "{local: host}", "[]", &set(ground));
        assert_eq!(warnings(&factory, &["top"]), []);
    }
}

#[test]
fn a_waiver_almost_for_ever_is_told() {
    let factory = small_library();
    hardened(&factory, "far", "{local: host}", "[]", &waiving("told-file", "2999-12-31"));
    let told = warnings(&factory, &["far"]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].2.starts_with("the waiver of `told-file` holds until 2999-12-31, more than 2 years"), "{told:?}");
    let text = stdout(&factory, &["validate", "far"]);
    assert!(text.contains("^^^^^^^^^^\n") && text.contains("help: choose a date within 2 years"), "{text}");
}

#[test]
fn controls_that_install_packages_where_nothing_may_be_fetched_are_told() {
    let factory = small_library();
    hardened(&factory, "shut", "{local: host}", "[hello]", "  profile: told\n");
    let told = warnings(&factory, &["shut"]);
    assert_eq!(told.len(), 1, "{told:?}");
    let (file, line, text) = &told[0];
    assert_eq!((file.as_str(), *line), ("recipes/shut.yaml", 6));
    assert!(text.contains("install: told-package (no-such-package): add `network: [package-repositories]`"), "{text}");
    // What has other packages on each OS family is named without them.
    hardened(&factory, "any", "{local: host}", "[hello]", "  profile: cis-l1-server\n");
    let text = &warnings(&factory, &["any"])[0].2;
    assert!(text.contains(" password-quality, rsyslog-installed (rsyslog), "), "{text}");
    // A group opens the way, or brings the package; the recipe opens it, or says that there is no need; elsewhere
    // nothing is closed.
    let group = |network: &str, packages: &str| {
        let text = format!(
            "group: opens\nversion: \"1.0.0\"\ndescription: d\nnetwork: {network}\npackages: {{debian-12: {packages}}}\n"
        );
        factory.write("recipes/groups/opens.yaml", &text);
    };
    group("[package-repositories]", "[]");
    hardened(&factory, "shut", "{local: host}", "[opens]", "  profile: told\n");
    assert_eq!(warnings(&factory, &["shut"]), []);
    group("[]", "[no-such-package]");
    assert_eq!(warnings(&factory, &["shut"]), []);
    group("[]", "[other]");
    assert_eq!(warnings(&factory, &["shut"]).len(), 1);
    for network in ["[package-repositories]", "[]"] {
        let text = format!("  profile: told\n  network: {network}\n");
        hardened(&factory, "shut", "{local: host}", "[]", &text);
        assert_eq!(warnings(&factory, &["shut"]), []);
    }
    hardened(&factory, "shut", "{aws: {parameter: /a/b}}", "[]", "  profile: told\n");
    assert_eq!(warnings(&factory, &["shut"]), []);
    // Below it, the way was open.
    hardened(&factory, "ground", "{local: host}", "[]", "  profile: told\n  network: [package-repositories]\n");
    hardened(&factory, "shut", "{recipe: ground}", "[]", "  profile: told\n");
    assert_eq!(warnings(&factory, &["shut"]), []);
    // What controls may reach is this alone.
    hardened(&factory, "shut", "{local: host}", "[]", "  profile: told\n  network: [\"example.org:443\"]\n");
    let output = factory.run(&["validate", "shut"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("expected one of: package-repositories"), "{}", stderr(&output));
}

#[test]
fn whoever_drops_a_control_is_told_to_waive_it() {
    let factory = small_library();
    hardened(&factory, "less", "{local: host}", "[]", "  profile: told\n  exclude: [told-file]\n");
    let output = factory.run(&["validate", "less"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(text.contains("unknown key `exclude` in the hardening of a recipe"), "{text}");
    assert!(text.contains("to drop a control of the profile, waive it: waivers: [{control: …"), "{text}");
    assert_eq!(text.matches("error: unknown").count(), 1, "{text}");
}

#[test]
fn a_plan_and_a_build_say_what_was_asked_for_in_vain() {
    if !can_build_on_host("a_plan_and_a_build_say_what_was_asked_for_in_vain") {
        return;
    }
    let factory = small_library();
    hardened(&factory, "ground", "{local: host}", "[]", TELLS);
    let top = waiving("told-file", "2027-06-30").replace("  network: []\n", "");
    hardened(&factory, "top", "{recipe: ground}", "[]", &top);
    let (_, plan) = factory.json(&["plan", "top"]);
    let told: Vec<&str> = plan["warnings"].as_array().unwrap().iter().map(|told| told.as_str().unwrap()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("`told-file` is waived, but ground"), "{told:?}");
    assert!(told[1].starts_with("nothing in this recipe may reach the package repositories"), "{told:?}");
    assert_eq!(plan["can_break"], Value::Array(vec![]));
    let text = stdout(&factory, &["plan", "top"]);
    assert!(text.contains("warnings\n  ! `told-file` is waived"), "{text}");

    let text = stdout(&factory, &["build", "top"]);
    assert!(text.contains("warning    `told-file` is waived, but ground"), "{text}");
    assert!(text.contains("no-such-package is not installed, and this recipe has no access to pack"), "{text}");
    let (_, result) = factory.json(&["build", "top"]);
    assert_eq!((&result["outcome"], &result["warnings"]), (&Value::from("up-to-date"), &plan["warnings"]));
    let (_, shown) = factory.json(&["show", "top"]);
    let find = |shown: &Value, slug: &str| {
        shown["controls"].as_array().unwrap().iter().find(|control| control["slug"] == slug).unwrap().clone()
    };
    let reason = find(&shown, "told-package")["evidence"]["reason"].as_str().unwrap().to_owned();
    assert!(reason.ends_with("add `network: [package-repositories]` below `hardening`"), "{reason}");
    assert_eq!(find(&shown, "told-file")["breaks"], Value::Array(vec![]), "it is waived here");
    assert_eq!(find(&shown, "told-file")["evidence"]["applied_below"], serde_json::json!(["ground"]));
    assert!(find(&shown, "told-package")["evidence"].get("applied_below").is_none());
    let stays = "r; it stays applied in this image by ground, which is below this recipe";
    stdout(&factory, &["report", "top", "--html", "top.html", "--junit", "top.xml"]);
    let written = |name: &str| std::fs::read_to_string(factory.path().join(name)).unwrap();
    let page = written("top.html");
    assert_eq!(page.matches(stays).count(), 2, "with the control, and among the waivers");
    let junit = written("top.xml");
    assert!(junit.contains("2027-06-30); it stays applied in this image by ground"), "{junit}");
    let text = stdout(&factory, &["show", "top"]);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&text).contains("A file says hello (r); it stays applied in this image by ground"), "{text}");
    assert!(text.contains("└ no-such-package is not installed"), "{text}");
    let (_, shown) = factory.json(&["show", "ground"]);
    assert_eq!(find(&shown, "told-file")["breaks"][0], "scripts: They read hello.");
    let text = stdout(&factory, &["show", "ground"]);
    assert!(text.contains("told-file  scripts: They read hello."), "{text}");
}

#[test]
fn what_controls_may_reach_is_part_of_the_plan() {
    if !can_build_on_host("what_controls_may_reach_is_part_of_the_plan") {
        return;
    }
    let factory = small_library();
    let digest = |network: &str| {
        hardened(&factory, "ground", "{local: host}", "[]", &format!("  profile: told\n{network}"));
        factory.json(&["plan", "ground"]).1["digest"].clone()
    };
    let closed = digest("");
    assert_eq!(digest("  network: []\n"), closed);
    assert_ne!(digest("  network: [package-repositories]\n"), closed);
}
