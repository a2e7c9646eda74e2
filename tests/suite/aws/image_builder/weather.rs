//! Builds by Image Builder while calls go wrong by chance, answers are behind the truth, and the service itself fails.

use super::shared::{self, seconds};
use crate::aws::factory;
use crate::aws::weather::place::Place;
use crate::fake_aws::{Consistency, Faults};
use amifactory::pipeline::BuildOptions;
use std::time::Duration;

/// How many skies of each kind, and where all are asked for.
const SEEDS: (u64, u64) = (2, 12);
/// Without any weather a build takes about ten minutes here; a call that goes wrong costs seconds.
const BOUND: Duration = seconds(30 * 60);

async fn skies(name: &str, faults: Faults) {
    let seeds = if crate::aws::crash::all() { SEEDS.1 } else { SEEDS.0 };
    let mut longest = Duration::ZERO;
    for seed in 1..=seeds {
        let place = Place::new(|settings| {
            settings.seed = seed;
            settings.faults = faults.clone();
            settings.consistency = Consistency::nasty();
            settings.throttle = true;
        });
        let target = shared::target(&place);
        let (plan, launch) = factory::plan(&target).await;
        let ended = place.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
        if let Err(error) = &ended.result {
            panic!("{name}, seed {seed}: {error}\n{}", place.told());
        }
        longest = longest.max(ended.took);
        place.fake.world().weather.rates = Faults::none();
        assert_eq!(place.leaks().await, [] as [String; 0], "{name}, seed {seed}\n{}", place.told());
        assert_eq!(shared::left(&place), [] as [String; 0], "{name}, seed {seed}");
        let again = place.build_on(&shared::target(&place), &plan, &launch, &BuildOptions::default()).await;
        assert!(!again.result.unwrap().fresh, "{name}, seed {seed}: the image that was made is found");
    }
    crate::skip::say(&format!("by Image Builder, {name}: {seeds} seeds, longest build {longest:?}"));
    assert!(longest <= BOUND, "{name}: {longest:?}");
}

#[tokio::test(start_paused = true)]
async fn answers_behind_the_truth() {
    skies("consistency alone", Faults::none()).await;
}

#[tokio::test(start_paused = true)]
async fn a_third_of_calls_throttled() {
    skies("throttling", Faults { throttle_rate: 0.3, ..Faults::none() }).await;
}

#[tokio::test(start_paused = true)]
async fn replies_lost() {
    skies("lost replies", Faults { lost_reply_rate: 0.1, ..Faults::none() }).await;
}

#[tokio::test(start_paused = true)]
async fn server_errors() {
    skies("server errors", Faults { server_error_rate: 0.05, ..Faults::none() }).await;
}

#[tokio::test(start_paused = true)]
async fn all_of_it_together() {
    let faults = Faults { reset_rate: 0.05, slow_describes: seconds(5), ..Faults::bad_weather() };
    skies("all together", faults).await;
}

/// Someone cancels the image build while it is in this state; or the service does not get on.
async fn cancelled_in(status: &'static str) -> String {
    let place = Place::new(|_| {});
    place.fake.world().imagebuilder.pokes.stuck = Some(status);
    let target = shared::target(&place);
    let (plan, launch) = factory::plan(&target).await;
    let fake = place.fake.clone();
    let colleague = tokio::spawn(async move {
        tokio::time::sleep(seconds(900)).await;
        let mut world = fake.world();
        for image in world.imagebuilder.images.values_mut() {
            image.cancelled = true;
            image.stop.ask();
        }
        world.imagebuilder.pokes.stuck = None;
    });
    let ended = place.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
    colleague.await.unwrap();
    let error = ended.badly_within(seconds(1800));
    assert_eq!(place.leaks_after_sweep().await, [] as [String; 0], "{status}");
    assert_eq!(shared::left(&place), [] as [String; 0], "{status}");
    error
}

#[tokio::test(start_paused = true)]
async fn what_someone_cancels_leaves_nothing_and_says_so() {
    for status in ["BUILDING", "TESTING", "DISTRIBUTING"] {
        let error = cancelled_in(status).await;
        assert!(error.contains("CANCELLED"), "{status}: {error}");
    }
}
