//! Two deaths in one build: the one that goes on dies too. A seeded sample of all pairs.

use super::machine::Machine;
use super::scene::Scene;
use super::threads;
use super::{DEATHS, contract};
use crate::fake_aws::Consistency;

const PAIRS: usize = 60;
/// The same where all are asked for.
const ALL_PAIRS: usize = 300;
/// Each in a world of its own, so that a world does not grow too large to be looked at.
const SAMPLES: usize = 10;
/// About as many requests as a build makes; a death after its end is none.
const REQUESTS: usize = 38;

fn pairs_asked() -> usize {
    if super::all() { ALL_PAIRS } else { PAIRS }
}

async fn sample(seed: u64) -> usize {
    let mut random = fastrand::Rng::with_seed(seed);
    let consistency = if seed.is_multiple_of(3) { Consistency::nasty() } else { Consistency::none() };
    let lags = seed.is_multiple_of(3);
    let mut scene = Scene::new(seed, consistency).await;
    let mut pairs = 0;
    while pairs < pairs_asked() / SAMPLES {
        let (factory, digest, prefix) = scene.next().await;
        let mut death = || Some((random.usize(..REQUESTS), DEATHS[random.usize(..DEATHS.len())]));
        let (first, second) = (death(), death());
        let place = format!("seed {seed}: {first:?}, then {second:?}");
        let (here, there) = (Machine::new(&scene.fake), Machine::new(&scene.fake));
        let died = here.build_until(&factory, &place, first).await.is_none();
        let elsewhere = random.bool();
        let next = if elsewhere { &there } else { &here };
        let place = format!("{place}, state folder lost: {elsewhere}");
        pairs += usize::from(died && next.build_until(&factory, &place, second).await.is_none());
        let last = if random.bool() { &here } else { next };
        last.build(&factory, &place).await;
        scene.settle().await;
        contract::complete(&scene.fake, "web", &digest, &place);
        let found = last.sweep(&prefix, &place).await;
        // What a journal or a describe did not show to the last machine is left to sweep.
        assert!(found == 0 || lags || elsewhere, "{place}: {found} things are left");
        scene.settle().await;
        contract::nothing_is_left(&scene.fake, &place);
    }
    pairs
}

#[test]
fn crash_contract_on_aws_twice_in_one_build() {
    let work = (1..=SAMPLES as u64).map(|seed| threads::piece(move || sample(seed))).collect();
    let pairs = threads::all(work);
    crate::skip::say(&format!("double crashes tried on AWS: {pairs}"));
    assert!(pairs >= pairs_asked(), "only {pairs} double crashes");
}
