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
