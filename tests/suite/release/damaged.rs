//! Documents and records that were damaged or edited: each stops only what needs it, and has a way out.

use super::{THREE, build, built, ok, pointers, refused, version_in};
use crate::program::can_build_on_host;
use serde_json::{Value, json};
use std::fs;

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
