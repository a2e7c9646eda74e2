//! What is revoked goes nowhere, whatever becomes of its tags and pointers.

use super::{THREE, built, ok, pointers, refused, version_in};
use crate::program::{can_build_on_host, stderr};
use serde_json::{Value, json};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

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
