//! Builds by EC2 and by Image Builder side by side: each image has a build of its own, and a record of its own.

use super::pipelines::{adopt_of, apply, built, declared, nightly, run};
use super::shared::{self, seconds};
use crate::aws::weather::place::{Place, plain};
use crate::fake_aws::ec2::Timeline;
use amifactory::pipeline::{BuildOptions, tags};
use amifactory::recipe::{Rebuild, Schedule};
use amifactory::target::{Tags, Target as _};

fn forced() -> BuildOptions {
    BuildOptions { force: true, ..BuildOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn an_adoption_beside_a_forced_build_gives_two_builds_and_each_image_its_own_record() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let always = Schedule { rebuild: Rebuild::Always, ..nightly() };
    let (plan, launch, draft) = declared(&target, "first", &always).await;
    let first = place.build_on(&place.target(), &plan, &launch, &BuildOptions::default()).await;
    first.well_within(seconds(300));
    apply(&target, Some(&draft)).await;
    run(&target, &draft).await;
    let elsewhere = place.another();
    let by_hand = async { place.build_on(&place.target(), &plan, &launch, &forced()).await };
    let adopted = async {
        tokio::time::sleep(seconds(4)).await;
        built(adopt_of(&elsewhere, "first", &always).await)
    };
    let (by_hand, adopted) = tokio::join!(by_hand, adopted);
    let by_hand = by_hand.well_within(seconds(600)).clone();
    assert_ne!(by_hand.image.name, adopted.image.name);
    let reader = place.target();
    for made in [&by_hand, &adopted] {
        let record = reader.record(&made.image.id).await.unwrap();
        assert_eq!((record.build.as_str(), record.version), (made.image.name.as_str(), made.record.version));
    }
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn two_forced_builds_by_the_two_targets_leave_two_images_with_their_records() {
    let place = Place::new(|_| {});
    let elsewhere = place.another();
    let by_us = async { place.build_with(|_| {}, &forced()).await };
    let by_service = async {
        tokio::time::sleep(seconds(2)).await;
        shared::built(&elsewhere, &forced()).await
    };
    let (by_us, by_service) = tokio::join!(by_us, by_service);
    let by_us = by_us.well_within(seconds(300)).clone();
    let reader = place.target();
    for made in [&by_us, &by_service] {
        let record = reader.record(&made.image.id).await.unwrap();
        assert_eq!((record.build.as_str(), record.version), (made.image.name.as_str(), made.record.version));
    }
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

/// An image whose tags were copied by hand from another one is removed with what is its own.
#[tokio::test(start_paused = true)]
async fn removing_an_image_leaves_the_record_of_another_one_with_the_same_build() {
    let place = Place::new(|_| {});
    let kept = place.build().await.well_within(seconds(300)).clone();
    let gone = place.build_with(|_| {}, &forced()).await.well_within(seconds(300)).clone();
    tokio::time::sleep(seconds(60)).await;
    let target = place.target();
    let copied: Tags = [(tags::BUILD.to_owned(), kept.image.name.clone())].into();
    target.tag_image(&gone.image.id, &copied).await.unwrap();
    let named = crate::aws::crash::contract::parameters(&place.fake.world());
    for (name, value) in named {
        if value == gone.image.id.as_str() {
            target.api().ssm.delete_parameter().name(name).send().await.unwrap();
        }
    }
    tokio::time::sleep(seconds(60)).await;
    target.delete_image(&gone.image.id).await.unwrap();
    tokio::time::sleep(seconds(60)).await;
    assert_eq!(place.target().record(&kept.image.id).await.unwrap(), kept.record);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_names_another_image_is_none_and_one_that_names_none_is_read() {
    let place = Place::new(|_| {});
    let made = place.build().await.well_within(seconds(300)).clone();
    tokio::time::sleep(seconds(60)).await;
    let (id, seen) = {
        let world = place.fake.world();
        let now = world.clock.now();
        let all = world.ec2.snapshots.keys().map(|id| (id.clone(), world.ec2.tags_at(id, now)));
        all.into_iter().find(|(_, tags)| tags.get(tags::PURPOSE).is_some_and(|p| p == "evidence")).unwrap()
    };
    let target = place.target();
    assert_eq!(seen.get(tags::IMAGE).map(String::as_str), Some(made.image.id.as_str()));
    let tag = |value: &str| aws_sdk_ec2::types::Tag::builder().key(tags::IMAGE).value(value).build();
    target.api().ec2.create_tags().resources(&id).tags(tag("ami-0123456789abcdef0")).send().await.unwrap();
    tokio::time::sleep(seconds(60)).await;
    let error = place.target().record(&made.image.id).await.unwrap_err();
    insta::assert_snapshot!(plain(&error.to_string()));
    // Whoever builds is told the same, and what can be done.
    let ended = place.build().await;
    assert_eq!(ended.badly_within(seconds(300)), plain(&error.to_string()));

    {
        let mut world = place.fake.world();
        let now = world.clock.now();
        let mut own = world.ec2.tags_at(&id, now);
        own.remove(tags::IMAGE);
        world.ec2.tags.insert(id, Timeline::new(now, own));
    }
    tokio::time::sleep(seconds(60)).await;
    assert_eq!(place.target().record(&made.image.id).await.unwrap(), made.record);
}
