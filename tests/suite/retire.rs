//! Retirement on this machine: what stays, why, and what goes, through the program.

use crate::program::{TestFactory, can_build_on_host, stderr};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const CHANNELS: &str = "default_target: local\nchannels: [dev, staging, prod]\n";

/// A factory without a retention that has built five versions of `tiny`. `child` was built on the second, `prod` names the
/// first, `dev` the last.
fn five() -> TestFactory {
    let factory = TestFactory::tiny("true");
    for version in 0..5 {
        factory.group(&format!("1.0.{version}"), &format!("mkdir -p /srv\necho hello {version} >/srv/hello"));
        ok(&factory, &["build", "tiny"]);
        if version == 1 {
            let recipe = fs::read_to_string(factory.path().join("recipes/tiny.yaml")).unwrap();
            let child = recipe.replace("recipe: tiny", "recipe: child").replace("{local: host}", "{recipe: tiny}");
            factory.write("recipes/child.yaml", &child.replace("groups: [hello]\n", ""));
            ok(&factory, &["build", "child"]);
        }
    }
    ok(&factory, &["promote", "tiny@1.0.0", "--to", "staging", "--yes"]);
    ok(&factory, &["promote", "tiny@1.0.0", "--to", "prod", "--yes"]);
    factory
}

fn ok(factory: &TestFactory, arguments: &[&str]) -> Value {
    let (code, result) = factory.json(arguments);
    assert_eq!(code, 0, "{arguments:?}: {result}");
    result
}

fn retention(factory: &TestFactory, text: &str) {
    factory.write("amifactory.yaml", &format!("{CHANNELS}retention: {text}\n"));
}

/// Of each image its version, what becomes of it, and the kinds of reasons.
fn outcomes(result: &Value, recipe: &str) -> Vec<(String, String, Vec<String>)> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let of_recipe = result["images"].as_array().unwrap().iter().filter(|row| row["recipe"] == recipe);
    of_recipe
        .map(|row| {
            let reasons = row["because"].as_array().into_iter().flatten().map(|reason| word(&reason["kind"]));
            (word(&row["version"]), word(&row["outcome"]), reasons.collect())
        })
        .collect()
}

fn expected(rows: &[(&str, &str, &[&str])]) -> Vec<(String, String, Vec<String>)> {
    let owned = |(version, outcome, kinds): &(&str, &str, &[&str])| {
        ((*version).to_owned(), (*outcome).to_owned(), kinds.iter().map(|kind| (*kind).to_owned()).collect())
    };
    rows.iter().map(owned).collect()
}

/// What a folder takes on disk.
fn disk(folder: &Path) -> u64 {
    let output = Command::new("du").args(["-sk", folder.to_str().unwrap()]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().parse().unwrap()
}

const WITH_ONE_FREE: &[(&str, &str, &[&str])] = &[
    ("1.0.4", "keep", &["newest", "channel"]),
    ("1.0.3", "keep", &["rollback-target"]),
    ("1.0.2", "remove", &[]),
    ("1.0.1", "keep", &["base"]),
    ("1.0.0", "keep", &["channel", "channel"]),
];

#[test]
fn only_what_nothing_keeps_goes_and_its_disk_is_free_again() {
    if !can_build_on_host("only_what_nothing_keeps_goes_and_its_disk_is_free_again") {
        return;
    }
    let factory = five();
    // Without a retention nothing ever goes, and that is said.
    let none = ok(&factory, &["retire", "--apply"]);
    assert_eq!((&none["kept"], &none["removed"]), (&json!(6), &json!(0)));
    assert!(outcomes(&none, "tiny").iter().all(|(_, _, kinds)| kinds.contains(&"no-retention".into())), "{none}");
    let text = String::from_utf8(factory.run(&["retire"]).stdout).unwrap();
    assert!(text.contains("no retention is set, so nothing is ever retired"), "{text}");

    retention(&factory, "{keep: 1}");
    let (images, layers) = (factory.stored("images"), factory.stored("layers"));
    let planned = ok(&factory, &["retire", "tiny"]);
    assert_eq!(outcomes(&planned, "tiny"), expected(WITH_ONE_FREE), "{planned}");
    let text = String::from_utf8(factory.run(&["retire"]).stdout).unwrap();
    for part in [
        "/channels/prod: it is what the channel names",
        "rollback goes back to it",
        "(child 1.0.0): it was built on it",
        "1 image would be removed",
        "nothing was changed",
        "amifactory retire --apply",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!((factory.stored("images"), factory.stored("layers")), (images.clone(), layers.clone()), "only told");

    let before = disk(&factory.state().join("local"));
    let applied = ok(&factory, &["retire", "--apply"]);
    assert_eq!((&applied["removed"], &applied["kept"], &applied["applied"]), (&json!(1), &json!(5), &json!(true)));
    let freed = before - disk(&factory.state().join("local"));
    let said = applied["bytes"].as_u64().unwrap() / 1024;
    assert!(said > 0 && freed.abs_diff(said) <= 64, "{freed} KiB are free again, {said} were said");
    assert_eq!((factory.stored("images").len(), factory.stored("layers").len()), (5, 5));
    let again = ok(&factory, &["retire", "--apply"]);
    assert_eq!((&again["removed"], &again["removable"], &again["kept"]), (&json!(0), &json!(0), &json!(5)));

    // All that was kept is whole; the version stays taken.
    assert_eq!(ok(&factory, &["verify"])["drift"], json!([]));
    ok(&factory, &["rollback", "tiny", "--channel", "dev"]);
    let (code, result) = factory.json(&["rollback", "tiny", "--channel", "dev", "--to", "1.0.2"]);
    let error = result["error"].as_str().unwrap();
    assert!(code == 1 && error.contains("is gone") && error.contains("tiny 1.0.2 was retired by "), "{result}");
    let (code, result) = factory.json(&["show", "tiny@1.0.2"]);
    assert!(code == 2 && result["error"].as_str().unwrap().contains("tiny 1.0.2 was retired by "), "{result}");
    let output = factory.run(&["build", "tiny", "--force", "--version", "1.0.2"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert_eq!(ok(&factory, &["build", "tiny", "--force"])["version"], "1.0.5");
    ok(&factory, &["build", "child", "--force"]);
    let journal = factory.state().join("retired");
    let removed = images.iter().find(|image| !factory.stored("images").contains(image)).unwrap();
    let journal = fs::read_to_string(journal.join(removed).join("journal.jsonl")).unwrap();
    assert!(journal.contains("\"call\":\"remove\"") && journal.contains("tiny 1.0.2"), "{journal}");
}

#[test]
fn a_recipe_says_what_it_keeps_over_the_factory_and_nothing_goes_that_a_mistake_may_keep() {
    if !can_build_on_host("a_recipe_says_what_it_keeps_over_the_factory_and_nothing_goes_that_a_mistake_may_keep") {
        return;
    }
    let factory = five();
    retention(&factory, "{keep: 1}");
    let recipe = fs::read_to_string(factory.path().join("recipes/tiny.yaml")).unwrap();
    factory.write("recipes/tiny.yaml", &format!("{recipe}retention: {{maximum_age: 1h}}\n"));
    let young = outcomes(&ok(&factory, &["retire", "--apply"]), "tiny");
    assert!(young.iter().all(|(_, outcome, kinds)| outcome == "keep" && kinds.contains(&"young".into())), "{young:?}");
    factory.write("recipes/tiny.yaml", &format!("{recipe}retention: {{keep: 3}}\n"));
    assert_eq!(ok(&factory, &["retire"])["removable"], 0);
    factory.write("recipes/tiny.yaml", &format!("{recipe}retention: {{kep: 3}}\n"));
    let output = factory.run(&["retire", "--apply"]);
    assert!(output.status.code() == Some(2) && stderr(&output).contains("kep"), "{}", stderr(&output));
    // Images outlive their recipe: then the factory's word counts.
    fs::remove_file(factory.path().join("recipes/child.yaml")).unwrap();
    fs::remove_file(factory.path().join("recipes/tiny.yaml")).unwrap();
    factory.write("recipes/other.yaml", &recipe.replace("recipe: tiny", "recipe: other"));
    assert_eq!(outcomes(&ok(&factory, &["retire", "tiny"]), "tiny"), expected(WITH_ONE_FREE));

    // Someone is at work on the recipe.
    let lock = fs::File::options().write(true).open(factory.state().join("locks/tiny.lock")).unwrap();
    lock.lock().unwrap();
    let busy = ok(&factory, &["retire", "tiny", "--apply"]);
    assert_eq!(busy["removed"], 0);
    assert_eq!(outcomes(&busy, "tiny")[2], ("1.0.2".into(), "keep".into(), vec!["busy".into()]));
    drop(lock);

    // A pointer that can't be read keeps its recipe's images.
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let prod = factory.state().join("local/pointers/tiny").join(arch).join("channels/prod.json");
    let whole = fs::read_to_string(&prod).unwrap();
    fs::write(&prod, "{").unwrap();
    let (code, unread) = factory.json(&["retire", "tiny", "--apply"]);
    assert_eq!((code, &unread["removed"]), (5, &json!(0)));
    assert_eq!(outcomes(&unread, "tiny")[2].2, ["unknown"]);
    assert!(unread["damaged"][0].as_str().unwrap().contains("prod.json"), "{unread}");
    fs::write(&prod, whole).unwrap();
    // So does a history that was edited, until someone accepts that; and what was made before that goes on staying.
    let history = prod.with_extension("history");
    let whole = fs::read_to_string(&history).unwrap();
    fs::write(&history, whole.replacen("promote", "publish", 1)).unwrap();
    let (code, edited) = factory.json(&["retire", "tiny"]);
    assert_eq!((code, edited["damaged"].as_array().unwrap().len()), (5, 1), "{edited}");
    assert_eq!(outcomes(&edited, "tiny")[2].2, ["unknown"]);
    ok(&factory, &["rollback", "tiny", "--channel", "prod", "--accept-break", "--why", "I did"]);
    let accepted = ok(&factory, &["retire", "tiny"]);
    assert_eq!(outcomes(&accepted, "tiny")[2].2, ["unknown"]);
    assert!(accepted["images"][2]["because"][0]["why"].as_str().unwrap().contains("was accepted there"), "{accepted}");

    let (code, result) = factory.json(&["retire", "tinny"]);
    assert!(code == 2 && result["error"].as_str().unwrap().contains("there is no recipe `tinny`"), "{result}");
}

/// What must hold after each death: everything that is kept is whole, and the same command again finishes.
fn finished(factory: &TestFactory, place: &str) {
    ok(factory, &["retire", "--apply"]);
    assert_eq!((factory.stored("images").len(), factory.stored("layers").len()), (5, 5), "{place}");
    let verified = ok(factory, &["verify"]);
    assert_eq!(verified["drift"], json!([]), "{place}");
    assert_eq!(ok(factory, &["retire", "--apply"])["removed"], 0, "{place}");
}

#[test]
fn crash_contract_a_retire_that_was_killed_is_finished_by_the_same_command() {
    if !can_build_on_host("crash_contract_a_retire_that_was_killed_is_finished_by_the_same_command") {
        return;
    }
    let factory = five();
    retention(&factory, "{keep: 1}");
    let copy = tempfile::tempdir().unwrap();
    let (state, saved) = (factory.state(), copy.path().join("state"));
    let copied = |from: &Path, to: &Path| {
        let _ = fs::remove_dir_all(to);
        assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    copied(&state, &saved);
    let planned = ok(&factory, &["retire"]);
    let free = planned["images"].as_array().unwrap().iter().find(|row| row["outcome"] == "remove").unwrap();
    let image = free["image"].as_str().unwrap().to_owned();
    let began = std::time::Instant::now();
    ok(&factory, &["retire", "--apply"]);
    let usual = began.elapsed();

    let (mut begun, mut half) = (0, 0);
    for moment in 0..40 {
        copied(&saved, &state);
        let mut child = factory.start(&["retire", "--apply"]);
        std::thread::sleep(usual * moment / 40);
        child.kill().unwrap();
        child.wait().unwrap();
        begun += u32::from(state.join("retired").join(&image).is_dir());
        half += u32::from(factory.stored("images").contains(&image) && state.join("retired").join(&image).is_dir());
        finished(&factory, &format!("killed at moment {moment}"));
    }
    crate::skip::say(&format!("killed 40 times: {begun} had begun, {half} of these had not removed it"));

    // Half-way: it was begun, it can't be used any more, and parts of it are gone.
    copied(&saved, &state);
    let folder = state.join("local/images").join(&image);
    let mut document: Value = serde_json::from_slice(&fs::read(folder.join("image.json")).unwrap()).unwrap();
    document["image"]["available"] = json!(false);
    fs::write(folder.join("image.json"), document.to_string()).unwrap();
    fs::remove_dir_all(folder.join("oci")).unwrap();
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let retired = state.join("local/pointers/tiny").join(arch).join("retired");
    fs::create_dir_all(&retired).unwrap();
    let begun = json!({
        "name": {"recipe": "tiny", "arch": arch, "slot": {"version": "1.0.2"}},
        "image": image, "by": "root", "at": "2026-11-21T00:00:00Z",
    });
    fs::write(retired.join("1.0.2.json"), begun.to_string()).unwrap();
    let (code, verified) = factory.json(&["verify"]);
    assert_eq!((code, verified["drift"].as_array().unwrap().len()), (4, 1), "{verified}");
    assert!(verified["drift"][0]["mend"].as_str().unwrap().contains("amifactory retire tiny --apply"), "{verified}");
    finished(&factory, "half-way");
}

#[test]
fn two_that_retire_at_once_do_no_harm_and_a_promotion_meanwhile_keeps_the_image() {
    if !can_build_on_host("two_that_retire_at_once_do_no_harm_and_a_promotion_meanwhile_keeps_the_image") {
        return;
    }
    let factory = five();
    retention(&factory, "{keep: 1}");
    let mut all: Vec<_> = (0..3).map(|_| factory.start(&["retire", "--apply"])).collect();
    all.push(factory.start(&["promote", "tiny@1.0.2", "--to", "staging", "--yes"]));
    let codes: Vec<_> = all.into_iter().map(|mut child| child.wait().unwrap().code().unwrap()).collect();
    assert_eq!(codes[..3], [0, 0, 0]);
    let staging = ok(&factory, &["history", "tiny", "--channel", "staging"]);
    let promoted = staging["channels"][0]["moves"][0]["version"] == "1.0.2";
    assert_eq!(promoted, codes[3] == 0, "{staging}");
    // Whoever was first: no pointer names what is gone.
    std::thread::sleep(Duration::from_millis(10));
    assert_eq!(ok(&factory, &["verify"])["drift"], json!([]));
    let left = ok(&factory, &["images"]);
    assert_eq!(factory.stored("images").len(), if promoted { 6 } else { 5 }, "{codes:?} {staging} {left}");
}
