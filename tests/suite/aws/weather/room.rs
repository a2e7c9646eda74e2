//! Capacity, the spot market, quotas.

use super::CALM;
use super::place::{Place, called, newest, seconds};
use crate::fake_aws::World;
use amifactory::pipeline::BuildOptions;
use amifactory::plan::Plan;

const ZONES: [&str; 6] = ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d", "us-east-1e", "us-east-1f"];

/// What each try of the wrong place costs: a call, and waiting for RunInstances' own bucket (5, then 2 a second).
const TRIES: std::time::Duration = seconds(30);

fn types() -> Vec<String> {
    let arch = amifactory::identity::Arch::X86_64;
    crate::aws::factory::settings().instance_types.of(arch).to_vec()
}

fn full(world: &mut World, types: &[String], zones: &[&str]) {
    for kind in types {
        for zone in zones {
            world.ec2.pokes.no_capacity.insert((kind.clone(), (*zone).to_owned()));
        }
    }
}

fn spot(plan: &mut Plan) {
    plan.aws.spot = true;
}

#[tokio::test(start_paused = true)]
async fn one_zone_is_full() {
    let place = Place::new(|settings| settings.throttle = true);
    full(&mut place.fake.world(), &types(), &ZONES[..1]);
    place.build().await.well_within(CALM + TRIES);
    let world = place.fake.world();
    assert!(world.ec2.instances.values().all(|instance| instance.zone != ZONES[0]));
    drop(world);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn one_type_is_gone_everywhere() {
    let place = Place::new(|settings| settings.throttle = true);
    let types = types();
    assert!(types.len() > 1, "there is another type to take: {types:?}");
    full(&mut place.fake.world(), &types[..1], &ZONES);
    place.build().await.well_within(CALM + TRIES);
    let world = place.fake.world();
    assert!(world.ec2.instances.values().all(|instance| instance.kind != types[0]));
    drop(world);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_to_be_had_anywhere() {
    let place = Place::new(|settings| settings.throttle = true);
    full(&mut place.fake.world(), &types(), &ZONES);
    let text = place.build().await.badly_within(TRIES);
    insta::assert_snapshot!(text.lines().last().unwrap());
    assert!(text.starts_with("no builder can be had: ") && text.contains("capacity"), "{text}");
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_quota_is_used_up() {
    let place = Place::new(|settings| settings.throttle = true);
    place.fake.world().ec2.pokes.vcpu_limit = Some(1);
    let text = place.build().await.badly_within(TRIES);
    insta::assert_snapshot!(text.lines().last().unwrap());
    assert!(text.contains("vCPU limit of 1"), "{text}");
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn spot_builds_an_image_though_it_cannot_be_stopped() {
    let place = Place::new(|_| {});
    place.build_with(spot, &BuildOptions::default()).await.well_within(CALM);
    let world = place.fake.world();
    assert!(world.ec2.instances.values().any(|instance| instance.spot.is_some()), "on the spot market");
    // What is refused is not asked for: which error EC2 has for it is not documented.
    let asked = ["ModifyInstanceAttribute", "StopInstances"].map(|action| world.count(action));
    assert_eq!(asked, [0, 0]);
    drop(world);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn without_spot_it_is_on_demand() {
    let place = Place::new(|settings| settings.throttle = true);
    for kind in types() {
        for zone in ZONES {
            place.fake.world().ec2.pokes.no_spot_capacity.insert((kind.clone(), zone.to_owned()));
        }
    }
    place.build_with(spot, &BuildOptions::default()).await.well_within(CALM + 2 * TRIES);
    assert!(place.fake.world().ec2.instances.values().all(|instance| instance.spot.is_none()));
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn spot_takes_the_builder_back() {
    let place = Place::new(|_| {});
    place.fake.world().ssm.runs_take = seconds(60);
    place.when(
        |world| called(world, "SendCommand"),
        |world| {
            let (id, now) = (newest(world).unwrap().id.clone(), world.clock.now());
            world.ec2.reclaim(&id, now + seconds(20));
        },
    );
    place.build_with(spot, &BuildOptions::default()).await.well_within(2 * CALM + seconds(120));
    insta::assert_snapshot!(place.told());
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn spot_takes_the_builder_back_when_it_is_sealed() {
    let place = Place::new(|_| {});
    // In the middle of what is asked of AWS for it.
    place.fake.world().latencies.call = seconds(1);
    let reclaimed = place.when(
        |world| called(world, "GetCommandInvocation"),
        |world| {
            let (id, now) = (newest(world).unwrap().id.clone(), world.clock.now());
            world.ec2.reclaim(&id, now);
        },
    );
    place.build_with(spot, &BuildOptions::default()).await.well_within(2 * CALM + seconds(60));
    assert!(reclaimed.is_finished(), "it was taken back");
    assert_eq!(place.leaks().await, [] as [String; 0]);
}
