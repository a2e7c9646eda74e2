//! Calls that go wrong by chance, over many seeds, with answers behind the truth and with AWS's own throttle buckets.

use super::place::{Place, seconds};
use crate::fake_aws::record::Outcome;
use crate::fake_aws::{Consistency, Faults};
use std::time::Duration;
use tokio::task::JoinSet;

/// How many skies of each kind.
const SEEDS: u64 = 4;
/// The same where all are asked for.
const ALL_SEEDS: u64 = 20;
/// A build makes about 60 calls, half of them looks. Two of five calls going wrong once or twice in a row costs each of
/// them some seconds; a call on a resource that is hidden costs 20 s. Without any weather a build takes four minutes.
const BOUND: Duration = seconds(20 * 60);

/// Builds in each of these skies, all at the same time in worlds of their own. Each ends with an image.
async fn all_skies(name: &str, faults: Faults) {
    let mut builds = JoinSet::new();
    for seed in 1..=seeds() {
        let faults = faults.clone();
        builds.spawn(async move {
            let place = Place::new(|settings| {
                settings.seed = seed;
                settings.faults = faults;
                settings.consistency = Consistency::nasty();
                settings.throttle = true;
            });
            let ended = place.build().await;
            if let Err(error) = &ended.result {
                panic!("seed {seed}: {error}\n{}", place.told());
            }
            let (calls, wrong, images) = {
                let world = place.fake.world();
                let wrong = world.calls.iter().filter(|call| call.outcome != Outcome::Ok).count();
                (world.calls.len(), wrong, world.ec2.own_images(&world.account).len())
            };
            assert_eq!(images, 1, "seed {seed}: images");
            // The weather is over when people look; what is left is left for good.
            place.fake.world().weather.rates = Faults::none();
            assert_eq!(place.leaks().await, [] as [String; 0], "seed {seed}: left behind\n{}", place.told());
            let again = place.build().await;
            assert!(!again.result.unwrap().fresh, "seed {seed}: the image that was made is found");
            (seed, ended.took, calls, wrong)
        });
    }
    let mut all = Vec::new();
    while let Some(done) = builds.join_next().await {
        all.push(done.unwrap());
    }
    let longest = all.iter().map(|(_, took, ..)| *took).max().unwrap();
    let (calls, wrong) = all.iter().fold((0, 0), |sum, (_, _, calls, wrong)| (sum.0 + calls, sum.1 + wrong));
    crate::skip::say(&format!(
        "{name}: {} seeds, {calls} calls, {wrong} of them without success, longest build {longest:?}",
        seeds()
    ));
    assert!(longest <= BOUND, "{name}: {longest:?}, seeds {all:?}");
}

#[tokio::test(start_paused = true)]
async fn answers_behind_the_truth() {
    all_skies("consistency alone", Faults::none()).await;
}

#[tokio::test(start_paused = true)]
async fn a_third_of_calls_throttled() {
    all_skies("throttling", Faults { throttle_rate: 0.3, ..Faults::none() }).await;
}

#[tokio::test(start_paused = true)]
async fn replies_lost() {
    all_skies("lost replies", Faults { lost_reply_rate: 0.1, ..Faults::none() }).await;
}

#[tokio::test(start_paused = true)]
async fn server_errors() {
    all_skies("server errors", Faults { server_error_rate: 0.05, ..Faults::none() }).await;
}

#[tokio::test(start_paused = true)]
async fn connections_reset() {
    all_skies("resets", Faults { reset_rate: 0.1, ..Faults::none() }).await;
}

#[tokio::test(start_paused = true)]
async fn describes_that_take_their_time() {
    all_skies("slow describes", Faults { slow_describes: seconds(10), ..Faults::none() }).await;
}

#[tokio::test(start_paused = true)]
async fn all_of_it_together() {
    let faults = Faults { reset_rate: 0.05, slow_describes: seconds(5), ..Faults::bad_weather() };
    all_skies("all together", faults).await;
}

fn seeds() -> u64 {
    if crate::aws::crash::all() { ALL_SEEDS } else { SEEDS }
}
