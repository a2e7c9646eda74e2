//! Two machines build two plans of one recipe, and the one that began first ends last.

use super::CALM;
use super::place::{Place, called, seconds};
use crate::aws::factory;
use crate::aws::weather::place::Told;
use crate::fake_aws::ec2::ImageFate;
use amifactory::pipeline::{BuildOptions, Engine, StateFolder};

const CHANNEL: &str = "/amifactory/web/x86_64/channels/dev";

fn value(place: &Place, name: &str) -> Option<String> {
    let world = place.fake.world();
    world.ssm.parameters().find(|(_, found, _)| *found == name).and_then(|(_, _, p)| Some(p.newest()?.value.clone()))
}

#[tokio::test(start_paused = true)]
async fn a_build_that_a_newer_version_has_overtaken_ends_well_and_leaves_the_channel() {
    let place = Place::new(|_| {});
    place.fake.world().ec2.pokes.images = vec![ImageFate::Takes(seconds(1800))];
    let base = factory::by_parameter();
    let other_folder = tempfile::tempdir().unwrap();
    let overtaking = async {
        while !called(&place.fake.world(), "CreateImage") {
            tokio::time::sleep(seconds(1)).await;
        }
        tokio::time::sleep(seconds(30)).await;
        let target = place.target();
        let (plan, launch) = factory::plan_of(&target, "web", "second", &base).await;
        let (state, told) = (StateFolder::open(other_folder.path()).unwrap(), Told::default());
        let engine = Engine { target: &target, state: &state, sink: &told };
        engine.build(&plan, &launch, &BuildOptions::default()).await.unwrap()
    };
    let (slow, quick) = tokio::join!(place.build(), overtaking);
    let slow = slow.well_within(seconds(1800) + CALM).clone();
    assert!(quick.record.version > slow.record.version);
    assert_eq!(value(&place, CHANNEL).as_deref(), Some(quick.image.id.as_str()));
    let version = format!("/amifactory/web/x86_64/versions/{}", slow.record.version);
    assert_eq!(value(&place, &version).as_deref(), Some(slow.image.id.as_str()));
    insta::assert_snapshot!(place.told(), @"channel dev stays at 1.0.1, which is newer than 1.0.0");
    // It is what it is: the same plan again finds it done.
    let again = place.build().await.well_within(seconds(90)).clone();
    assert!(!again.fresh && again.image.id == slow.image.id);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

/// Someone moves the channel to another image in the moment between our look at it and our write. Parameter Store takes
/// both writes, and the later one stays.
#[tokio::test(start_paused = true)]
async fn two_writes_of_a_channel_at_once_leave_it_at_the_newer_version() {
    let place = Place::new(|_| {});
    let base = factory::by_parameter();
    place.build().await.well_within(CALM);
    let run = async |content: &str, publish: bool| {
        let target = place.target();
        let (mut plan, launch) = factory::plan_of(&target, "web", content, &base).await;
        if !publish {
            plan.publish = None;
        }
        let folder = tempfile::tempdir().unwrap();
        let (state, told) = (StateFolder::open(folder.path()).unwrap(), Told::default());
        let engine = Engine { target: &target, state: &state, sink: &told };
        engine.build(&plan, &launch, &BuildOptions::default()).await.unwrap()
    };
    place.fake.world().ec2.pokes.images = vec![ImageFate::Takes(seconds(1800))];
    let newer = async {
        while !called_times(&place, "CreateImage", 2) {
            tokio::time::sleep(seconds(1)).await;
        }
        tokio::time::sleep(seconds(30)).await;
        let newer = run("third", false).await;
        let records = place.calls("CompleteSnapshot").0;
        while !called_times(&place, "CompleteSnapshot", records + 1) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let mut world = place.fake.world();
        let (now, takes) = (world.clock.now(), world.latencies.parameter_check);
        super::pointers::overwrite(&mut world, CHANNEL, newer.image.id.as_str(), now, takes);
        newer
    };
    let (slow, newer) = tokio::join!(run("second", true), newer);
    assert!(newer.record.version > slow.record.version);
    tokio::time::sleep(seconds(30)).await;
    assert_eq!(value(&place, CHANNEL).as_deref(), Some(newer.image.id.as_str()));
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

fn called_times(place: &Place, action: &str, times: usize) -> bool {
    place.calls(action).0 >= times
}
