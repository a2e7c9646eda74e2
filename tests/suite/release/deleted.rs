//! Channels that were deleted or renamed: they are found, and keep their images.

use super::{THREE, built, ok, pointers, version_in};
use crate::program::can_build_on_host;
use serde_json::{Value, json};
use std::fs;

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
