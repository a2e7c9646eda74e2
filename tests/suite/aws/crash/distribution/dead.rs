//! The program dies at each of its requests; the same again, or sweep, puts that right.

use super::super::dying::{Death, Dying};
use super::super::machine::Machine;
use super::super::threads::{self, Work};
use super::{Bench, REGIONS};
use amifactory::identity::Region;
use amifactory::pipeline::sweep;
use amifactory::target::Target;
use amifactory::target::aws::AwsTarget;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Again,
    Sweep,
}

/// So many worlds side by side, each with the requests of every so-manieth number.
const STRIPES: usize = 8;

async fn requests(deaths: &[Death], after: After, stripe: usize) -> usize {
    let mut tried = 0;
    for request in (stripe..).step_by(STRIPES) {
        // All that is asked for, or one at each request in turn.
        let death = deaths[request / deaths.len() % deaths.len()];
        let place = format!("{death:?} at request {request}, then {after:?}");
        let bench = Bench::new().await;
        let machine = Machine::new(&bench.fake);
        let wire = Dying::new(&bench.fake, machine.state.path(), &place, Some((request, death)));
        let target = AwsTarget::with_config(&wire.config());
        if wire.run(bench.distribute(&target)).await.is_some() {
            return tried;
        }
        tried += 1;
        tokio::time::sleep(Duration::from_secs(10)).await;
        if after == After::Sweep {
            swept(&bench, &place).await;
        }
        let done = bench.again().await;
        assert!(done.is_complete(), "{place}: {done:#?}");
        tokio::time::sleep(Duration::from_secs(30)).await;
        if after == After::Sweep {
            // What is ready is not swept.
            swept(&bench, &place).await;
        }
        bench.complete(&place);
    }
    tried
}

/// Sweeps all regions, on another machine.
async fn swept(bench: &Bench, place: &str) {
    let machine = Machine::new(&bench.fake);
    let state = super::super::machine::state(machine.state.path());
    for region in REGIONS {
        let region: Region = region.parse().unwrap();
        let there = bench.target().place(&region, None).unwrap();
        let found = sweep::find(&*there, &state).await.unwrap();
        sweep::remove(&*there, &state, found).await.unwrap();
        let left = sweep::find(&*there, &state).await.unwrap();
        assert!(left.is_empty(), "{place}: {left:?}");
    }
}

fn all_deaths(after: After, deaths: &'static [&'static [Death]], stripes: usize) -> usize {
    let mut work: Vec<Work> = Vec::new();
    for &deaths in deaths {
        for stripe in 0..stripes {
            work.push(threads::piece(move || requests(deaths, after, stripe)));
        }
    }
    let points = threads::all(work);
    crate::skip::say(&format!("crash points tried in distribution, then {after:?}: {points}"));
    points
}

#[test]
fn a_distribution_that_dies_is_finished_by_the_same_again_with_one_copy_in_each_region() {
    let points = match super::super::all() {
        true => all_deaths(After::Again, &[&[Death::BeforeSend], &[Death::ReplyLost]], STRIPES),
        false => all_deaths(After::Again, &[&[Death::BeforeSend, Death::ReplyLost]], STRIPES),
    };
    assert!(points >= 60, "only {points} crash points");
}

#[test]
fn a_distribution_that_dies_leaves_nothing_that_sweep_does_not_find() {
    let stripes = if super::super::all() { STRIPES } else { STRIPES / 4 };
    let points = all_deaths(After::Sweep, &[&[Death::ReplyLost]], stripes);
    assert!(points >= 15, "only {points} crash points");
}
