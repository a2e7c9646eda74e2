//! Builders that never answer, fall silent, or are taken away.

use super::CALM;
use super::place::{Place, called, colleague, newest, seconds};
use crate::fake_aws::ec2::model::InstanceState;
use amifactory::target::Target as _;
use std::time::Duration;

/// An agent is waited for this long (`wait::ONLINE`), then everything is taken away.
const NEVER_ONLINE: Duration = seconds(600 + 60);
/// A builder that is lost is made anew: everything up to then once more.
const ONCE_MORE: Duration = seconds(300);

#[tokio::test(start_paused = true)]
async fn an_agent_never_comes_online() {
    let place = Place::new(|_| {});
    place.fake.world().ssm.all_mute = true;
    let ended = place.build().await;
    insta::assert_snapshot!(ended.badly_within(NEVER_ONLINE));
    // The agents every second at first and every 5 s in the end, every 20 s the instances.
    let looks = place.calls("DescribeInstanceInformation").0 + place.calls("DescribeInstances").0;
    assert!(looks as u64 <= NEVER_ONLINE.as_secs() / 3, "{looks} looks");
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_agent_of_the_image_never_comes_online() {
    let place = Place::new(|_| {});
    place.when(|world| called(world, "CreateImage"), |world| world.ssm.all_mute = true);
    let ended = place.build().await;
    insta::assert_snapshot!(ended.badly_within(CALM + NEVER_ONLINE));
    assert_eq!(place.leaks().await, [] as [String; 0], "an image that does not come up is not kept");
}

#[tokio::test(start_paused = true)]
async fn an_agent_falls_silent_in_the_middle() {
    let place = Place::new(|_| {});
    place.fake.world().ssm.runs_take = seconds(120);
    place.when(
        |world| called(world, "SendCommand"),
        |world| {
            let (id, now) = (newest(world).unwrap().id.clone(), world.clock.now());
            world.ssm.lost.insert(id, now + seconds(30));
        },
    );
    let ended = place.build().await;
    // Five minutes until an agent counts as out of touch, two looks a minute apart, and all of it once more; commands
    // take two minutes here.
    ended.well_within(CALM + seconds(300 + 180) + ONCE_MORE + seconds(240));
    insta::assert_snapshot!(place.told());
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_colleague_terminates_it_while_it_is_pending() {
    let place = Place::new(|_| {});
    place.when(|world| called(world, "RunInstances"), colleague);
    place.build().await.well_within(CALM + ONCE_MORE);
    insta::assert_snapshot!(place.told());
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_colleague_terminates_it_while_it_works() {
    for gone in [crate::fake_aws::ssm::Gone::Terminated, crate::fake_aws::ssm::Gone::Silent] {
        let place = Place::new(|_| {});
        place.fake.world().ssm.runs_take = seconds(60);
        place.fake.world().ssm.gone = gone;
        place.when(|world| called(world, "GetCommandInvocation"), colleague);
        place.build().await.well_within(CALM + ONCE_MORE + seconds(180));
        assert!(place.told().contains("starting on a fresh one"), "{}", place.told());
        assert_eq!(place.leaks().await, [] as [String; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_colleague_terminates_it_while_it_stops() {
    let place = Place::new(|_| {});
    place.when(|world| called(world, "StopInstances"), colleague);
    place.build().await.well_within(CALM + ONCE_MORE);
    insta::assert_snapshot!(place.told());
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_colleague_terminates_it_just_before_it_is_imaged() {
    let place = Place::new(|settings| settings.consistency = crate::fake_aws::Consistency::nasty());
    let stopped = |world: &crate::fake_aws::World| {
        let now = world.clock.now();
        newest(world).is_some_and(|instance| instance.is(now, InstanceState::Stopped))
    };
    place.when(stopped, colleague);
    place.build().await.well_within(CALM + ONCE_MORE + seconds(60));
    assert!(place.told().contains("starting on a fresh one"), "{}", place.told());
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_colleague_terminates_the_one_of_the_boot_test() {
    let place = Place::new(|_| {});
    place.when(|world| world.count("RunInstances") == 2, colleague);
    place.build().await.well_within(CALM + seconds(120));
    assert_eq!(place.calls("CreateImage").0, 1, "the image is not made again for that");
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_colleague_terminates_each_of_them() {
    let place = Place::new(|_| {});
    for nth in 1..=20 {
        place.when(move |world| world.count("RunInstances") == nth, colleague);
    }
    // Three builders of half a minute each, as far as they get.
    insta::assert_snapshot!(place.build().await.badly_within(seconds(300)));
    assert_eq!(place.calls("RunInstances").0, 3);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_time_limit_of_a_day_is_more_than_ssm_takes_and_is_cut_to_that() {
    let place = Place::new(|_| {});
    place.build_with(|plan| plan.limits.time_s = 24 * 3600, &Default::default()).await.well_within(CALM);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn one_that_a_describe_shows_and_a_call_does_not_know_yet_is_terminated_all_the_same() {
    let place = Place::new(|_| {});
    place.when(
        |world| called(world, "SendCommand"),
        |world| world.credentials.default_mut().expires = Some(world.clock.now()),
    );
    place.build().await.badly_within(CALM);
    let id = {
        let mut world = place.fake.world();
        world.credentials.default_mut().expires = None;
        newest(&world).unwrap().id.clone()
    };
    let target = place.target();
    assert_eq!(target.builders().await.unwrap().len(), 1);
    {
        let mut world = place.fake.world();
        let later = world.clock.now() + seconds(60);
        world.ec2.instances.get_mut(&id).unwrap().visible = later;
    }
    target.terminate(&id.parse().unwrap()).await.unwrap();
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_builder_that_nobody_comes_back_for_ends_itself() {
    let place = Place::new(|_| {});
    place.when(
        |world| called(world, "SendCommand"),
        |world| world.credentials.default_mut().expires = Some(world.clock.now()),
    );
    place.build().await.badly_within(CALM);
    let hours = |hours: u64| tokio::time::sleep(seconds(hours * 3600));
    let alive = |place: &Place| {
        let mut world = place.fake.world();
        let now = world.clock.now();
        world.settle(now);
        world.ec2.living_instances(now).len()
    };
    hours(5).await;
    assert_eq!(alive(&place), 1, "six hours are its time");
    hours(2).await;
    assert_eq!(alive(&place), 0);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}
