//! Everything goes well, in good weather and in bad.

use super::{Bench, told};
use crate::fake_aws::{Consistency, Faults};

#[tokio::test(start_paused = true)]
async fn an_image_goes_to_all_places_and_again_is_nothing_to_do() {
    let bench = Bench::new().await;
    let done = bench.again().await;
    assert!(done.is_complete(), "{done:#?}");
    assert_eq!(
        told(&done),
        [
            "us-east-1 own ready",
            "us-east-1 111122223333 ready",
            "us-east-1 044455556666 shared",
            "us-west-2 own ready",
            "us-west-2 111122223333 ready",
            "us-west-2 044455556666 shared",
            "eu-central-1 own ready",
            "eu-central-1 111122223333 ready",
            "eu-central-1 044455556666 shared",
        ]
    );
    bench.complete("once");
    let from = bench.fake.world().calls.len();
    let again = bench.again().await;
    assert_eq!(told(&again), told(&done));
    bench.complete("twice");
    let world = bench.fake.world();
    let reads = |action: &str| ["Describe", "Get", "List", "Assume"].iter().any(|verb| action.starts_with(verb));
    let writes: Vec<&str> =
        world.calls[from..].iter().map(|call| call.action.as_str()).filter(|action| !reads(action)).collect();
    assert_eq!(writes, [] as [&str; 0], "nothing was left to do");
    println!("calls where nothing is left to do: {}", world.calls.len() - from);
}

#[tokio::test(start_paused = true)]
async fn an_image_goes_to_all_places_in_bad_weather() {
    for seed in 1..=4 {
        let bench = Bench::in_weather(Consistency::nasty(), seed).await;
        bench.fake.world().weather.rates = Faults::bad_weather();
        bench.fake.world().throttle.enforced = true;
        let done = bench.again().await;
        assert!(done.is_complete(), "seed {seed}: {done:#?}");
        bench.fake.world().weather.rates = Faults::none();
        tokio::time::sleep(std::time::Duration::from_secs(300)).await;
        bench.complete(&format!("seed {seed}"));
    }
}
