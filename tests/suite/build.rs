//! The built program builds a real image on this machine.

use crate::program::{TestFactory, can_build_on_host, stderr};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

const HELLO: &str = "mkdir -p /srv\necho hello >/srv/hello";

#[test]
fn a_plan_writes_the_scripts_that_would_run() {
    if !can_build_on_host("a_plan_writes_the_scripts_that_would_run") {
        return;
    }
    let factory = TestFactory::tiny(HELLO);
    let (code, plan) = factory.json(&["plan", "tiny", "--scripts", "out/scripts"]);
    assert_eq!(code, 0, "{plan}");
    assert_eq!(plan["scripts"], json!(["out/scripts/apply.sh", "out/scripts/seal.sh", "out/scripts/boot-test.sh"]));
    let apply = fs::read_to_string(factory.path().join("out/scripts/apply.sh")).unwrap();
    assert!(apply.starts_with("#!/bin/sh\n# amifactory bundle: apply\n") && apply.contains(">/srv/hello"), "{apply}");
    let checked =
        std::process::Command::new("sh").arg("-n").arg(factory.path().join("out/scripts/boot-test.sh")).status();
    assert!(checked.unwrap().success());
    // A file where the folder should be.
    factory.write("file", "");
    let output = factory.run(&["plan", "tiny", "--scripts", "file"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("file: "), "{}", stderr(&output));
}

#[test]
fn build_makes_an_image_then_says_up_to_date_and_why_it_builds_again() {
    if !can_build_on_host("build_makes_an_image_then_says_up_to_date_and_why_it_builds_again") {
        return;
    }
    let factory = TestFactory::tiny(HELLO);
    let (code, built) = factory.json(&["build", "tiny"]);
    assert_eq!((code, &built["outcome"]), (0, &json!("built")), "{built:#}");
    assert_eq!(built["version"], "1.0.0");
    assert_eq!(built["reasons"], json!(["tiny has no image yet"]));
    for field in ["recipe", "digest", "image", "target", "build", "controls", "score", "duration_s", "calls"] {
        assert!(built.get(field).is_some(), "{field} is missing: {built:#}");
    }
    assert_eq!(built["calls"], amifactory::pipeline::engine::CALLS_OF_A_BUILD);

    let (code, again) = factory.json(&["build", "tiny"]);
    assert_eq!((code, &again["outcome"], &again["image"]), (0, &json!("up-to-date"), &built["image"]));
    assert_eq!(again["calls"], amifactory::pipeline::engine::CALLS_UP_TO_DATE);

    factory.group("1.1.0", HELLO);
    let (code, plan) = factory.json(&["plan", "tiny"]);
    assert_eq!((code, &plan["outcome"]), (0, &json!("build")));
    assert_eq!(plan["reasons"], json!(["group hello changed: 1.0.0 → 1.1.0"]));
    assert!(plan.get("scripts").is_none(), "{plan}");
    let (_, second) = factory.json(&["build", "tiny"]);
    assert_eq!((&second["outcome"], &second["version"]), (&json!("built"), &json!("1.0.1")));

    let (_, images) = factory.json(&["images"]);
    let channels: Vec<_> =
        images["images"].as_array().unwrap().iter().map(|i| (i["version"].clone(), i["channels"].clone())).collect();
    assert_eq!(channels, [(json!("1.0.1"), json!(["dev"])), (json!("1.0.0"), json!([]))]);
    let (_, shown) = factory.json(&["show", "tiny@1.0.1"]);
    assert_eq!(shown["image"]["tags"]["amifactory:groups"], "hello=1.1.0");
    assert!(shown["packages"].as_array().unwrap().len() > 50, "this machine has packages");

    let layer = &factory.stored("layers")[0];
    let written = factory.state().join("local/layers").join(layer).join("upper/srv/hello");
    assert_eq!(fs::read_to_string(written).unwrap(), "hello\n", "the step really ran");
    assert!(factory.stored("builders").is_empty());
    assert!(!std::path::Path::new("/srv/hello").exists(), "and not on this machine");
}

#[test]
fn a_log_for_stores_names_the_build_in_each_of_its_lines_and_how_the_run_ended() {
    let factory = TestFactory::tiny(HELLO);
    let log = factory.path().join("run.log");
    let lines = || -> Vec<Value> {
        fs::read_to_string(&log).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let with = |arguments: &[&str]| factory.run(&[arguments, &["--log", log.to_str().unwrap()]].concat());
    // What never came to a build is told too, with all that was said.
    assert_eq!(with(&["build", "tinny"]).status.code(), Some(2));
    let ended = lines().pop().unwrap();
    assert_eq!((&ended["process"]["exit_code"], &ended["labels"]["verb"]), (&json!(2), &json!("build")), "{ended}");
    assert!(ended["error"]["message"].as_str().unwrap().contains("tinny"), "{ended}");
    // On standard error there is nothing else then.
    let output = factory.run(&["build", "tinny", "--log", "-"]);
    let only: Value = serde_json::from_str(&stderr(&output)).unwrap();
    assert_eq!((output.status.code(), &only["log"]["level"]), (Some(2), &json!("error")), "{only}");
    let output = factory.run(&["images", "--log", "/no/such/folder/log"]);
    assert!(output.status.code() == Some(2) && stderr(&output).contains("--log /no/such/folder/log"), "{output:?}");
    // A pipe holds nothing up, whether somebody reads it or not.
    let pipe = factory.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for is_read in [false, true] {
        let flags = nix::fcntl::OFlag::O_NONBLOCK;
        let reader = is_read.then(|| nix::fcntl::open(&pipe, flags, nix::sys::stat::Mode::empty()).unwrap());
        let output = factory.run(&["images", "--log", pipe.to_str().unwrap()]);
        let told = "it is no file, and what nobody reads would hold the run up; `--log -` writes to standard error";
        assert!(output.status.code() == Some(2) && stderr(&output).contains(told), "{output:?}");
        drop(reader);
    }
    assert_ne!(factory.run(&["images", "--log", "/dev/null"]).status.code(), Some(2));

    if !can_build_on_host("a_log_for_stores_names_the_build_in_each_of_its_lines_and_how_the_run_ended") {
        return;
    }
    fs::remove_file(&log).unwrap();
    assert_eq!(with(&["build", "tiny", "-q"]).status.code(), Some(0));
    let (lines, (_, shown)) = (lines(), factory.json(&["show", "tiny"]));
    let (last, of_build) = lines.split_last().unwrap();
    let build = &shown["image"]["tags"]["amifactory:build"];
    assert!(of_build.len() > 20 && of_build.iter().all(|line| line["trace"]["id"] == *build), "{build}: {of_build:#?}");
    assert!(of_build.iter().all(|line| line["labels"]["recipe"] == "tiny"), "{of_build:#?}");
    assert_eq!((&last["event"]["outcome"], &last["process"]["exit_code"]), (&json!("success"), &json!(0)), "{last}");
}

#[test]
fn a_failing_step_says_which_its_last_lines_and_what_to_type() {
    if !can_build_on_host("a_failing_step_says_which_its_last_lines_and_what_to_type") {
        return;
    }
    let factory = TestFactory::tiny("echo about to fail\nls /no/such/folder");
    let output = factory.run(&["build", "tiny"]);
    assert_eq!(output.status.code(), Some(1));
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    for expected in ["hello: hello", "exit status 2", "about to fail", "/no/such/folder", "amifactory logs tiny-"] {
        assert!(text.contains(expected), "{expected} is missing in:\n{text}");
    }
    assert!(factory.stored("builders").is_empty() && factory.stored("layers").is_empty(), "nothing is left");
    let build = fs::read_dir(factory.state().join("builds")).unwrap().next().unwrap().unwrap().file_name();
    for name in [build.to_str().unwrap(), "tiny"] {
        let logs = factory.run(&["logs", name]);
        assert!(String::from_utf8_lossy(&logs.stdout).contains("about to fail"), "{name}");
    }
    let output = factory.run(&["logs", "tinny"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn bad_input_exits_2_and_starts_nothing() {
    let factory = TestFactory::tiny(HELLO);
    factory.write("recipes/tiny.yaml", "recipe: tiny\nversoin: \"1.0\"\n");
    for verb in [&["validate"][..], &["build", "tiny"], &["plan", "tiny"]] {
        let output = factory.run(verb);
        assert_eq!(output.status.code(), Some(2), "{verb:?}");
        assert!(stderr(&output).contains("did you mean `version`?"), "{}", stderr(&output));
    }
    assert!(!factory.state().join("builds").exists());
    let factory = TestFactory::tiny(HELLO);
    let output = factory.run(&["build", "tinny"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean `tiny`?"), "{}", stderr(&output));
}

#[test]
fn an_interrupted_build_stops_within_two_seconds_and_goes_on_later() {
    if !can_build_on_host("an_interrupted_build_stops_within_two_seconds_and_goes_on_later") {
        return;
    }
    let factory = TestFactory::tiny("mkdir -p /srv\n[ -e /srv/hello ] || sleep 3\necho hello >/srv/hello");
    let child = factory.start(&["build", "tiny"]);
    std::thread::sleep(Duration::from_millis(1200));
    let began = Instant::now();
    interrupt(child.id());
    let output = child.wait_with_output().unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(output.status.code(), Some(130));
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output);
    assert!(text.contains("amifactory resume"), "{text}");
    let (code, resumed) = factory.json(&["resume"]);
    assert_eq!((code, &resumed["outcome"]), (0, &json!("built")), "{resumed:#}");
    assert!(factory.stored("builders").is_empty());
}

fn interrupt(pid: u32) {
    let pid = nix::unistd::Pid::from_raw(pid.try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
}

#[test]
fn two_builds_of_one_recipe_at_once_make_one_image() {
    if !can_build_on_host("two_builds_of_one_recipe_at_once_make_one_image") {
        return;
    }
    let factory = TestFactory::tiny("mkdir -p /srv\necho hello >/srv/hello\nsleep 1");
    let children: Vec<_> = (0..3).map(|_| factory.start(&["build", "tiny"])).collect();
    let outputs: Vec<_> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    for output in &outputs {
        assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    }
    let waited = outputs.iter().filter(|output| stderr(output).contains("process ")).count();
    assert_eq!(waited, 2, "two say who holds it");
    assert_eq!(factory.stored("images").len(), 1);
}

#[test]
fn recipes_build_on_each_other_and_failures_stop_only_what_needs_them() {
    if !can_build_on_host("recipes_build_on_each_other_and_failures_stop_only_what_needs_them") {
        return;
    }
    let factory = TestFactory::tiny(HELLO);
    let recipe = |name: &str, base: &str, test: &str| {
        let text = format!(
            "recipe: {name}\ndescription: d\nversion: \"2.0\"\nbase: {base}\n\
             tests:\n  - name: t\n    timeout: 20s\n    run: |\n      {test}\n"
        );
        factory.write(&format!("recipes/{name}.yaml"), &text);
    };
    recipe("child", "{recipe: tiny}", "grep -q hello /srv/hello");
    recipe("grandchild", "{recipe: child}", "grep -q hello /srv/hello");
    let (code, built) = factory.json(&["build", "grandchild"]);
    assert_eq!((code, &built["outcome"]), (0, &json!("built")), "{built:#}");
    assert_eq!(factory.stored("images").len(), 3, "bases are built first");

    recipe("bad", "{local: host}", "exit 9");
    recipe("on-bad", "{recipe: bad}", "true");
    let (code, all) = factory.json(&["build", "--all"]);
    assert_eq!(code, 5, "{all:#}");
    let outcomes: std::collections::BTreeMap<String, String> = all["builds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| (b["recipe"].as_str().unwrap().into(), b["outcome"].as_str().unwrap().into()))
        .collect();
    assert_eq!(outcomes["bad"], "failed");
    assert_eq!(outcomes["on-bad"], "failed");
    assert_eq!(outcomes["grandchild"], "up-to-date");
}

#[test]
fn the_order_and_health_of_groups_decide_the_digest_and_words_for_people_do_not() {
    let factory = TestFactory::tiny(HELLO);
    let group = |health: &str, words: &str| {
        let text = format!(
            "group: second\nversion: \"1.0.0\"\ndescription: {words}\n\
             packages: {{debian-12: [], ubuntu: [], amazon-linux-2023: []}}\n\
             steps:\n  - name: {words}\n    run: |\n      true\nhealth:\n  timeout: 10s\n  run: |\n      {health}\n"
        );
        factory.write("recipes/groups/second.yaml", &text);
    };
    let recipe = |groups: &str, words: &str| {
        let text = format!(
            "recipe: tiny\ndescription: {words}\nversion: \"1.0\"\nbase: {{local: {{rootfs: root}}}}\ngroups: [{groups}]\n"
        );
        factory.write("recipes/tiny.yaml", &text);
    };
    // A root filesystem that need not run: nothing is started.
    factory.write("root/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n");
    fs::create_dir_all(factory.path().join("root/bin")).unwrap();
    fs::copy("/bin/sh", factory.path().join("root/bin/sh")).unwrap();
    let digest = || {
        let (code, plan) = factory.json(&["plan", "tiny"]);
        assert_eq!(code, 0, "{plan:#}");
        plan["digest"].as_str().unwrap().to_owned()
    };
    group("true", "some words");
    recipe("hello, second", "words");
    let first = digest();
    recipe("hello, second", "other words");
    group("true", "some other words");
    assert_eq!(digest(), first, "words for people decide nothing");
    recipe("second, hello", "words");
    assert_ne!(digest(), first, "the order in which groups are installed decides the content");
    recipe("hello, second", "words");
    group("test -e /", "some words");
    assert_ne!(digest(), first, "what the image was tested with is part of what it is");
}

#[test]
fn an_exact_version_is_planned_and_built_once_and_another_is_not_silently_passed_over() {
    if !can_build_on_host("an_exact_version_is_planned_and_built_once_and_another_is_not_silently_passed_over") {
        return;
    }
    let factory = TestFactory::tiny(HELLO);
    let recipe = fs::read_to_string(factory.path().join("recipes/tiny.yaml")).unwrap();
    factory.write("recipes/tiny.yaml", &recipe.replace("\"1.0\"", "\"1.2.3\""));
    let (_, built) = factory.json(&["build", "tiny"]);
    assert_eq!(built["version"], "1.2.3");
    let (code, plan) = factory.json(&["plan", "tiny"]);
    assert_eq!((code, &plan["outcome"], &plan["version"]), (0, &json!("up-to-date"), &json!("1.2.3")), "{plan:#}");
    let (code, same) = factory.json(&["build", "tiny", "--version", "1.2.3"]);
    assert_eq!((code, &same["outcome"]), (0, &json!("up-to-date")));
    let (code, other) = factory.json(&["build", "tiny", "--version", "9.9.9"]);
    assert_eq!(code, 2, "{other:#}");
    assert!(other["failure"]["what"].as_str().unwrap().contains("--force"), "{other:#}");
    factory.group("1.1.0", HELLO);
    for verb in [&["build", "tiny"][..], &["plan", "tiny"]] {
        assert_eq!(factory.json(verb).0, 2, "a version is never given twice");
    }
}

#[test]
fn an_image_that_lost_its_layer_or_its_record_is_built_again_and_stops_nothing() {
    if !can_build_on_host("an_image_that_lost_its_layer_or_its_record_is_built_again_and_stops_nothing") {
        return;
    }
    let factory = TestFactory::tiny(HELLO);
    let local = factory.state().join("local");
    let (_, built) = factory.json(&["build", "tiny"]);
    fs::remove_dir_all(local.join("layers").join(&factory.stored("layers")[0])).unwrap();
    let (code, again) = factory.json(&["build", "tiny"]);
    assert_eq!((code, &again["outcome"], &again["version"]), (0, &json!("built"), &json!("1.0.1")), "{again:#}");
    fs::remove_file(local.join("images").join(again["image"].as_str().unwrap()).join("record.json")).unwrap();
    for verb in [&["images"][..], &["plan", "tiny"], &["sweep"]] {
        assert_eq!(factory.json(verb).0, 0, "{verb:?}");
    }
    let (code, third) = factory.json(&["build", "tiny"]);
    assert_eq!((code, &third["version"]), (0, &json!("1.0.2")), "{third:#}");
    let (_, images) = factory.json(&["images"]);
    let states: Vec<_> = images["images"].as_array().unwrap().iter().map(|image| image["state"].clone()).collect();
    assert_eq!(states, ["verified", "damaged", "damaged"], "{built:#}");
}

#[test]
fn what_was_made_before_its_document_is_removed_by_the_next_build() {
    if !can_build_on_host("what_was_made_before_its_document_is_removed_by_the_next_build") {
        return;
    }
    let factory = TestFactory::tiny(HELLO);
    let local = factory.state().join("local");
    for folder in ["builders/builder-tiny-000000000000-1/runs", "images/img-0123456789abcdef0"] {
        fs::create_dir_all(local.join(folder)).unwrap();
    }
    fs::write(local.join("builders/builder-tiny-000000000000-1/.new-builder.json"), "{").unwrap();
    assert_eq!(factory.json(&["build", "tiny"]).0, 0);
    assert!(factory.stored("builders").is_empty());
    assert_eq!(factory.stored("images").len(), 1);
}

#[test]
fn ctrl_c_is_answered_while_someone_else_holds_the_store() {
    if !can_build_on_host("ctrl_c_is_answered_while_someone_else_holds_the_store") {
        return;
    }
    let factory = TestFactory::tiny("mkdir -p /srv\necho hello >/srv/hello\nsleep 1");
    fs::create_dir_all(factory.state().join("local")).unwrap();
    let child = factory.start(&["build", "tiny"]);
    let log = factory.state().join("builds");
    let running = || walk(&log).iter().any(|path| path.ends_with("apply.log"));
    while !running() {
        std::thread::sleep(Duration::from_millis(20));
    }
    // From here on nothing can be changed: the build waits for the store where it would stop its builder.
    let lock = fs::File::options().write(true).open(factory.state().join("local/lock")).unwrap();
    lock.lock().unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    let began = Instant::now();
    interrupt(child.id());
    let output = child.wait_with_output().unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(output.status.code(), Some(130));
    drop(lock);
    assert_eq!(factory.json(&["resume"]).0, 0);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn json_output_ends_in_a_result_whatever_is_wrong() {
    let factory = TestFactory::tiny(HELLO);
    let wrong: [&[&str]; 6] = [
        &["build", "--nope"],
        &["build"],
        &["build", "tiny", "--version", "x"],
        &["resume", "tiny-000000000000-1"],
        &["nosuch"],
        &["build", "tiny", "--channel", "prod"],
    ];
    for arguments in wrong {
        let (code, result) = factory.json(arguments);
        assert_eq!((code, &result["exit"]), (2, &json!(2)), "{arguments:?}: {result:#}");
    }
}

#[test]
fn a_mistake_in_a_recipe_keeps_nobody_from_looking_or_sweeping() {
    let factory = TestFactory::tiny(HELLO);
    factory.write("recipes/broken.yaml", "recipe: broken\nversoin: 1\n");
    for verb in [&["images"][..], &["images", "tiny"], &["sweep"], &["sweep", "--yes"]] {
        assert_eq!(factory.json(verb).0, 0, "{verb:?}");
    }
    for verb in [&["plan", "tiny"][..], &["resume"]] {
        if nix::unistd::Uid::effective().is_root() {
            assert_eq!(factory.json(verb).0, 0, "{verb:?}: the mistake is in another recipe");
        }
    }
    assert_eq!(factory.json(&["build", "--all"]).0, 2);
    assert_eq!(factory.json(&["build", "broken"]).0, 2);
    assert_eq!(factory.json(&["images", "nosuch"]).0, 2);
}

#[test]
fn the_state_folder_may_not_lie_in_the_base() {
    let factory = TestFactory::tiny(HELLO);
    fs::create_dir_all(factory.path().join("root/etc")).unwrap();
    let recipe = fs::read_to_string(factory.path().join("recipes/tiny.yaml")).unwrap();
    factory.write("recipes/tiny.yaml", &recipe.replace("{local: host}", "{local: {rootfs: root}}"));
    let (code, inside) = factory.json(&["plan", "tiny", "--state", "root/state"]);
    assert_eq!(code, 2, "{inside:#}");
    assert!(inside["error"].as_str().unwrap().contains("the state folder lies inside it"), "{inside:#}");
}

#[test]
fn the_same_inputs_have_the_same_digest_wherever_and_whenever_they_are_read() {
    if !can_build_on_host("the_same_inputs_have_the_same_digest_wherever_and_whenever_they_are_read") {
        return;
    }
    let (one, two) = (TestFactory::tiny(HELLO), TestFactory::tiny(HELLO));
    // Another place, another state folder, other surroundings, newer files.
    two.group("1.0.0", HELLO);
    let digest = |factory: &TestFactory, zone: &str, locale: &str| {
        let mut command = factory.command(&["plan", "tiny", "--format", "json"]);
        let output = command.env("TZ", zone).env("LC_ALL", locale).output().unwrap();
        let last = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str::<serde_json::Value>(last.lines().last().unwrap()).unwrap()["digest"].clone()
    };
    assert!(digest(&one, "UTC", "C").is_string());
    assert_eq!(digest(&one, "UTC", "C"), digest(&two, "Pacific/Auckland", "tr_TR.UTF-8"));
    two.group("1.0.0", "mkdir -p /srv\necho hello >/srv/hello\ntrue");
    assert_ne!(digest(&one, "UTC", "C"), digest(&two, "UTC", "C"));
}

#[test]
fn a_change_that_was_taken_back_says_that_the_channel_names_another_image() {
    if !can_build_on_host("a_change_that_was_taken_back_says_that_the_channel_names_another_image") {
        return;
    }
    let factory = TestFactory::tiny(HELLO);
    factory.json(&["build", "tiny"]);
    factory.group("1.1.0", HELLO);
    factory.json(&["build", "tiny"]);
    factory.group("1.0.0", HELLO);
    let (code, again) = factory.json(&["build", "tiny"]);
    assert_eq!((code, &again["outcome"], &again["version"]), (0, &json!("up-to-date"), &json!("1.0.0")));
    let said = again["reasons"][1].as_str().unwrap();
    assert!(said.contains("dev names 1.0.1") && said.contains("amifactory build tiny --force"), "{said}");
    let (_, forced) = factory.json(&["build", "tiny", "--force"]);
    assert_eq!((&forced["version"], &forced["outcome"]), (&json!("1.0.2"), &json!("built")));
    assert!(factory.json(&["build", "tiny"]).1["reasons"][1].is_null(), "now it names this plan's image");
}

#[test]
fn a_failure_on_a_base_that_was_just_built_is_a_failure_and_a_refusal_can_be_read() {
    if !can_build_on_host("a_failure_on_a_base_that_was_just_built_is_a_failure_and_a_refusal_can_be_read") {
        return;
    }
    let factory = TestFactory::tiny(HELLO);
    factory.write(
        "recipes/child.yaml",
        "recipe: child\ndescription: d\nversion: \"1.0\"\nbase: {recipe: tiny}\n\
         tests:\n  - name: t\n    timeout: 20s\n    run: |\n      exit 9\n",
    );
    assert_eq!(factory.json(&["build", "child"]).0, 1);

    let recipe = fs::read_to_string(factory.path().join("recipes/tiny.yaml")).unwrap();
    let gated = recipe.replace("publish:", "hardening: {profile: cis-l1-server}\ngate: {minimum_score: 100}\npublish:");
    factory.write("recipes/tiny.yaml", &gated.replace("1.0", "2.0"));
    let (code, refused) = factory.json(&["build", "tiny"]);
    // A machine on which everything passes is not refused; then there is nothing to read.
    if code == 3 {
        assert!(refused["unmet"][0].as_str().unwrap().contains("score"), "{refused:#}");
        let build = refused["build"].as_str().unwrap();
        assert_eq!(factory.json(&["report", build, "--html", "refused.html"]).0, 0);
        assert!(fs::read_to_string(factory.path().join("refused.html")).unwrap().contains("tiny"));
        assert!(factory.stored("builders").is_empty());
    } else {
        assert_eq!(code, 0, "{refused:#}");
    }
}
