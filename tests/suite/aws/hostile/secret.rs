//! A secret that a step fetches is seen by that step alone: neither the program nor AWS's API ever holds it.

use super::CALM;
use crate::aws::factory::{bundle, step};
use crate::aws::weather::place::Place;
use amifactory::pipeline::BuildOptions;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

const VALUE: &str = "correct-horse-battery-staple/42";

#[tokio::test(start_paused = true)]
async fn is_in_nothing_that_anyone_reads() {
    let place = Place::new(|_| {});
    // What the builder's own AWS CLI answers; steps find it first. It lies apart from the builder's disk.
    let cli = tempfile::tempdir().unwrap();
    fs::write(cli.path().join("aws"), format!("#!/bin/sh\necho '{VALUE}'\n")).unwrap();
    fs::set_permissions(cli.path().join("aws"), fs::Permissions::from_mode(0o755)).unwrap();
    let head = format!("PATH={}:$PATH AWS_REGION=us-east-1;", cli.path().display());
    let body = format!(
        "{head} s=$(af_secret /site/key); [ ${{#s}} = {} ] || exit 9; echo \"got $s\"; echo \"$s\" >&2; set -x; : \"$s\"",
        VALUE.len()
    );
    let ended = place
        .build_with(
            |plan| {
                plan.bundles.apply = bundle("apply", &[step("group/site/0", &body)]);
                plan.bundles.boot_test = bundle(
                    "boot-test",
                    &[step("packages/all", "printf 'bash\\t5.2\\tx86_64\\trpm\\n'"), step("test/0", &body)],
                );
            },
            &BuildOptions::default(),
        )
        .await;
    let built = ended.well_within(CALM);
    let log = String::from_utf8_lossy(&super::log(&place, "apply")).into_owned();
    assert!(log.contains("got ***"), "the step has had it: {log}");
    assert!(!serde_json::to_string(&built.record).unwrap().contains(VALUE), "evidence");
    assert!(!place.told().contains(VALUE), "notices");
    let world = place.fake.world();
    for call in &world.calls {
        assert!(!call.params.to_string().contains(VALUE), "{} carries it", call.action);
    }
    for (id, tags) in &world.ec2.tags {
        assert!(!format!("{:?}", tags.at(world.clock.now())).contains(VALUE), "tags of {id}");
    }
    drop(world);
    // Journals, logs, records: all that the program has written.
    let found = Command::new("grep").args(["-rlaF", VALUE]).arg(place.folder.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    assert_eq!(place.leaks().await, [] as [String; 0]);
}
