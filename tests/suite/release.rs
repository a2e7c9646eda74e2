//! Release on this machine: channels, gates, history, pins and revocation, through the program.

use crate::program::{TestFactory, can_build_on_host, stderr};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A factory that has built two versions of `tiny`; `dev` names the second.
fn built(channels: &str) -> TestFactory {
    let factory = TestFactory::tiny("mkdir -p /srv\necho hello one >/srv/hello");
    factory.write("amifactory.yaml", &format!("default_target: local\nchannels: {channels}\n"));
    build(&factory);
    factory.group("1.0.1", "mkdir -p /srv\necho hello two >/srv/hello");
    build(&factory);
    factory
}

fn build(factory: &TestFactory) -> Value {
    let (code, result) = factory.json(&["build", "tiny"]);
    assert_eq!(code, 0, "{result}");
    result
}

fn ok(factory: &TestFactory, arguments: &[&str]) -> Value {
    let (code, result) = factory.json(arguments);
    assert_eq!(code, 0, "{arguments:?}: {result}");
    result
}

/// The exit code, and what was said on standard error.
fn refused(factory: &TestFactory, arguments: &[&str]) -> (i32, String) {
    let output = factory.run(arguments);
    (output.status.code().unwrap(), stderr(&output))
}

fn version_in(factory: &TestFactory, channel: &str) -> Option<String> {
    let images = ok(factory, &["images"]);
    let named = images["images"]
        .as_array()
        .unwrap()
        .iter()
        .find(|i| i["channels"].as_array().unwrap().contains(&json!(channel)));
    named.map(|image| image["version"].as_str().unwrap().to_owned())
}

fn pointers(factory: &TestFactory, kind: &str) -> PathBuf {
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    factory.state().join("local/pointers/tiny").join(arch).join(kind)
}

const THREE: &str = "[dev, staging, prod]";

#[test]
fn an_image_goes_through_the_channels_and_back() {
    if !can_build_on_host("an_image_goes_through_the_channels_and_back") {
        return;
    }
    let factory = built(THREE);
    // Nobody can be asked here.
    let (code, text) = refused(&factory, &["promote", "tiny", "--to", "staging"]);
    assert_eq!(code, 2);
    assert!(text.contains("--yes") && version_in(&factory, "staging").is_none(), "{text}");
    let plan = ok(&factory, &["promote", "tiny", "--to", "staging", "--plan"]);
    assert_eq!((&plan["outcome"], &plan["version"]), (&json!("planned"), &json!("1.0.1")));
    assert!(version_in(&factory, "staging").is_none());

    let first = ok(&factory, &["promote", "tiny@1.0.0", "--to", "staging", "--yes", "--why", "the first one"]);
    assert_eq!((&first["outcome"], &first["from_image"]), (&json!("promoted"), &Value::Null));
    let output = factory.run(&["promote", "tiny", "--to", "staging", "--yes"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("tiny staging: 1.0.0 → 1.0.1") && text.contains("package groups"), "{text}");
    assert!(text.contains("amifactory rollback tiny --channel staging"), "{text}");
    assert_eq!(version_in(&factory, "staging").as_deref(), Some("1.0.1"));
    let again = ok(&factory, &["promote", "tiny", "--to", "staging", "--yes"]);
    assert_eq!(again["outcome"], "up-to-date");

    ok(&factory, &["promote", "tiny", "--to", "prod", "--yes"]);
    let back = ok(&factory, &["rollback", "tiny", "--channel", "staging", "--why", "it smells"]);
    assert_eq!((&back["version"], &back["from_version"]), (&json!("1.0.0"), &json!("1.0.1")));
    assert_eq!(version_in(&factory, "prod").as_deref(), Some("1.0.1"));
    let (code, text) = refused(&factory, &["rollback", "tiny", "--channel", "prod"]);
    assert_eq!(code, 3);
    assert!(text.contains("--to VERSION"), "{text}");
    // It was never there: that is no way back, and needs a reason.
    let (code, text) = refused(&factory, &["rollback", "tiny", "--channel", "prod", "--to", "1.0.0"]);
    assert_eq!(code, 3);
    assert!(text.contains("promote tiny@1.0.0 --to prod asks them"), "{text}");
    ok(&factory, &["rollback", "tiny", "--channel", "prod", "--to", "1.0.0", "--why", "1.0.1 smells"]);
    let text = String::from_utf8(factory.run(&["history", "tiny", "--channel", "prod"]).stdout).unwrap();
    assert!(text.contains("└ overridden: all: 1.0.1 smells"), "{text}");

    let history = ok(&factory, &["history", "tiny"]);
    let channels: Vec<&str> =
        history["channels"].as_array().unwrap().iter().map(|c| c["channel"].as_str().unwrap()).collect();
    assert_eq!(channels, ["dev", "staging", "prod"]);
    let moves = |channel: usize| -> Vec<Value> {
        let rows = history["channels"][channel]["moves"].as_array().unwrap().iter();
        rows.map(|row| json!([row["kind"], row["version"], row["note"]["why"]])).collect()
    };
    assert_eq!(
        moves(1),
        [
            json!(["rollback", "1.0.0", "it smells"]),
            json!(["promote", "1.0.1", null]),
            json!(["promote", "1.0.0", "the first one"])
        ]
    );
    assert_eq!(moves(0).len(), 2);
    assert!(history["channels"].as_array().unwrap().iter().all(|channel| channel["whole"] == true), "{history}");
    assert_eq!(history["channels"][1]["moves"][0]["by"], "root");
    let text = String::from_utf8(factory.run(&["history", "tiny", "--channel", "staging"]).stdout).unwrap();
    assert!(
        text.contains("it smells") && text.contains("the record is whole") && !text.contains("tiny prod"),
        "{text}"
    );
    let verified = ok(&factory, &["verify"]);
    assert_eq!(verified["drift"], json!([]));
    assert_eq!(verified["pointers"], 5);
}

#[test]
fn gates_refuse_with_all_that_is_not_met_and_an_override_is_recorded() {
    if !can_build_on_host("gates_refuse_with_all_that_is_not_met_and_an_override_is_recorded") {
        return;
    }
    let factory =
        built("[dev, {name: staging, soak: 24h}, {name: prod, from: staging, minimum_score: 90, approval: true}]");
    let promote = ["promote", "tiny", "--to", "staging", "--yes"];
    let (code, result) = factory.json(&promote);
    assert_eq!((code, &result["outcome"]), (3, &json!("refused")), "{result}");
    assert_eq!(result["unmet"][0]["gate"], "soak");
    let (code, result) = factory.json(&["promote", "tiny@1.0.0", "--to", "prod", "--yes"]);
    let gates: Vec<&str> = result["unmet"].as_array().unwrap().iter().map(|u| u["gate"].as_str().unwrap()).collect();
    assert_eq!((code, gates), (3, vec!["from", "minimum_score", "approval"]));
    let output = factory.run(&["promote", "tiny@1.0.0", "--to", "prod", "--yes"]);
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in
        ["gates that are not met", "tiny 1.0.0 was never in staging", "promote it to staging first", "--override"]
    {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!((version_in(&factory, "staging"), version_in(&factory, "prod")), (None, None));

    let mut overriding = promote.to_vec();
    overriding.extend(["--override", "the old one is on fire"]);
    assert_eq!(ok(&factory, &overriding)["outcome"], "promoted");
    let history = ok(&factory, &["history", "tiny", "--channel", "staging"]);
    assert_eq!(history["channels"][0]["moves"][0]["note"]["override"], "the old one is on fire");

    // Nobody says yes to themselves; a reason goes with every yes.
    let approving = |by: &str| {
        factory.json(&["promote", "tiny", "--to", "prod", "--yes", "--approved-by", by, "--approval-reason", "looked"])
    };
    let gates = |result: &Value| -> Vec<String> {
        result["unmet"].as_array().unwrap().iter().map(|u| u["gate"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(gates(&approving("root").1), ["minimum_score", "approval"]);
    assert_eq!(gates(&approving("lead").1), ["minimum_score"]);
    assert_eq!(refused(&factory, &["promote", "tiny", "--to", "prod", "--approved-by", "lead"]).0, 2);
    for (by, reason, expected) in [
        ("", "ok", "--approved-by: expected the name of who said yes, found nothing"),
        ("lead", " ", "--approval-reason: expected a reason, found nothing"),
    ] {
        let said = ["promote", "tiny", "--to", "prod", "--yes", "--approved-by", by, "--approval-reason", reason];
        let (code, text) = refused(&factory, &said);
        assert!(code == 2 && text.contains(expected), "{code}: {text}");
    }
    // What was said is said again by the command that is shown.
    let said = ["promote", "tiny", "--to", "prod", "--yes", "--approved-by", "the lead", "--approval-reason", "looked"];
    let text = String::from_utf8(factory.run(&said).stdout).unwrap();
    let again =
        "promote tiny@1.0.1 --to prod --approved-by 'the lead' --approval-reason 'looked' --override REASON --yes";
    assert!(text.contains(again), "{text}");
    for by in ["root ", " root", "root/", "1:root"] {
        let said = ["promote", "tiny", "--to", "prod", "--yes", "--approved-by", by, "--approval-reason", "ok"];
        let (code, result) = factory.json(&said);
        let gates: Vec<&str> =
            result["unmet"].as_array().unwrap().iter().map(|u| u["gate"].as_str().unwrap()).collect();
        assert!(code == 3 && gates.contains(&"approval"), "{by:?}: {result}");
    }
    let (code, text) =
        refused(&factory, &["promote", "tiny", "--to", "prod", "--yes", "--override", &"x".repeat(1000)]);
    assert!(code == 2 && text.contains("characters less"), "{text}");
    assert_eq!(refused(&factory, &["promote", "tiny", "--to", "prod", "--yes", "--override", " "]).0, 2);
}

#[test]
fn what_is_not_there_is_named_with_a_way_out() {
    if !can_build_on_host("what_is_not_there_is_named_with_a_way_out") {
        return;
    }
    let factory = TestFactory::tiny("mkdir -p /srv\necho hello one >/srv/hello");
    let (code, text) = refused(&factory, &["promote", "tiny", "--to", "staging", "--yes"]);
    assert!(code == 2 && text.contains("amifactory build tiny"), "{text}");
    build(&factory);
    let cases: [(&[&str], &str); 10] = [
        (&["promote", "tiny", "--to", "stagin", "--yes"], "did you mean `staging`"),
        (&["promote", "tinny", "--to", "staging", "--yes"], "did you mean `tiny`"),
        (&["promote", "tiny@1.0.1", "--to", "staging", "--yes"], "did you mean 1.0.0"),
        (&["promote", "tiny@one", "--to", "staging", "--yes"], "one"),
        (&["promote", "tiny", "--to", "prod", "--yes"], "promote an image to staging first"),
        (&["promote", "tiny", "--to", "dev", "--yes"], "amifactory promote tiny@VERSION --to dev"),
        (&["rollback", "tiny", "--channel", "staging"], "amifactory promote tiny --to staging"),
        (&["rollback", "tiny", "--channel", "dev", "--to", "9.9.9"], "the newest are: 1.0.0"),
        (&["history", "tiny", "--channel", "Dev"], "did you mean `dev`"),
        (&["revoke", "tiny", "--reason", "x"], "amifactory revoke tiny@VERSION"),
    ];
    for (arguments, expected) in cases {
        let (code, text) = refused(&factory, arguments);
        assert!(code == 2 && text.contains(expected), "{arguments:?}: {code}: {text}");
        let (code, result) = factory.json(arguments);
        assert!(code == 2 && result["error"].as_str().is_some_and(|error| !error.is_empty()), "{result}");
    }
    // Mistakes in another recipe keep nobody from releasing; one in the factory file does.
    factory.write("recipes/broken.yaml", "recipe: [");
    ok(&factory, &["promote", "tiny", "--to", "staging", "--yes"]);
    factory.write("amifactory.yaml", "default_target: local\nchannels: [dev, {name: prod, soak: soon}]\n");
    let (code, text) = refused(&factory, &["promote", "tiny", "--to", "prod", "--yes"]);
    assert!(code == 2 && text.contains("is not a duration"), "{text}");
}

#[test]
fn what_a_channel_went_back_from_comes_again_only_with_a_reason_and_the_way_that_is_told_works() {
    if !can_build_on_host("what_a_channel_went_back_from_comes_again_only_with_a_reason_and_the_way_that_is_told_works")
    {
        return;
    }
    let factory = built(THREE);
    for version in ["tiny@1.0.0", "tiny@1.0.1"] {
        ok(&factory, &["promote", version, "--to", "staging", "--yes"]);
    }
    let output = factory.run(&["rollback", "tiny", "--channel", "staging", "--why", "it loses sessions"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["amifactory pin tiny --channel staging --why TEXT", "amifactory revoke tiny@1.0.1 --reason TEXT"] {
        assert!(text.contains(part), "{text}");
    }
    // What runs every night does not bring it back.
    let promote = ["promote", "tiny", "--to", "staging", "--yes"];
    let (code, result) = factory.json(&promote);
    assert_eq!((code, &result["unmet"][0]["gate"]), (3, &json!("rolled-back")), "{result}");
    let is = result["unmet"][0]["is"].as_str().unwrap();
    assert!(
        is.starts_with("staging went back from tiny 1.0.1 at 20") && is.ends_with("by root: it loses sessions"),
        "{is}"
    );
    let overriding = |reason: &str| refused(&factory, &[&promote[..], &["--override", reason]].concat());
    let (code, text) = overriding("REASON");
    assert!(code == 2 && text.contains("`REASON` stands for the text itself"), "{text}");
    assert_eq!(overriding("the proxy lost them").0, 0);
    assert_eq!(version_in(&factory, "staging").as_deref(), Some("1.0.1"));
    // It was brought there again, with a reason: that is told, and the gate is met.
    let history = ok(&factory, &["history", "tiny", "--channel", "staging"]);
    assert_eq!(history["channels"][0]["moves"][0]["note"]["gates"], json!(["rolled-back"]));

    ok(&factory, &["rollback", "tiny", "--channel", "staging"]);
    let (code, text) = refused(&factory, &["rollback", "tiny", "--channel", "staging"]);
    assert!(code == 3 && text.contains("(--to 1.0.1)") && text.contains("needs --why"), "{code}: {text}");
    ok(&factory, &["pin", "tiny", "--channel", "staging", "--why", "audit week"]);
    let revoked = ok(&factory, &["revoke", "tiny@1.0.0", "--reason", "a key was left in it"]);
    let ways = ["amifactory unpin tiny --channel staging", "amifactory rollback tiny --channel staging --to 1.0.1"];
    assert_eq!(revoked["next"], json!(ways));
    let (_, verified) = factory.json(&["verify", "tiny"]);
    let of_staging = verified["drift"].as_array().unwrap().iter();
    let mends: Vec<&str> = of_staging.map(|drift| drift["mend"].as_str().unwrap()).collect();
    assert_eq!(mends, [ways.join(", then ")], "{verified}");
    for way in ways {
        ok(&factory, &way.split(' ').skip(1).collect::<Vec<_>>());
    }
    assert_eq!(version_in(&factory, "staging").as_deref(), Some("1.0.1"));
    // Nothing is left that it could go back to.
    let revoked = ok(&factory, &["revoke", "tiny@1.0.1", "--reason", "the same key"]);
    let next: Vec<&str> = revoked["next"].as_array().unwrap().iter().map(|way| way.as_str().unwrap()).collect();
    assert!(next[0].starts_with("amifactory build tiny --force"), "{next:?}");
    assert!(next.contains(&"amifactory promote tiny@VERSION --to staging"), "{next:?}");
}

#[test]
fn a_refusal_tells_first_what_meets_the_gates() {
    if !can_build_on_host("a_refusal_tells_first_what_meets_the_gates") {
        return;
    }
    let factory = built("[dev, {name: staging, soak: 24h, approval: true}, {name: prod, minimum_score: 90}]");
    let next = |arguments: &[&str]| {
        let text = String::from_utf8(factory.run(arguments).stdout).unwrap();
        let (_, next) = text.rsplit_once("nothing was moved").unwrap_or_else(|| panic!("{text}"));
        next.lines().map(str::trim).filter(|line| line.starts_with("amifactory")).map(str::to_owned).collect::<Vec<_>>()
    };
    let promote = ["promote", "tiny", "--to", "staging", "--yes"];
    let command = "amifactory promote tiny@1.0.1 --to staging";
    let past = format!("{command} --override REASON --yes   # past the gates; the reason is kept");
    let wait = "--yes   # once its time there is over";
    let asked = format!("{command} --approved-by NAME --approval-reason TEXT {wait}");
    assert_eq!(next(&promote), [asked.clone(), past.clone()]);
    // A yes to oneself did not count, and is not said again.
    let by_root = [&promote[..], &["--approved-by", "root", "--approval-reason", "looked"]].concat();
    assert_eq!(next(&by_root), [asked, past]);
    let by_lead = [&promote[..], &["--approved-by", "lead", "--approval-reason", "looked"]].concat();
    let said = format!("{command} --approved-by 'lead' --approval-reason 'looked'");
    assert_eq!(next(&by_lead)[0], format!("{said} {wait}"));
    // What was never in the channel before has to go there.
    let ways = next(&["promote", "tiny@1.0.1", "--to", "prod", "--yes"]);
    assert_eq!(ways[0], "amifactory promote tiny@1.0.1 --to staging");
    assert_eq!(ways.len(), 2, "{ways:?}");
}

#[test]
fn a_pinned_channel_is_moved_by_nobody() {
    if !can_build_on_host("a_pinned_channel_is_moved_by_nobody") {
        return;
    }
    let factory = built(THREE);
    ok(&factory, &["promote", "tiny@1.0.0", "--to", "staging", "--yes"]);
    ok(&factory, &["pin", "tiny", "--channel", "staging", "--why", "audit week", "--until", "2999-01-01"]);
    ok(&factory, &["pin", "tiny", "--channel", "dev", "--why", "a demo"]);
    for arguments in [
        &["promote", "tiny", "--to", "staging", "--yes", "--override", "please"][..],
        &["rollback", "tiny", "--channel", "dev"],
        &["pin", "tiny", "--channel", "dev", "--why", "me too"],
    ] {
        let (code, text) = refused(&factory, arguments);
        assert!(code == 3 && text.contains("pinned by root") && text.contains("unpin"), "{arguments:?}: {text}");
    }
    // What it names already needs no move.
    let there = ok(&factory, &["promote", "tiny@1.0.0", "--to", "staging", "--yes", "--override", "please"]);
    assert_eq!((&there["outcome"], &there["pin"]["why"]), (&json!("up-to-date"), &json!("audit week")));
    assert_eq!((&there["override_unused"], &there["unmet"]), (&json!(true), &json!([])));
    assert_eq!(ok(&factory, &["promote", "tiny@1.0.0", "--to", "staging", "--plan"])["outcome"], "up-to-date");
    // A build publishes its version all the same.
    factory.group("1.0.2", "mkdir -p /srv\necho hello three >/srv/hello");
    let output = factory.run(&["build", "tiny"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    assert!(told.contains("channel dev is pinned by root") && told.contains("a demo"), "{told}");
    assert_eq!(version_in(&factory, "dev").as_deref(), Some("1.0.1"));
    assert_eq!(build(&factory)["outcome"], "up-to-date");
    let history = ok(&factory, &["history", "tiny", "--channel", "dev"]);
    assert_eq!(history["channels"][0]["pin"]["why"], "a demo");

    ok(&factory, &["unpin", "tiny", "--channel", "dev"]);
    assert_eq!(refused(&factory, &["unpin", "tiny", "--channel", "dev"]).0, 2);
    ok(&factory, &["promote", "tiny@1.0.2", "--to", "dev", "--yes"]);
    assert_eq!(version_in(&factory, "dev").as_deref(), Some("1.0.2"));
    let (code, text) = refused(&factory, &["pin", "tiny", "--channel", "dev", "--why", "x", "--until", "2020-01-01"]);
    assert!(code == 2 && text.contains("is over"), "{text}");
    assert_eq!(ok(&factory, &["verify"])["drift"], json!([]));
}

#[test]
fn a_revoked_image_goes_nowhere_and_takes_those_built_on_it_along() {
    if !can_build_on_host("a_revoked_image_goes_nowhere_and_takes_those_built_on_it_along") {
        return;
    }
    let factory = built(THREE);
    let recipe = fs::read_to_string(factory.path().join("recipes/tiny.yaml")).unwrap();
    let child = recipe.replace("recipe: tiny", "recipe: child").replace("{local: host}", "{recipe: tiny}");
    factory.write("recipes/child.yaml", &child.replace("groups: [hello]\n", ""));
    let (code, result) = factory.json(&["build", "child"]);
    assert_eq!(code, 0, "{result}");
    ok(&factory, &["promote", "child", "--to", "staging", "--yes"]);
    ok(&factory, &["promote", "tiny@1.0.0", "--to", "staging", "--yes"]);

    // Another image is being built on it: there is nothing of that yet to be taken along.
    factory.write(
        "recipes/groups/slow.yaml",
        "group: slow\nversion: \"1.0.0\"\ndescription: takes its time\npackages: {debian-12: [], ubuntu: [], \
         amazon-linux-2023: []}\nsteps:\n  - name: slow\n    run: |\n      sleep 20\n",
    );
    factory.write(
        "recipes/late.yaml",
        &child.replace("recipe: child", "recipe: late").replace("groups: [hello]", "groups: [slow]"),
    );
    let late = factory.command(&["build", "late"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while factory.stored("builders").is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "no builder came");
        std::thread::sleep(Duration::from_millis(50));
    }
    let revoked = ok(&factory, &["revoke", "tiny@1.0.1", "--reason", "a key was left in it"]);
    let late = late.wait_with_output().unwrap();
    assert_eq!(late.status.code(), Some(1));
    let text = String::from_utf8(late.stderr).unwrap();
    assert!(text.contains("which was revoked meanwhile: a key was left in it"), "{text}");
    assert!(factory.stored("builders").is_empty() && !pointers(&factory, "").join("../../late").exists());
    let of_late = ok(&factory, &["images", "late"]);
    assert!(of_late["images"].as_array().unwrap().iter().all(|image| image["state"] == "revoked"), "{of_late}");
    fs::remove_file(factory.path().join("recipes/late.yaml")).unwrap();
    // It is known when the image is gone; one that was never tested has no version that could not be another's.
    let arch = pointers(&factory, "").file_name().unwrap().to_owned();
    let marks = |recipe: &str| pointers(&factory, "").join("../..").join(recipe).join(&arch).join("revoked");
    let mark: Value = serde_json::from_slice(&fs::read(marks("tiny").join("1.0.1.json")).unwrap()).unwrap();
    assert_eq!((&mark["reason"], &mark["image"]), (&json!("a key was left in it"), &revoked["revoked"][0]["image"]));
    assert!(marks("child").join("1.0.0.json").exists() && !marks("late").exists());
    fs::write(marks("child").join("1.0.0.json"), "junk").unwrap();
    let (code, drift) = factory.json(&["verify", "child"]);
    assert!(code == 4 && drift.to_string().contains("revoked/1.0.0.json"), "{drift}");
    fs::remove_file(marks("child").join("1.0.0.json")).unwrap();
    let images: Vec<Value> = revoked["revoked"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| json!([r["recipe"], r["version"], r["channels"]]))
        .collect();
    assert_eq!(images, [json!(["tiny", "1.0.1", ["dev"]]), json!(["child", "1.0.0", ["dev", "staging"]])]);
    assert_eq!(revoked["next"][0], "amifactory rollback tiny --channel dev");
    let listed = ok(&factory, &["images", "child"]);
    assert_eq!(listed["images"][0]["state"], "revoked");
    let text = String::from_utf8(factory.run(&["show", "tiny@1.0.1"]).stdout).unwrap();
    assert!(text.contains("a key was left in it"), "{text}");

    for arguments in [
        &["promote", "tiny", "--to", "staging", "--yes", "--override", "please"][..],
        &["promote", "child", "--to", "prod", "--yes"],
        &["rollback", "tiny", "--channel", "staging", "--to", "1.0.1"],
    ] {
        let (code, text) = refused(&factory, arguments);
        assert!(code == 3 && text.contains("is revoked") && text.contains("a key was left in it"), "{text}");
    }
    let output = factory.run(&["build", "child"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("of tiny, which is revoked: a key was left in it"), "{}", stderr(&output));
    let text = String::from_utf8(factory.run(&["plan", "tiny"]).stdout).unwrap();
    assert!(
        text.contains("is revoked: a key was left in it; so a build is refused")
            && text.contains("amifactory build tiny --force"),
        "{text}"
    );
    // A nightly run hears of it: nothing was built, and what there is must not be used.
    let (code, result) = factory.json(&["build", "tiny"]);
    assert_eq!((code, &result["outcome"], &result["version"]), (3, &json!("refused"), &json!("1.0.1")), "{result}");
    assert_eq!(result["revoked"], "a key was left in it");
    let output = factory.run(&["build", "tiny"]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(text.contains("its image is revoked") && text.contains("build tiny --force"), "{text}");
    let (at, who) = result["revoked_by"].as_str().unwrap().split_once(' ').unwrap();
    let by = format!("{who} at {at}");
    let said = stderr(&output);
    assert!(said.contains(&format!("revoked by {by}: a key was left in it: nothing was started")), "{said}");
    assert!(text.contains(&format!("revoked by {by}")), "{text}");
    assert!(!said.contains("up to date") && !said.contains("by its gate"), "{said}");
    let (code, verified) = factory.json(&["verify"]);
    assert_eq!((code, verified["drift"].as_array().unwrap().len()), (4, 3), "{verified}");
    ok(&factory, &["rollback", "tiny", "--channel", "dev"]);
    assert_eq!(version_in(&factory, "dev").as_deref(), Some("1.0.0"));
    // Again is no mistake, and changes nothing.
    let again = ok(&factory, &["revoke", "tiny@1.0.1", "--reason", "another word for it"]);
    assert_eq!(again["revoked"][0]["reason"], "a key was left in it");
    // Another one, made by force, is what counts from then on.
    assert_eq!(ok(&factory, &["build", "tiny", "--force"])["version"], "1.0.2");
    assert_eq!(ok(&factory, &["build", "tiny"])["outcome"], "up-to-date");
    let (code, text) = refused(&factory, &["revoke", "tiny@1.0.0", "--reason", &"x".repeat(181)]);
    assert!(code == 2 && text.contains("180"), "{text}");
    // Where the image itself is gone, what was built on it is revoked all the same.
    let (of_tiny, of_child) = (&revoked["revoked"][0]["image"], &revoked["revoked"][1]["image"]);
    let stored = factory.state().join("local/images");
    fs::remove_dir_all(stored.join(of_tiny.as_str().unwrap())).unwrap();
    let document = stored.join(of_child.as_str().unwrap()).join("image.json");
    let mut unmarked: Value = serde_json::from_slice(&fs::read(&document).unwrap()).unwrap();
    unmarked["image"]["tags"].as_object_mut().unwrap().remove("amifactory:revoked").unwrap();
    fs::write(&document, unmarked.to_string()).unwrap();
    let gone = ok(&factory, &["revoke", "tiny@1.0.1", "--reason", "a key was left in it"]);
    let rows = gone["revoked"].as_array().unwrap();
    let mut marked: Vec<_> = rows.iter().map(|row| (row["recipe"].as_str().unwrap(), &row["image"])).collect();
    marked.sort_by_key(|(recipe, _)| *recipe);
    assert_eq!(marked, [("child", of_child), ("late", &of_late["images"][0]["image"]), ("tiny", of_tiny)]);
    assert_eq!((&rows[0]["gone"], &rows[1]["gone"]), (&json!(true), &Value::Null), "{gone}");
    assert_eq!(ok(&factory, &["images", "child"])["images"][0]["state"], "revoked");
}

/// One image that nobody can read is no reason to know nothing of the others.
#[test]
fn an_image_whose_document_is_damaged_stops_only_what_needs_it() {
    if !can_build_on_host("an_image_whose_document_is_damaged_stops_only_what_needs_it") {
        return;
    }
    let factory = built(THREE);
    let images = ok(&factory, &["images"]);
    let of = |version: &str| {
        let mut rows = images["images"].as_array().unwrap().iter();
        rows.find(|row| row["version"] == version).unwrap()["image"].as_str().unwrap().to_owned()
    };
    let (older, newer) = (of("1.0.0"), of("1.0.1"));
    fs::write(factory.state().join("local/images").join(&newer).join("image.json"), "{\"image\":").unwrap();
    // Its channel names what can't be used: told, with a way out that works.
    let (code, verified) = factory.json(&["verify"]);
    let drift = verified["drift"].to_string();
    assert!(code == 4 && drift.contains(&format!("it names {newer}, which is damaged (")), "{drift}");
    let (code, text) = refused(&factory, &["promote", "tiny@1.0.1", "--to", "staging", "--yes"]);
    assert!(code != 0 && text.contains("1.0.1"), "{text}");
    assert_eq!(ok(&factory, &["images"])["images"][0]["image"], *older);
    ok(&factory, &["promote", "tiny@1.0.0", "--to", "staging", "--yes"]);
    ok(&factory, &["rollback", "tiny", "--channel", "dev", "--to", "1.0.0"]);
    ok(&factory, &["retire"]);
    ok(&factory, &["sweep"]);
    // The version was given away: the next build takes another.
    assert_eq!(build(&factory)["version"], "1.0.2");
    // What was kept for it goes with it.
    let layers = || fs::read_dir(factory.state().join("local/layers")).unwrap().count();
    let kept = layers();
    let (folder, away) = (factory.state().join("local/images").join(&newer), factory.path().join("away"));
    fs::rename(&folder, &away).unwrap();
    assert_eq!(build(&factory)["outcome"], "up-to-date");
    assert_eq!((kept, layers()), (4, 4), "of three images and a sandbox: one image may come back");
    let (_, verified) = factory.json(&["verify"]);
    assert!(verified.to_string().contains("1.0.1.json and 1.0.1.history in local/pointers/tiny/"), "{verified}");
    for file in ["1.0.1.json", "1.0.1.history"] {
        fs::remove_file(pointers(&factory, "versions").join(file)).unwrap();
    }
    assert_eq!(build(&factory)["outcome"], "up-to-date");
    assert_eq!(layers(), 2, "of two images");
}

/// A gate whose name is misspelt is none.
#[test]
fn a_mistake_in_the_factory_file_stops_what_moves_and_is_told_by_what_looks() {
    if !can_build_on_host("a_mistake_in_the_factory_file_stops_what_moves_and_is_told_by_what_looks") {
        return;
    }
    let factory = built(THREE);
    ok(&factory, &["promote", "tiny@1.0.0", "--to", "staging", "--yes"]);
    ok(&factory, &["promote", "tiny@1.0.1", "--to", "staging", "--yes"]);
    factory.write("amifactory.yaml", "default_target: local\nchannels: [dev, {name: staging, soakk: 2d}, prod]\n");
    for moves in [&["promote", "tiny", "--to", "prod", "--yes"][..], &["promote", "tiny", "--to", "prod", "--plan"]] {
        let (code, text) = refused(&factory, moves);
        assert!(code == 2 && text.contains("soakk") && text.contains("amifactory.yaml:2"), "{text}");
    }
    // Going back is for emergencies.
    for looks in [&["rollback", "tiny", "--channel", "staging"][..], &["verify"], &["history", "tiny"], &["images"]] {
        let (code, text) = refused(&factory, looks);
        assert!(code == 0 && text.contains("warning") && text.contains("soakk"), "{looks:?}: {text}");
    }
    assert_eq!(version_in(&factory, "staging").as_deref(), Some("1.0.0"));
    // Another target than the one that is meant would look empty.
    factory.write("amifactory.yaml", "default_target: locl\nchannels: [dev, staging, prod]\n");
    for looks in [&["images"][..], &["sweep"], &["resume"]] {
        let (code, text) = refused(&factory, looks);
        assert!(code == 2 && text.contains("locl"), "{looks:?}: {text}");
    }
    assert_eq!(refused(&factory, &["images", "--target", "local"]).0, 0);
}

#[test]
fn a_channel_that_was_deleted_is_found_by_those_that_took_from_it_and_keeps_its_images() {
    if !can_build_on_host("a_channel_that_was_deleted_is_found_by_those_that_took_from_it_and_keeps_its_images") {
        return;
    }
    let factory = built(THREE);
    for channel in ["staging", "prod"] {
        ok(&factory, &["promote", "tiny@1.0.0", "--to", channel, "--yes"]);
    }
    for file in ["staging.json", "staging.history"] {
        fs::remove_file(pointers(&factory, "channels").join(file)).unwrap();
    }
    let (code, verified) = factory.json(&["verify", "tiny"]);
    let found = verified["drift"].as_array().unwrap();
    // The channel's own history is no success either.
    let output = factory.run(&["history", "tiny", "--channel", "staging"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(4) && text.contains("someone deleted it, and its history"), "{text}");
    assert!(text.contains("amifactory verify tiny"), "{text}");
    let is_it = |drift: &&Value| drift["what"].as_str().unwrap().ends_with("channels/staging");
    let told = found.iter().find(is_it).unwrap_or_else(|| panic!("{verified}"));
    assert!(code == 4 && told["wrong"].as_str().unwrap().contains("someone deleted it"), "{verified}");
    factory.write("amifactory.yaml", "default_target: local\nchannels: [dev, staging, prod]\nretention: {keep: 1}\n");
    let (code, retired) = factory.json(&["retire", "tiny"]);
    assert_eq!((code, retired["damaged"].as_array().unwrap().len()), (5, 1), "{retired}");
    for row in retired["images"].as_array().unwrap() {
        let because = row["because"].to_string();
        assert!(row["outcome"] == "keep" && because.contains("someone deleted it"), "{row}");
    }
}

/// Nothing took an image from the last channel, so nothing but its images knows of it.
#[test]
fn a_last_channel_that_was_deleted_is_found_by_what_its_images_say_and_keeps_them() {
    if !can_build_on_host("a_last_channel_that_was_deleted_is_found_by_what_its_images_say_and_keeps_them") {
        return;
    }
    let factory = built(THREE);
    for channel in ["staging", "prod"] {
        ok(&factory, &["promote", "tiny@1.0.0", "--to", channel, "--yes"]);
    }
    assert_eq!(ok(&factory, &["verify", "tiny"])["drift"], json!([]));
    for file in ["prod.json", "prod.history"] {
        fs::remove_file(pointers(&factory, "channels").join(file)).unwrap();
    }
    let (code, verified) = factory.json(&["verify", "tiny"]);
    let drift = verified["drift"].as_array().unwrap();
    assert!(code == 4 && drift.len() == 1, "{verified}");
    assert!(drift[0]["what"].as_str().unwrap().ends_with("channels/prod"), "{verified}");
    assert!(drift[0]["wrong"].as_str().unwrap().contains("1.0.0 says that it has named it: someone deleted it"));
    factory.write("amifactory.yaml", &format!("default_target: local\nchannels: {THREE}\nretention: {{keep: 1}}\n"));
    let (code, retired) = factory.json(&["retire", "tiny"]);
    assert_eq!(code, 5, "{retired}");
    for row in retired["images"].as_array().unwrap() {
        assert!(row["outcome"] == "keep" && row["because"].to_string().contains("someone deleted it"), "{row}");
    }
    let mend = drift[0]["mend"].as_str().unwrap();
    let command = mend.split("amifactory ").nth(1).unwrap().split(" makes").next().unwrap();
    ok(&factory, &[&command.split(' ').collect::<Vec<_>>()[..], &["--yes"]].concat());
    assert_eq!(version_in(&factory, "prod").as_deref(), Some("1.0.0"));
    assert_eq!(ok(&factory, &["verify", "tiny"])["drift"], json!([]));
}

/// Whoever renames a channel is not told of the old one for ever.
#[test]
fn a_channel_that_the_factory_has_no_more_can_be_deleted_as_verify_says() {
    if !can_build_on_host("a_channel_that_the_factory_has_no_more_can_be_deleted_as_verify_says") {
        return;
    }
    let factory = built(THREE);
    for channel in ["staging", "prod"] {
        ok(&factory, &["promote", "tiny@1.0.0", "--to", channel, "--yes"]);
    }
    factory.write("amifactory.yaml", "default_target: local\nchannels: [dev, canary, prod]\n");
    let (code, verified) = factory.json(&["verify", "tiny"]);
    let drift = verified["drift"].as_array().unwrap();
    assert_eq!((code, drift.len()), (4, 1), "{verified}");
    let mend = drift[0]["mend"].as_str().unwrap();
    assert!(mend.contains("staging.json and staging.history in local/pointers/tiny/"), "{mend}");
    for file in ["staging.json", "staging.history"] {
        fs::remove_file(pointers(&factory, "channels").join(file)).unwrap();
    }
    assert_eq!(ok(&factory, &["verify", "tiny"])["drift"], json!([]));
}

#[test]
fn what_was_changed_behind_our_back_is_found_and_has_a_way_out() {
    if !can_build_on_host("what_was_changed_behind_our_back_is_found_and_has_a_way_out") {
        return;
    }
    let factory = built(THREE);
    for version in ["tiny@1.0.0", "tiny@1.0.1"] {
        ok(&factory, &["promote", version, "--to", "staging", "--yes"]);
    }
    let drift = |expected: &str| {
        let (code, verified) = factory.json(&["verify", "tiny"]);
        let found = verified["drift"].as_array().unwrap();
        let one = found.iter().find(|drift| drift["wrong"].as_str().unwrap().contains(expected));
        let one = one.unwrap_or_else(|| panic!("{expected}: {verified}"));
        assert!(code == 4 && !one["mend"].as_str().unwrap().is_empty(), "{verified}");
    };
    // The history was edited.
    let history = pointers(&factory, "channels").join("staging.history");
    let whole = fs::read_to_string(&history).unwrap();
    fs::write(&history, whole.replacen("1.0.0", "1.0.9", 1)).unwrap();
    drift("the record was edited: revision 2");
    let (code, shown) = factory.json(&["history", "tiny", "--channel", "staging"]);
    assert_eq!(code, 4, "as verify ends");
    assert_eq!(
        (&shown["channels"][0]["whole"], &shown["channels"][0]["breaks"][0]["revision"]),
        (&json!(false), &json!(2))
    );
    fs::write(&history, &whole).unwrap();
    // The pointer was edited.
    let pointer = pointers(&factory, "channels").join("staging.json");
    let named = fs::read_to_string(&pointer).unwrap();
    let mut by_hand: Value = serde_json::from_str(&named).unwrap();
    let other = ok(&factory, &["images"])["images"][1]["image"].clone();
    by_hand["image"] = other.clone();
    fs::write(&pointer, by_hand.to_string()).unwrap();
    drift("not by amifactory");
    ok(&factory, &["rollback", "tiny", "--channel", "staging", "--to", "1.0.1", "--why", "put back"]);
    assert_eq!(ok(&factory, &["verify", "tiny"])["drift"], json!([]));
    // A version's was: what it names could be of that version by its tags.
    let version = pointers(&factory, "versions").join("1.0.0.json");
    let once = fs::read_to_string(&version).unwrap();
    let mut by_hand: Value = serde_json::from_str(&once).unwrap();
    by_hand["image"] = json!("img-0000000000000beef");
    fs::write(&version, by_hand.to_string()).unwrap();
    drift("it was not written by amifactory");
    // What is told: remove it, and resume puts it back.
    fs::remove_file(&version).unwrap();
    drift("it is gone, and its history is there");
    ok(&factory, &["resume"]);
    assert_eq!(fs::read_to_string(&version).unwrap(), once);
    assert_eq!(ok(&factory, &["verify", "tiny"])["drift"], json!([]));
    // It holds garbage.
    fs::write(&pointer, "garbage").unwrap();
    let (code, verified) = factory.json(&["verify", "tiny"]);
    assert_eq!((code, verified["drift"].as_array().unwrap().len()), (4, 1), "{verified}");
    ok(&factory, &["images"]);
    ok(&factory, &["rollback", "tiny", "--channel", "staging", "--to", "1.0.0"]);
    assert_eq!(ok(&factory, &["verify", "tiny"])["drift"], json!([]));
    let shown = ok(&factory, &["history", "tiny", "--channel", "staging"]);
    let rows = shown["channels"][0]["moves"].as_array().unwrap();
    let kinds: Vec<_> = rows.iter().map(|row| row["kind"].as_str().unwrap_or("by hand")).collect();
    assert_eq!(kinds, ["rollback", "by hand", "rollback", "by hand", "promote", "promote"]);
    ok(&factory, &["rollback", "tiny", "--channel", "staging", "--to", "1.0.1"]);
    // It is gone.
    fs::remove_file(&pointer).unwrap();
    drift("is gone");
    ok(&factory, &["rollback", "tiny", "--channel", "staging", "--to", "1.0.0"]);
    assert_eq!(ok(&factory, &["verify", "tiny"])["drift"], json!([]));
    // An image is deleted.
    let image = other.as_str().unwrap();
    fs::remove_dir_all(factory.state().join("local/images").join(image)).unwrap();
    drift("is gone");
    let (code, text) = refused(&factory, &["rollback", "tiny", "--channel", "staging", "--to", "1.0.0"]);
    assert!(code == 1 && text.contains("is gone") && text.contains("amifactory images tiny"), "{text}");
}

#[test]
fn a_first_channel_that_someone_deleted_is_drift_and_what_is_told_makes_it_anew() {
    if !can_build_on_host("a_first_channel_that_someone_deleted_is_drift_and_what_is_told_makes_it_anew") {
        return;
    }
    let factory = built(THREE);
    assert_eq!(ok(&factory, &["verify"])["drift"], json!([]));
    for file in ["dev.json", "dev.history"] {
        fs::remove_file(pointers(&factory, "channels").join(file)).unwrap();
    }
    let (code, verified) = factory.json(&["verify"]);
    let drift = verified["drift"].as_array().unwrap();
    assert!(code == 4 && drift.len() == 1, "{verified}");
    assert!(drift[0]["what"].as_str().unwrap().ends_with("/channels/dev"), "{verified}");
    let mend = drift[0]["mend"].as_str().unwrap();
    let command = mend.split("amifactory ").nth(1).unwrap().split(" makes").next().unwrap();
    assert_eq!(command, "promote tiny@1.0.1 --to dev");
    ok(&factory, &[&command.split(' ').collect::<Vec<_>>()[..], &["--yes"]].concat());
    assert_eq!(version_in(&factory, "dev").as_deref(), Some("1.0.1"));
    assert_eq!(ok(&factory, &["verify"])["drift"], json!([]));
}

/// Tags can be taken off, and pointers deleted: what was revoked stays so, and what was not yet can be.
#[test]
fn what_is_revoked_is_shown_by_its_mark_and_needs_no_pointer() {
    if !can_build_on_host("what_is_revoked_is_shown_by_its_mark_and_needs_no_pointer") {
        return;
    }
    let factory = built(THREE);
    let revoked = ok(&factory, &["revoke", "tiny@1.0.1", "--reason", "a key was left in it"]);
    // The way back is told, and not what was done already.
    let text = String::from_utf8(factory.run(&["rollback", "tiny", "--channel", "dev"]).stdout).unwrap();
    assert!(text.contains("dev names tiny 1.0.0") && !text.contains("amifactory revoke"), "{text}");
    let document = factory.state().join("local/images").join(revoked["revoked"][0]["image"].as_str().unwrap());
    let document = document.join("image.json");
    let mut unmarked: Value = serde_json::from_slice(&fs::read(&document).unwrap()).unwrap();
    unmarked["image"]["tags"].as_object_mut().unwrap().remove("amifactory:revoked").unwrap();
    fs::write(&document, unmarked.to_string()).unwrap();
    let images = ok(&factory, &["images"]);
    let of = |version: &str| {
        let images = images["images"].as_array().unwrap();
        images.iter().find(|image| image["version"] == version).unwrap()["state"].clone()
    };
    assert_eq!((of("1.0.1"), of("1.0.0")), (json!("revoked"), json!("verified")));
    // The first reason stands, and who gives another one hears that.
    let again = ["revoke", "tiny@1.0.1", "--reason", "another word for it"];
    let row = ok(&factory, &again)["revoked"][0].clone();
    assert_eq!((&row["reason"], &row["not_kept"]), (&json!("a key was left in it"), &json!("another word for it")));
    let text = String::from_utf8(factory.run(&again).stdout).unwrap();
    assert!(text.contains("the reason that was given first stands; this one is not kept: another word"), "{text}");
    let same = ok(&factory, &["revoke", "tiny@1.0.1", "--reason", "a key was left in it"]);
    assert_eq!(same["revoked"][0].get("not_kept"), None, "{same}");

    // For another architecture there is nothing.
    let other = if cfg!(target_arch = "aarch64") { "x86_64" } else { "arm64" };
    let here = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    assert_eq!(ok(&factory, &["history", "tiny", "--arch", other])["channels"], json!([]));
    assert_eq!(ok(&factory, &["history", "tiny", "--arch", here])["channels"].as_array().unwrap().len(), 1);
    let (code, text) = refused(&factory, &["rollback", "tiny", "--channel", "dev", "--to", "1.0.0", "--arch", other]);
    assert!(code == 2 && !text.contains("are: "), "{text}");
    let (code, text) = refused(&factory, &["promote", "tiny@1.0.0", "--to", "dev", "--arch", other, "--yes"]);
    assert!(code == 2 && text.contains("none of its versions is there for"), "{text}");

    for kind in ["channels", "versions"] {
        fs::remove_dir_all(pointers(&factory, kind)).unwrap();
    }
    let revoked = ok(&factory, &["revoke", "tiny@1.0.0", "--reason", "the same key"]);
    assert_eq!(revoked["revoked"][0]["reason"], "the same key");
    let (code, text) = refused(&factory, &["revoke", "tiny@7.0.0", "--reason", "never made"]);
    assert!(code == 2 && text.contains("has no version 7.0.0"), "{text}");
}

/// A record that was edited: without a backup it is accepted as it stands, with a reason, as verify tells. Nothing is deleted.
#[test]
fn a_history_that_was_edited_is_accepted_with_a_reason_and_vouches_again() {
    if !can_build_on_host("a_history_that_was_edited_is_accepted_with_a_reason_and_vouches_again") {
        return;
    }
    let factory = built(THREE);
    for version in ["tiny@1.0.0", "tiny@1.0.1"] {
        ok(&factory, &["promote", version, "--to", "staging", "--yes"]);
    }
    let accept = ["rollback", "tiny", "--channel", "staging", "--accept-break"];
    let because = ["--why", "I cut its beginning out myself"];
    // Where there is nothing to accept, nothing is written.
    let whole = ok(&factory, &[&accept[..], &because].concat());
    assert_eq!((&whole["outcome"], &whole["accepted"]), (&json!("up-to-date"), &json!([])));
    let history = pointers(&factory, "channels").join("staging.history");
    let edit = |from: &str, to: &str| {
        let text = fs::read_to_string(&history).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&history, text.replacen(from, to, 1)).unwrap();
    };
    edit("1.0.0", "1.0.9");
    let (code, verified) = factory.json(&["verify", "tiny"]);
    let mend = verified["drift"][0]["mend"].as_str().unwrap();
    assert!(code == 4 && mend.contains("amifactory rollback tiny --channel staging --accept-break --why"), "{mend}");
    let (code, result) = factory.json(&["promote", "tiny", "--to", "prod", "--yes"]);
    assert!(code == 3 && result["unmet"][0]["is"].as_str().unwrap().contains("was edited"), "{result}");

    let (code, text) = refused(&factory, &accept);
    assert!(code == 2 && text.contains("--why"), "{text}");
    let (code, text) = refused(&factory, &[&accept[..], &because, &["--to", "1.0.0"]].concat());
    assert!(code == 2 && text.contains("names 1.0.1"), "{text}");
    let done = ok(&factory, &[&accept[..], &because].concat());
    assert_eq!(
        (&done["outcome"], &done["version"], &done["accepted"][0]),
        (
            &json!("accepted"),
            &json!("1.0.1"),
            &json!("revision 2: it follows another entry than revision 1, as that now reads")
        )
    );
    assert_eq!(ok(&factory, &["verify", "tiny"])["drift"], json!([]));
    let shown = ok(&factory, &["history", "tiny", "--channel", "staging"]);
    let staging = &shown["channels"][0];
    assert_eq!((&staging["whole"], &staging["breaks"]), (&json!(true), &json!([])));
    let accepted = &staging["accepted"][0];
    assert_eq!(
        (&accepted["revision"], &accepted["accepted_at"], &accepted["why"]),
        (&json!(2), &json!(3), &json!(because[1]))
    );
    assert_eq!((&accepted["version"], &accepted["by"]), (&json!("1.0.1"), &json!("root")));
    let text = String::from_utf8(factory.run(&["history", "tiny", "--channel", "staging"]).stdout).unwrap();
    assert!(text.contains("whole from revision 3 on") && text.contains(because[1]), "{text}");
    ok(&factory, &["promote", "tiny", "--to", "prod", "--yes"]);

    // What is changed after that nobody has accepted: neither the entry that was changed before, nor the one that accepts it.
    edit("1.0.9", "1.0.8");
    assert_eq!(factory.json(&["verify", "tiny"]).0, 4);
    edit("1.0.8", "1.0.9");
    assert_eq!(ok(&factory, &["verify", "tiny"])["drift"], json!([]));
    edit("I cut", "Bob cut");
    assert_eq!(factory.json(&["verify", "tiny"]).0, 4);
    // Its newest line differs from the pointer, and then from the entry after it.
    let done = ok(&factory, &[&accept[..], &["--why", "that too"]].concat());
    assert_eq!((&done["outcome"], done["accepted"].as_array().unwrap().len()), (&json!("accepted"), 2), "{done}");
    assert_eq!(ok(&factory, &["verify", "tiny"])["drift"], json!([]));
}

/// A history that nobody can read: without a backup it can begin anew, as verify tells.
#[test]
fn a_history_that_can_not_be_read_begins_anew_as_verify_tells() {
    if !can_build_on_host("a_history_that_can_not_be_read_begins_anew_as_verify_tells") {
        return;
    }
    let factory = built(THREE);
    for version in ["tiny@1.0.0", "tiny@1.0.1"] {
        ok(&factory, &["promote", version, "--to", "staging", "--yes"]);
    }
    let history = pointers(&factory, "channels").join("staging.history");
    fs::write(&history, "{\n").unwrap();
    let (code, verified) = factory.json(&["verify", "tiny"]);
    let drift = verified["drift"].as_array().unwrap();
    assert!(code == 4 && drift.len() == 1, "{verified}");
    let mend = drift[0]["mend"].as_str().unwrap();
    for part in ["staging.json", "away", "promote tiny@", "--to staging", "begins it anew"] {
        assert!(mend.contains(part), "{part}: {mend}");
    }
    for file in ["staging.json", "staging.history"] {
        fs::remove_file(pointers(&factory, "channels").join(file)).unwrap();
    }
    ok(&factory, &["promote", "tiny@1.0.1", "--to", "staging", "--yes"]);
    assert_eq!(version_in(&factory, "staging").as_deref(), Some("1.0.1"));
    assert_eq!(ok(&factory, &["verify", "tiny"])["drift"], json!([]));
    // Of a version the pointer holds all that the history did.
    let of_version = pointers(&factory, "versions").join("1.0.0.history");
    for damage in [|text: &str| text.replacen("build", "guild", 1), |_: &str| "{\n".to_owned()] {
        let whole = fs::read_to_string(&of_version).unwrap_or_default();
        fs::write(&of_version, damage(&whole)).unwrap();
        let (code, verified) = factory.json(&["verify", "tiny"]);
        let drift = verified["drift"].as_array().unwrap();
        assert!(code == 4 && drift.len() == 1, "{verified}");
        assert!(drift[0]["mend"].as_str().unwrap().contains("stands in 1.0.0.json"), "{verified}");
        fs::remove_file(&of_version).unwrap();
        assert_eq!(ok(&factory, &["verify", "tiny"])["drift"], json!([]));
    }
}
