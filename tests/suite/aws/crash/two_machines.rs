//! Two machines that know nothing of each other build at the same time.

use super::contract;
use super::machine::{Machine, state};
use super::scene::Scene;
use super::threads;
use crate::fake_aws::Consistency;
use amifactory::identity::Digest;
use amifactory::pipeline::journal::{Journal, What};
use std::time::Duration;

/// How long after the first the second one begins.
const LATER: [u64; 12] = [0, 1, 3, 5, 8, 11, 14, 17, 20, 24, 28, 32];

/// What the first machine's state folder knows of an earlier attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Earlier {
    Nothing,
    /// It failed before it launched anything.
    Failed,
    /// It had launched a builder, long ago: EC2 has forgotten the token.
    Launched,
}

/// Writes what a machine knows of an earlier attempt of a plan.
fn remember(machine: &Machine, digest: &Digest, earlier: Earlier) {
    if earlier == Earlier::Nothing {
        return;
    }
    let build = format!("web-{}-1", digest.short()).parse().unwrap();
    let folder = state(machine.state.path()).make_build(&build).unwrap();
    let mut journal = Journal::open(&folder).unwrap();
    let begun = What::Begun { recipe: "web".into(), version: "1.0.1".into(), digest: digest.to_string() };
    journal.write(begun).unwrap();
    if earlier == Earlier::Launched {
        journal.write(What::Answered { step: "launch".into(), call: "launch".into() }).unwrap();
    }
    journal.write(What::Ended { outcome: "failed".into() }).unwrap();
}

async fn of_one_plan(later: u64, earlier: Earlier) -> usize {
    let mut scene = Scene::new(later, Consistency::none()).await;
    let (factory, digest, prefix) = scene.next().await;
    let (one, two) = (Machine::new(&scene.fake), Machine::new(&scene.fake));
    let place = format!("the second {later} s later, the first knows of an attempt: {earlier:?}");
    remember(&one, &digest, earlier);
    let second = async {
        tokio::time::sleep(Duration::from_secs(later)).await;
        two.build_until(&factory, &place, None).await.unwrap()
    };
    let (first, second) = tokio::join!(one.build_until(&factory, &place, None), second);
    let first = first.unwrap();
    let failed: Vec<String> =
        [&first, &second].iter().filter_map(|end| Some(end.as_ref().err()?.to_string())).collect();
    assert!(failed.len() < 2, "{place}: both failed: {failed:#?}");
    scene.settle().await;
    // One that lost the race says so, and finds the other's image when it is called again.
    assert!(!one.build(&factory, &place).await.fresh, "{place}: {failed:?}");
    contract::complete(&scene.fake, "web", &digest, &place);
    Machine::new(&scene.fake).sweep(&prefix, &place).await;
    scene.settle().await;
    contract::nothing_is_left(&scene.fake, &place);
    println!("{place}: {} failed: {failed:?}", failed.len());
    1
}

async fn of_two_plans(later: u64) -> usize {
    let mut scene = Scene::new(later, Consistency::none()).await;
    let ((factory, digest, _), (other, other_digest, _)) = (scene.next().await, scene.next().await);
    let (one, two) = (Machine::new(&scene.fake), Machine::new(&scene.fake));
    let place = format!("another plan {later} s later");
    let second = async {
        tokio::time::sleep(Duration::from_secs(later)).await;
        two.build(&other, &place).await
    };
    let (first, second) = tokio::join!(one.build(&factory, &place), second);
    scene.settle().await;
    assert_ne!(first.record.version, second.record.version, "{place}");
    let newest = if first.record.version > second.record.version { &digest } else { &other_digest };
    contract::complete(&scene.fake, "web", newest, &place);
    contract::nothing_is_left(&scene.fake, &place);
    1
}

/// One builds with EC2, the other with EC2 Image Builder; none sees the other's builders.
async fn of_two_targets(later: u64, service_first: bool) -> usize {
    let mut scene = Scene::new(later, Consistency::none()).await;
    let (factory, digest, prefix) = scene.next().await;
    let (by_us, by_service) = (Machine::new(&scene.fake), Machine::with_image_builder(&scene.fake));
    let (one, two) = if service_first { (&by_service, &by_us) } else { (&by_us, &by_service) };
    let place = format!("the second {later} s later, Image Builder first: {service_first}");
    let second = async {
        tokio::time::sleep(Duration::from_secs(later)).await;
        two.build_until(&factory, &place, None).await.unwrap()
    };
    let (first, second) = tokio::join!(one.build_until(&factory, &place, None), second);
    let ends = [first.unwrap(), second];
    let failed: Vec<String> = ends.iter().filter_map(|end| Some(end.as_ref().err()?.to_string())).collect();
    assert!(failed.len() < 2, "{place}: both failed: {failed:#?}");
    scene.settle().await;
    contract::pointers_hold(&scene.fake, &place);
    for machine in [&by_us, &by_service] {
        assert!(!machine.build(&factory, &place).await.fresh, "{place}: {failed:?}");
    }
    contract::complete(&scene.fake, "web", &digest, &place);
    for machine in [Machine::with_image_builder(&scene.fake), Machine::new(&scene.fake)] {
        machine.sweep(&prefix, &place).await;
    }
    scene.settle().await;
    // Its record, too: that is one of what must be there.
    contract::nothing_is_left(&scene.fake, &place);
    assert!(scene.fake.world().imagebuilder.images.is_empty(), "{place}: image builds are left");
    println!("{place}: {} failed: {failed:?}", failed.len());
    1
}

#[test]
fn two_machines_that_build_one_plan_in_the_two_ways_make_one_image_with_its_record() {
    let mut work = Vec::new();
    for service_first in [false, true] {
        work.extend(LATER.map(|later| threads::piece(move || of_two_targets(later, service_first))));
    }
    assert_eq!(threads::all(work), 2 * LATER.len());
}

#[test]
fn two_machines_that_build_one_plan_make_one_image() {
    let work = LATER.map(|later| threads::piece(move || of_one_plan(later, Earlier::Nothing)));
    assert_eq!(threads::all(work.into()), LATER.len());
}

#[test]
fn two_machines_make_one_image_though_one_remembers_an_earlier_attempt() {
    let mut work = Vec::new();
    for earlier in [Earlier::Failed, Earlier::Launched] {
        work.extend(LATER.map(|later| threads::piece(move || of_one_plan(later, earlier))));
    }
    assert_eq!(threads::all(work), 2 * LATER.len());
}

#[test]
fn two_machines_that_build_two_plans_of_a_recipe_give_two_versions_and_never_move_a_channel_back() {
    let work = LATER.map(|later| threads::piece(move || of_two_plans(later)));
    assert_eq!(threads::all(work.into()), LATER.len());
}
