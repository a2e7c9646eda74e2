//! A build that was asked for although nothing has changed, and that died: whoever goes on with it brings about the image
//! that was asked for, and not the one that was there before.

use super::dying::{Death, Dying};
use crate::aws::factory;
use crate::aws::weather::place::Place;
use amifactory::identity::TargetKind;
use amifactory::pipeline::{BuildError, BuildOptions};
use amifactory::target::Target as _;
use amifactory::target::aws::AwsTarget;
use std::collections::BTreeSet;
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(1800);

fn by(kind: TargetKind, target: AwsTarget) -> AwsTarget {
    match kind {
        TargetKind::ImageBuilder => target.by_image_builder(BTreeSet::new()),
        _ => target,
    }
}

/// A world with the plan's first image.
async fn built_once(kind: TargetKind) -> Place {
    let place = Place::new(|_| {});
    let target = by(kind, place.target());
    let (plan, launch) = factory::plan(&target).await;
    place.build_on(&target, &plan, &launch, &BuildOptions::default()).await.well_within(BOUND);
    place
}

/// A build that dies there, or not at all.
async fn build(place: &Place, kind: TargetKind, force: bool, at: Option<(usize, Death)>) {
    let wire = Dying::new(&place.fake, place.folder.path(), &format!("{kind:?} {at:?}"), at);
    let target = by(kind, AwsTarget::with_config(&wire.config()));
    let ended = wire
        .run(async {
            let (plan, launch) = factory::plan(&target).await;
            let options = BuildOptions { force, ..BuildOptions::default() };
            place.build_on(&target, &plan, &launch, &options).await.well_within(BOUND).clone()
        })
        .await;
    assert_eq!(ended.is_none(), at.is_some(), "{kind:?} {at:?}");
}

/// A world in which the plan's first image is there, or not.
async fn world(kind: TargetKind, is_built: bool) -> Place {
    if is_built { built_once(kind).await } else { Place::new(|_| {}) }
}

/// The numbers of a build's requests that begin something.
async fn beginnings(place: Place, kind: TargetKind, force: bool, actions: &[&str]) -> Vec<usize> {
    let before = place.fake.world().calls.len();
    build(&place, kind, force, None).await;
    let world = place.fake.world();
    let calls = world.calls[before..].iter().enumerate();
    let all: Vec<usize> =
        calls.filter(|(_, call)| actions.contains(&call.action.as_str())).map(|(number, _)| number).collect();
    assert!(!all.is_empty(), "{kind:?}");
    all
}

/// From then on there is a build to go on with.
const BEGUN: [&str; 3] = ["RunInstances", "SendCommand", "CreateImage"];
/// And what can be left of one before.
const ALL: [&str; 4] = ["RunInstances", "SendCommand", "CreateImage", "CreateDistributionConfiguration"];

async fn is_gone_on_with(kind: TargetKind) {
    for request in beginnings(built_once(kind).await, kind, true, &BEGUN).await {
        for elsewhere in [false, true] {
            let at = format!("{kind:?}, request {request}, elsewhere {elsewhere}");
            let place = built_once(kind).await;
            build(&place, kind, true, Some((request, Death::ReplyLost))).await;
            // Who knows of no force: the nightly run, or `resume`.
            let other = if elsewhere { place.another() } else { place };
            let target = by(kind, other.target());
            let (plan, launch) = factory::plan(&target).await;
            // Another version than the one that is on its way is none of it.
            let named = BuildOptions { version: Some("2.0.0".parse().unwrap()), ..BuildOptions::default() };
            let ended = other.build_on(&target, &plan, &launch, &named).await;
            assert!(matches!(ended.result, Err(BuildError::OtherVersion { .. })), "{at}: {:?}", ended.result.is_ok());
            let ended = other.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
            let made = ended.well_within(BOUND);
            assert!(made.fresh && made.record.version.to_string() == "1.0.1", "{at}: {:?}", made.record.version);
            let of_plan = target.images().await.unwrap().len();
            assert_eq!(of_plan, 2, "{at}");
            assert_eq!(other.leaks().await, [] as [String; 0], "{at}");
        }
    }
}

/// Who asks for another image although one is under way, forces what was forced, or knows nothing of a first one that was.
async fn is_gone_on_with_by_others(kind: TargetKind) {
    for (is_built, was_forced, force) in
        [(false, false, true), (false, true, false), (false, true, true), (true, true, true)]
    {
        for request in beginnings(world(kind, is_built).await, kind, was_forced, &ALL).await {
            for elsewhere in [false, true] {
                let at = format!(
                    "{kind:?}, request {request}, built {is_built}, forced {was_forced}, {force}, elsewhere {elsewhere}"
                );
                let place = world(kind, is_built).await;
                build(&place, kind, was_forced, Some((request, Death::ReplyLost))).await;
                let other = if elsewhere { place.another() } else { place };
                let target = by(kind, other.target());
                let (plan, launch) = factory::plan(&target).await;
                let options = BuildOptions { force, ..BuildOptions::default() };
                let ended = other.build_on(&target, &plan, &launch, &options).await;
                assert!(ended.result.is_ok(), "{at}: {:?}", ended.result.unwrap_err().to_string());
                assert!(ended.well_within(BOUND).fresh, "{at}");
                assert_eq!(other.leaks_after_sweep().await, [] as [String; 0], "{at}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_that_died_is_gone_on_with_by_whoever_forces_it_or_not() {
    is_gone_on_with_by_others(TargetKind::Aws).await;
}

#[tokio::test(start_paused = true)]
async fn a_build_by_image_builder_that_died_is_gone_on_with_by_whoever_forces_it_or_not() {
    is_gone_on_with_by_others(TargetKind::ImageBuilder).await;
}

#[tokio::test(start_paused = true)]
async fn a_forced_build_that_died_is_gone_on_with_and_makes_its_own_image() {
    is_gone_on_with(TargetKind::Aws).await;
}

#[tokio::test(start_paused = true)]
async fn a_forced_build_by_image_builder_that_died_is_gone_on_with_and_makes_its_own_image() {
    is_gone_on_with(TargetKind::ImageBuilder).await;
}
