//! The crash contract where Image Builder builds: the program is stopped at every request, the service goes on without it,
//! and whoever comes next finds it all.

use crate::aws::crash::contract;
use crate::aws::crash::dying::Death;
use crate::aws::crash::machine::{Machine, recipe};
use crate::aws::crash::scene::Scene;
use crate::aws::crash::threads::{self, Work};
use crate::fake_aws::{Consistency, Fake};
use amifactory::pipeline::resume::Fate;

/// Every so many requests, unless all are asked for: each is a whole build by the service.
const SAMPLE: usize = 9;

/// How it is gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    SameBuild,
    EmptyStateFolder,
    ResumeElsewhere,
    SweepAlone,
    RecipeChanged,
}

/// What of builds is left at the service: what plans share may stay.
fn nothing_is_left(fake: &Fake, place: &str) {
    let world = fake.world();
    let images: Vec<&String> = world.imagebuilder.images.keys().collect();
    let resources = world.imagebuilder.resources.keys();
    let own: Vec<&String> = resources.filter(|arn| arn.contains(":distribution-configuration/")).collect();
    assert!(images.is_empty() && own.is_empty(), "{place}: left at the service: {images:?} {own:?}");
}

async fn deaths_of_one_kind(death: Death, after: After, offset: usize) -> usize {
    let mut scene = Scene::new(7, Consistency::none()).await;
    let (first, step) = if crate::aws::crash::all() { (0, 1) } else { (offset, SAMPLE) };
    for (tried, request) in (first..).step_by(step).enumerate() {
        let (factory, digest, prefix) = scene.next().await;
        let place = format!("{death:?} at request {request}, then {after:?}");
        let first = Machine::with_image_builder(&scene.fake);
        if first.build_until(&factory, &place, Some((request, death))).await.is_some() {
            println!("{death:?}, then {after:?}: {tried} of {request} requests");
            return tried;
        }
        contract::pointers_hold(&scene.fake, &place);
        let second = Machine::with_image_builder(&scene.fake);
        match after {
            After::SameBuild => drop(first.build(&factory, &place).await),
            After::EmptyStateFolder => drop(second.build(&factory, &place).await),
            After::ResumeElsewhere => {
                scene.settle().await;
                if !second.resume(&factory, &place).await.is_empty() {
                    scene.settle().await;
                    contract::complete(&scene.fake, "web", &digest, &place);
                }
            }
            // The service is in the middle of it.
            After::SweepAlone => drop(second.sweep(&prefix, &place).await),
            After::RecipeChanged => {
                let found = first.resume(&recipe(10_000 + request as u32), &place).await;
                assert!(found.iter().all(|(_, fate)| *fate != Fate::Finish), "{place}: {found:?}");
            }
        }
        scene.settle().await;
        contract::pointers_hold(&scene.fake, &place);
        if matches!(after, After::SameBuild | After::EmptyStateFolder) {
            contract::complete(&scene.fake, "web", &digest, &place);
        }
        let found = Machine::with_image_builder(&scene.fake).sweep(&prefix, &place).await;
        // A configuration whose build was never begun shows as no build: it waits for sweep.
        let may_wait = matches!(after, After::ResumeElsewhere | After::RecipeChanged);
        assert!(found <= usize::from(may_wait), "{place}: {found} things are left");
        scene.settle().await;
        contract::nothing_is_left(&scene.fake, &place);
        nothing_is_left(&scene.fake, &place);
    }
    unreachable!("a build has an end");
}

fn all_deaths(after: After) {
    let mut work: Vec<Work> = Vec::new();
    for (number, death) in [Death::BeforeSend, Death::ReplyLost, Death::BeforeJournal].into_iter().enumerate() {
        work.push(threads::piece(move || deaths_of_one_kind(death, after, 3 * number)));
    }
    let points = threads::all(work);
    crate::skip::say(&format!("crash points tried with Image Builder, then {after:?}: {points}"));
    assert!(points >= 12, "only {points} crash points: requests are not being counted");
}

#[test]
fn crash_contract_with_image_builder_then_the_same_build_again() {
    all_deaths(After::SameBuild);
}

#[test]
fn crash_contract_with_image_builder_then_the_same_build_with_an_empty_state_folder() {
    all_deaths(After::EmptyStateFolder);
}

#[test]
fn crash_contract_with_image_builder_then_resume_on_another_machine() {
    all_deaths(After::ResumeElsewhere);
}

#[test]
fn crash_contract_with_image_builder_then_sweep_alone() {
    all_deaths(After::SweepAlone);
}

#[test]
fn crash_contract_with_image_builder_then_the_recipe_has_changed() {
    all_deaths(After::RecipeChanged);
}
