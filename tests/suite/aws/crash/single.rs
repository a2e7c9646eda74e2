//! One death in a build: at every request, in each of three ways; and every way to go on.

use super::machine::{Machine, recipe};
use super::scene::Scene;
use super::threads::{self, Work};
use super::{DEATHS, Death, contract};
use crate::fake_aws::Consistency;
use amifactory::pipeline::resume::Fate;

/// How it is gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    SameBuild,
    EmptyStateFolder,
    ResumeElsewhere,
    SweepAlone,
    RecipeChanged,
}

const AFTER: [After; 5] = [
    After::SameBuild,
    After::EmptyStateFolder,
    After::ResumeElsewhere,
    After::SweepAlone,
    After::RecipeChanged,
];

/// Dies at each request in turn. Answers with how many there were.
async fn every_request(death: Death, after: After, nasty: bool) -> usize {
    let began = std::time::Instant::now();
    let consistency = if nasty { Consistency::nasty() } else { Consistency::none() };
    let mut scene = Scene::new(7, consistency).await;
    for request in 0.. {
        let (factory, digest, prefix) = scene.next().await;
        let place = format!("{death:?} at request {request}, then {after:?}, nasty: {nasty}");
        let first = Machine::new(&scene.fake);
        if first.build_until(&factory, &place, Some((request, death))).await.is_some() {
            println!("{death:?}, then {after:?}, nasty: {nasty}: {request} requests, {:?}", began.elapsed());
            return request;
        }
        contract::pointers_hold(&scene.fake, &place);
        let second = Machine::new(&scene.fake);
        match after {
            After::SameBuild => drop(first.build(&factory, &place).await),
            After::EmptyStateFolder => drop(second.build(&factory, &place).await),
            After::ResumeElsewhere => {
                scene.settle().await;
                let left = !second.resume(&factory, &place).await.is_empty();
                scene.settle().await;
                if left {
                    contract::complete(&scene.fake, "web", &digest, &place);
                }
            }
            After::SweepAlone => {
                scene.settle().await;
                second.sweep(&prefix, &place).await;
            }
            After::RecipeChanged => {
                scene.settle().await;
                let found = first.resume(&recipe(10_000 + request as u32), &place).await;
                let gone_on = found.iter().any(|(_, fate)| *fate == Fate::Finish);
                assert!(!gone_on, "{place}: {found:?}");
            }
        }
        scene.settle().await;
        contract::pointers_hold(&scene.fake, &place);
        if matches!(after, After::SameBuild | After::EmptyStateFolder) {
            contract::complete(&scene.fake, "web", &digest, &place);
        }
        contract::nothing_is_left(&scene.fake, &place);
        let found = Machine::new(&scene.fake).sweep("-", &place).await;
        assert_eq!(found, 0, "{place}: sweep finds more");
    }
    unreachable!("a build has an end");
}

#[test]
fn crash_contract_on_aws_at_every_call() {
    let mut work: Vec<Work> = Vec::new();
    for death in DEATHS {
        for after in AFTER {
            for nasty in [false, true] {
                work.push(Box::new(move || Box::pin(every_request(death, after, nasty))));
            }
        }
    }
    let points = threads::all(work);
    println!("crash points tried on AWS: {points}");
    assert!(points > 600, "only {points} crash points: requests are not being counted");
}
