//! The record of an image is gone: that is said, and not waited for.

use super::{Bench, recipe_name, rules};
use amifactory::pipeline::tags;
use amifactory::release::{ReleaseError, promote, verify};
use amifactory::target::TargetError;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Someone deletes the snapshots of a version's record.
fn remove(bench: &Bench, version: &str) {
    let image = bench.image(version);
    let mut world = bench.fake.world();
    let now = world.clock.now();
    let build = world.ec2.tags_at(&image, now)[tags::BUILD].clone();
    let of_it = |id: &String| {
        let own = world.ec2.tags_at(id, now);
        own.get(tags::PURPOSE).is_some_and(|purpose| purpose == "evidence") && own.get(tags::BUILD) == Some(&build)
    };
    let gone: Vec<String> = world.ec2.snapshots.keys().filter(|id| of_it(id)).cloned().collect();
    assert_eq!(gone.len(), 1);
    world.ec2.snapshots.remove(&gone[0]);
}

/// How long it takes to say that a promotion can't be decided.
async fn refused(bench: &Bench, version: &str) -> Duration {
    let began = Instant::now();
    let error = promote::plan(&bench.target(), &rules(), &super::request(version)).await.err().unwrap();
    assert!(matches!(&error, ReleaseError::Target(TargetError::RecordLost { .. })), "{error}");
    assert!(error.to_string().contains("the record of image"), "{error}");
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn the_evidence_of_an_old_image_is_not_waited_for() {
    let bench = Bench::new().await;
    bench.promote("1.0.1").await.unwrap();
    sleep(Duration::from_secs(2 * 3600)).await;
    remove(&bench, "1.0.1");
    remove(&bench, "1.0.2");
    assert!(refused(&bench, "1.0.2").await < Duration::from_secs(5));
    // Neither is that of the image which the channel names now.
    let began = Instant::now();
    let plan = promote::plan(&bench.target(), &rules(), &super::request("1.0.0")).await.unwrap();
    assert!(plan.current_record.is_none() && began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let began = Instant::now();
    let found = verify::verify(&bench.target(), &rules(), &[recipe_name()]).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let told = found.drift.iter().filter(|drift| drift.wrong.contains("can't be read")).count();
    assert_eq!(told, 2, "{:?}", found.drift);
}

/// Of one that was made just now it may not be listed yet.
#[tokio::test(start_paused = true)]
async fn that_of_a_new_image_is_waited_for_as_long_as_it_may_not_be_listed() {
    let bench = Bench::new().await;
    remove(&bench, "1.0.2");
    let took = refused(&bench, "1.0.2").await;
    assert!(took > Duration::from_secs(60) && took < Duration::from_secs(180), "{took:?}");
}
