//! Tags that someone edited by hand: the record says which of two images is as it was made.

use super::{Bench, HOME, OWNER, place};
use crate::fake_aws::ec2::Timeline;
use amifactory::pipeline::tags;
use std::time::Duration;

const REGION: &str = "us-west-2";
const VERSION: &str = "/amifactory/web/x86_64/versions/1.0.0";
const PROD: &str = "/amifactory/web/x86_64/channels/prod";

/// Sets a tag, and answers with what it was.
fn set(bench: &Bench, image: &str, key: &str, value: &str) -> Option<String> {
    let mut world = bench.fake.world();
    let now = world.clock.now();
    let mut all = world.ec2.tags_at(image, now);
    let before = all.insert(key.to_owned(), value.to_owned());
    world.ec2.tags.insert(image.to_owned(), Timeline::new(now, all));
    before
}

async fn drift(bench: &Bench) -> Vec<String> {
    tokio::time::sleep(Duration::from_secs(10)).await;
    bench.drift().await
}

#[tokio::test(start_paused = true)]
async fn the_record_says_which_image_has_other_tags_than_it_was_made_with() {
    let bench = Bench::released().await;
    let home = bench.value(&place(OWNER, HOME), VERSION).unwrap();
    let copy = bench.value(&place(OWNER, REGION), VERSION).unwrap();
    let images = [(&home, PROD.to_owned(), HOME), (&copy, format!("{VERSION} in {REGION}"), REGION)];
    for (key, value) in [(tags::GROUPS, "web=9.9.9"), (tags::BASE, "ami-0000000000000bad0")] {
        for (image, what, region) in &images {
            let Some(before) = set(&bench, image, key, value) else { panic!("no {key}") };
            let found = drift(&bench).await;
            let [told] = found.as_slice() else { panic!("{key} of {image}: {found:#?}") };
            let begins =
                format!("{what}: the tags of {image} were changed: {key} says {value}, and its record says {before}");
            let sets = format!("--resources {image} --region {region} --tags 'Key={key},Value=\"{before}\"'");
            assert!(told.starts_with(&begins) && told.ends_with(&format!("aws ec2 create-tags {sets}")), "{told}");
            set(&bench, image, key, &before);
            assert_eq!(drift(&bench).await, [] as [String; 0]);
        }
    }
    // What says that it is of another recipe is neither gone nor told to be left.
    set(&bench, &home, tags::RECIPE, "other");
    let found = drift(&bench).await;
    let told = found.iter().find(|told| told.starts_with(&format!("{PROD}: the tags of {home} were changed"))).unwrap();
    assert!(told.contains("amifactory:recipe says other, and its record says web"), "{told}");
    for told in &found {
        assert!(!told.contains("gone") && !told.contains("rollback") && !told.contains("promote"), "{told}");
    }
    set(&bench, &home, tags::RECIPE, "web");
    // Without the tag that says of which plan it is, the record still says what puts it back.
    let digest = {
        let mut world = bench.fake.world();
        let now = world.clock.now();
        let mut all = world.ec2.tags_at(&home, now);
        let digest = all.remove(tags::DIGEST).unwrap();
        world.ec2.tags.insert(home.clone(), Timeline::new(now, all));
        digest
    };
    let found = drift(&bench).await;
    let sets = format!("aws ec2 create-tags --resources {home} --region {HOME} --tags 'Key={},Value=", tags::DIGEST);
    let untagged: Vec<&String> =
        found.iter().filter(|told| told.contains("whose tags don't say whose it is")).collect();
    assert!(!untagged.is_empty() && untagged.iter().all(|told| told.contains(&sets)), "{found:#?}");
    set(&bench, &home, tags::DIGEST, &digest);
    assert_eq!(drift(&bench).await, [] as [String; 0]);
    // A score that no audit has found.
    for (image, what, region) in &images {
        set(&bench, image, tags::SCORE, "99.5");
        let found = drift(&bench).await;
        let [told] = found.as_slice() else { panic!("{image}: {found:#?}") };
        let begins =
            format!("{what}: the tags of {image} were changed: {} says 99.5, and its record knows none", tags::SCORE);
        let takes = format!("--resources {image} --region {region} --tags 'Key={}'", tags::SCORE);
        assert!(told.starts_with(&begins) && told.ends_with(&format!("aws ec2 delete-tags {takes}")), "{told}");
        let mut world = bench.fake.world();
        let now = world.clock.now();
        let mut all = world.ec2.tags_at(image, now);
        all.remove(tags::SCORE);
        world.ec2.tags.insert((*image).clone(), Timeline::new(now, all));
    }
    assert_eq!(drift(&bench).await, [] as [String; 0]);
}

/// What no record holds says nothing about who is right.
#[tokio::test(start_paused = true)]
async fn where_no_record_tells_verify_does_not_guess() {
    let bench = Bench::released().await;
    let home = bench.value(&place(OWNER, HOME), VERSION).unwrap();
    set(&bench, &home, "amifactory:colour", "red");
    let found = drift(&bench).await;
    assert_eq!(found.len(), 2, "{found:#?}");
    for (told, region) in found.iter().zip(["eu-central-1", REGION]) {
        assert!(told.starts_with(&format!("{VERSION} in {region}: the tags of ")), "{told}");
        assert!(told.contains("which of the two someone changed is not known, as no record holds them"), "{told}");
    }
}
