//! Release on this machine: channels, gates, history, pins and revocation, through the program.

mod damaged;
mod deleted;
mod revoked;

use crate::program::{TestFactory, can_build_on_host, stderr};
use serde_json::{Value, json};
use std::path::PathBuf;

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
