//! One death in a build: at every request, in each of three ways; and every way to go on.

use super::machine::{Machine, recipe};
use super::scene::Scene;
use super::threads::{self, Work};
use super::{DEATHS, Death, contract};
use crate::fake_aws::Consistency;
use amifactory::pipeline::resume::Fate;

/// In a world whose answers lag behind, every so many requests, unless all are asked for.
const LAGGING: usize = 8;
/// The same in an orderly world, where the build is not gone on with but settled.
const OTHERWISE: usize = 3;

/// How it is gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    SameBuild,
    EmptyStateFolder,
    ResumeElsewhere,
    SweepAlone,
    RecipeChanged,
}

/// Dies at each request in turn. Answers with how many were tried.
async fn every_request(death: Death, after: After, nasty: bool) -> usize {
    let began = std::time::Instant::now();
    let consistency = if nasty { Consistency::nasty() } else { Consistency::none() };
    let mut scene = Scene::new(7, consistency).await;
    let goes_on = matches!(after, After::SameBuild | After::EmptyStateFolder);
    let step = match (super::all(), nasty, goes_on) {
        (true, ..) | (_, false, true) => 1,
        (_, false, false) => OTHERWISE,
        (_, true, _) => LAGGING,
    };
    for (tried, request) in (0..).step_by(step).enumerate() {
        let (factory, digest, prefix) = scene.next().await;
        let place = format!("{death:?} at request {request}, then {after:?}, nasty: {nasty}");
        let first = Machine::new(&scene.fake);
        if first.build_until(&factory, &place, Some((request, death))).await.is_some() {
            println!("{death:?}, then {after:?}, nasty: {nasty}: {tried} of {request} requests, {:?}", began.elapsed());
            return tried;
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
        let found = Machine::new(&scene.fake).sweep(&prefix, &place).await;
        // What lags behind can hide what a build would have replaced: that much may be left to sweep.
        assert!(found == 0 || nasty && after != After::SweepAlone, "{place}: {found} things are left");
        scene.settle().await;
        contract::nothing_is_left(&scene.fake, &place);
    }
    unreachable!("a build has an end");
}

/// All deaths at all requests, each in an orderly world and in one whose answers lag behind.
fn all_deaths(after: After) {
    let mut work: Vec<Work> = Vec::new();
    for death in DEATHS {
        for nasty in [false, true] {
            work.push(threads::piece(move || every_request(death, after, nasty)));
        }
    }
    let points = threads::all(work);
    crate::skip::say(&format!("crash points tried on AWS, then {after:?}: {points}"));
    assert!(points >= 30, "only {points} crash points: requests are not being counted");
}

#[test]
fn crash_contract_on_aws_then_the_same_build_again() {
    all_deaths(After::SameBuild);
}

#[test]
fn crash_contract_on_aws_then_the_same_build_with_an_empty_state_folder() {
    all_deaths(After::EmptyStateFolder);
}

#[test]
fn crash_contract_on_aws_then_resume_on_another_machine() {
    all_deaths(After::ResumeElsewhere);
}

#[test]
fn crash_contract_on_aws_then_sweep_alone() {
    all_deaths(After::SweepAlone);
}

#[test]
fn crash_contract_on_aws_then_the_recipe_has_changed() {
    all_deaths(After::RecipeChanged);
}
