//! The crash contract (design §4) on the engine: the program is stopped at every call it makes to its target.

use crate::simulated::{Death, Simulated, World, base};
use amifactory::identity::{Digest, Version};
use amifactory::pipeline::resume::{self, Fate, Settled, Unfinished};
use amifactory::pipeline::tags::ImageState;
use amifactory::pipeline::{BuildError, BuildOptions, Engine, Event, Sink, StateFolder, sweep, tags};
use amifactory::plan::{Bundle, Bundles, Inputs, Plan};
use amifactory::recipe::{Gate, Limits, LocalBase};
use amifactory::target::LaunchBase;
use std::path::Path;
use std::sync::{Arc, Mutex};

struct Silent;
impl Sink for Silent {
    fn event(&self, _: &Event) {}
}

fn bundle(name: &'static str, steps: &[&str]) -> Bundle {
    let script = format!("{name} {steps:?}");
    Bundle {
        name,
        digest: Digest::of(&script),
        script,
        steps: steps.iter().map(|step| (step.to_string(), step.to_string())).collect(),
    }
}

fn plan(content: &str) -> Plan {
    let inputs = Inputs([("content".to_owned(), content.to_owned())].into());
    Plan {
        recipe: "web".parse().unwrap(),
        description: "a web server".into(),
        version: "1.0".parse().unwrap(),
        base: base(),
        groups: Vec::new(),
        profile: None,
        controls: Vec::new(),
        bundles: Bundles {
            apply: bundle("apply", &["group/nginx/packages"]),
            seal: bundle("seal", &["packages/all", "seal/logs"]),
            boot_test: bundle("boot-test", &["test/0"]),
        },
        network: Vec::new(),
        secrets: Vec::new(),
        aws: Default::default(),
        gate: Gate::default(),
        publish: Some("dev".parse().unwrap()),
        limits: Limits::default(),
        digest: inputs.digest(),
        inputs,
    }
}

fn launch() -> LaunchBase {
    LaunchBase::Base(LocalBase::Rootfs("root".into()).into(), base())
}

async fn build(target: &Simulated, state: &Path, plan: &Plan) -> Result<amifactory::pipeline::Built, BuildError> {
    let state = StateFolder::open(state).unwrap();
    let engine = Engine { target, state: &state, sink: &Silent };
    let _lock = engine.lock(&plan.recipe).await.unwrap();
    engine.build(plan, &launch(), &BuildOptions::default()).await
}

/// A world in which version 1.0.0 is published to dev, by an earlier plan.
async fn world_with_an_old_image() -> Arc<Mutex<World>> {
    let world = Arc::new(Mutex::new(World::default()));
    let state = tempfile::tempdir().unwrap();
    build(&Simulated::new(world.clone()), state.path(), &plan("old")).await.unwrap();
    world
}

/// Runs a build that dies at a call. False where the build ended before it came to that call.
async fn die(world: &Arc<Mutex<World>>, state: &Path, plan: &Plan, call: usize, death: Death) -> bool {
    let target = Simulated::dying(world.clone(), call, death);
    let dead = target.dead();
    tokio::select! {
        biased;
        () = dead.notified() => true,
        ended = build(&target, state, plan) => { ended.unwrap(); false }
    }
}

fn assert_contract(world: &Arc<Mutex<World>>, plan: &Plan, place: &str) {
    let world = world.lock().unwrap();
    assert!(world.broken.is_empty(), "{place}: a pointer was wrong: {:?}", world.broken);
    assert!(world.images_of(&plan.digest).len() <= 1, "{place}: more than one image of a digest");
}

fn assert_complete(world: &Arc<Mutex<World>>, plan: &Plan, place: &str) {
    assert_contract(world, plan, place);
    let world = world.lock().unwrap();
    assert!(world.builders.is_empty(), "{place}: builders are left: {:?}", world.builders.keys());
    let images = world.images_of(&plan.digest);
    assert_eq!(images.len(), 1, "{place}: images of the digest");
    assert_eq!(ImageState::of(&images[0].tags), ImageState::Published, "{place}");
    assert_eq!(world.channel("dev"), Some(&images[0].id), "{place}: the channel names the new image");
    assert_eq!(images[0].tags["amifactory:version"], "1.0.1", "{place}: no version was lost or skipped");
}

const DEATHS: [Death; 3] = [Death::BeforeTheEffect, Death::HalfWay, Death::ReplyLost];

#[tokio::test]
async fn crash_contract_at_every_call_then_the_same_build_again() {
    let plan = plan("new");
    let mut points = 0;
    for keep_journal in [true, false] {
        for death in DEATHS {
            for call in 0.. {
                let world = world_with_an_old_image().await;
                let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
                if !die(&world, first.path(), &plan, call, death).await {
                    break;
                }
                points += 1;
                let place = format!("call {call} {death:?}, journal kept: {keep_journal}");
                assert_contract(&world, &plan, &place);
                let state = if keep_journal { first.path() } else { second.path() };
                build(&Simulated::new(world.clone()), state, &plan).await.unwrap();
                assert_complete(&world, &plan, &place);
                let again = build(&Simulated::new(world.clone()), state, &plan).await.unwrap();
                assert!(!again.fresh, "{place}: a build that is done is not done again");
            }
        }
    }
    crate::skip::say(&format!("crash points tried: {points}"));
    assert!(points > 100, "only {points} crash points: the engine's calls are not being counted");
}

#[tokio::test]
async fn crash_contract_twice_in_one_build() {
    let plan = plan("new");
    let mut points = 0;
    for first_death in DEATHS {
        for first in (0..40).step_by(3) {
            for second_death in DEATHS {
                for second in (0..40).step_by(4) {
                    let world = world_with_an_old_image().await;
                    let state = tempfile::tempdir().unwrap();
                    die(&world, state.path(), &plan, first, first_death).await;
                    die(&world, state.path(), &plan, second, second_death).await;
                    points += 1;
                    let place = format!("{first_death:?} at {first}, then {second_death:?} at {second}");
                    assert_contract(&world, &plan, &place);
                    build(&Simulated::new(world.clone()), state.path(), &plan).await.unwrap();
                    assert_complete(&world, &plan, &place);
                }
            }
        }
    }
    crate::skip::say(&format!("double crashes tried: {points}"));
}

#[tokio::test]
async fn crash_contract_sweep_alone_leaves_nothing_behind() {
    let plan = plan("new");
    for death in DEATHS {
        for call in 0.. {
            let world = world_with_an_old_image().await;
            let (first, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            if !die(&world, first.path(), &plan, call, death).await {
                break;
            }
            let place = format!("call {call} {death:?}");
            let state = StateFolder::open(empty.path()).unwrap();
            let target = Simulated::new(world.clone());
            let found = sweep::find(&target, &state).await.unwrap();
            sweep::remove(&target, &state, found).await.unwrap();
            assert!(sweep::find(&target, &state).await.unwrap().is_empty(), "{place}");
            assert_contract(&world, &plan, &place);
            let world = world.lock().unwrap();
            assert!(world.builders.is_empty(), "{place}");
            for image in world.images_of(&plan.digest) {
                assert!(world.pointers.values().any(|p| p.image == image.id), "{place}: nothing names {}", image.id);
            }
        }
    }
}

#[tokio::test]
async fn a_failing_test_leaves_the_old_image_in_the_channel_and_nothing_else() {
    for step in ["group/nginx/packages", "seal/logs", "test/0"] {
        let world = world_with_an_old_image().await;
        let old = world.lock().unwrap().channel("dev").cloned();
        world.lock().unwrap().failing.insert(step.to_owned(), 7);
        let plan = plan("new");
        let state = tempfile::tempdir().unwrap();
        let error = build(&Simulated::new(world.clone()), state.path(), &plan).await.unwrap_err();
        assert!(matches!(error, BuildError::Step(_)), "{error}");
        {
            let world = world.lock().unwrap();
            assert_eq!(world.channel("dev").cloned(), old);
            assert!(world.builders.is_empty() && world.images_of(&plan.digest).is_empty(), "{step}");
        }
        world.lock().unwrap().failing.clear();
        build(&Simulated::new(world.clone()), state.path(), &plan).await.unwrap();
        assert_complete(&world, &plan, step);
    }
}

#[tokio::test]
async fn a_build_that_was_resumed_late_does_not_take_the_channel_back() {
    let world = world_with_an_old_image().await;
    let (late, state) = (plan("late"), tempfile::tempdir().unwrap());
    // Dies with its image made but not published; meanwhile a newer build is published.
    let mut call = 0;
    while world.lock().unwrap().images_of(&late.digest).is_empty() {
        die(&world, state.path(), &late, call, Death::ReplyLost).await;
        call += 1;
    }
    let newer = build(&Simulated::new(world.clone()), state.path(), &plan("newer")).await.unwrap();
    assert!(newer.record.version > "1.0.1".parse::<Version>().unwrap());
    build(&Simulated::new(world.clone()), state.path(), &late).await.unwrap();
    assert_eq!(world.lock().unwrap().channel("dev"), Some(&newer.image.id));
}

#[tokio::test]
async fn a_version_that_is_taken_is_refused_before_anything_starts() {
    let world = world_with_an_old_image().await;
    let state = tempfile::tempdir().unwrap();
    let folder = StateFolder::open(state.path()).unwrap();
    let target = Simulated::new(world.clone());
    let engine = Engine { target: &target, state: &folder, sink: &Silent };
    let options = BuildOptions { version: Some("1.0.0".parse().unwrap()), ..BuildOptions::default() };
    let error = engine.build(&plan("new"), &launch(), &options).await.unwrap_err();
    assert!(matches!(error, BuildError::VersionTaken { .. }), "{error}");
    assert_eq!(world.lock().unwrap().launched.len(), 2, "only the old image's builder and its test");
}

#[tokio::test]
async fn forcing_builds_again_under_the_next_version() {
    let world = world_with_an_old_image().await;
    let state = tempfile::tempdir().unwrap();
    let folder = StateFolder::open(state.path()).unwrap();
    let target = Simulated::new(world.clone());
    let engine = Engine { target: &target, state: &folder, sink: &Silent };
    let forced = BuildOptions { force: true, ..BuildOptions::default() };
    let built = engine.build(&plan("old"), &launch(), &forced).await.unwrap();
    assert_eq!(built.record.version.to_string(), "1.0.1");
    assert_eq!(world.lock().unwrap().channel("dev"), Some(&built.image.id));
}

/// Runs a forced build of the old plan that dies at a call. False where it ended before.
async fn die_forced(world: &Arc<Mutex<World>>, state: &Path, call: usize) -> bool {
    let target = Simulated::dying(world.clone(), call, Death::HalfWay);
    let (dead, folder, plan) = (target.dead(), StateFolder::open(state).unwrap(), plan("old"));
    let engine = Engine { target: &target, state: &folder, sink: &Silent };
    let forced = BuildOptions { force: true, ..BuildOptions::default() };
    let launch = launch();
    tokio::select! {
        biased;
        () = dead.notified() => true,
        ended = engine.build(&plan, &launch, &forced) => { ended.unwrap(); false }
    }
}

#[tokio::test]
async fn a_forced_build_that_died_is_gone_on_with_though_there_is_an_image() {
    for call in 0.. {
        let world = world_with_an_old_image().await;
        let state = tempfile::tempdir().unwrap();
        if !die_forced(&world, state.path(), call).await {
            break;
        }
        let begun = !world.lock().unwrap().builders.is_empty() || world.lock().unwrap().images.len() > 1;
        build(&Simulated::new(world.clone()), state.path(), &plan("old")).await.unwrap();
        let world = world.lock().unwrap();
        assert!(world.builders.is_empty(), "call {call}");
        assert!(world.images.values().all(|(image, _)| ImageState::of(&image.tags) == ImageState::Published), "{call}");
        assert_eq!(world.images.len(), if begun { 2 } else { 1 }, "call {call}");
    }
}

#[tokio::test]
async fn forcing_makes_a_new_image_though_the_last_build_left_its_builder() {
    // The last calls of a build remove its builder: it dies there, published.
    let world = Arc::new(Mutex::new(World::default()));
    let (state, old) = (tempfile::tempdir().unwrap(), plan("old"));
    let published =
        |world: &World| world.images.values().any(|(i, _)| ImageState::of(&i.tags) == ImageState::Published);
    let mut call = 0;
    while !published(&world.lock().unwrap()) {
        *world.lock().unwrap() = World::default();
        assert!(die(&world, state.path(), &old, call, Death::ReplyLost).await);
        call += 1;
    }
    let folder = StateFolder::open(state.path()).unwrap();
    let target = Simulated::new(world.clone());
    let engine = Engine { target: &target, state: &folder, sink: &Silent };
    let forced = BuildOptions { force: true, ..BuildOptions::default() };
    let built = engine.build(&old, &launch(), &forced).await.unwrap();
    assert_eq!(built.record.version.to_string(), "1.0.1");
    assert_eq!(world.lock().unwrap().images.len(), 2);
}

#[tokio::test]
async fn crash_contract_a_build_whose_recipe_has_moved_on_is_settled() {
    let plan = plan("new");
    let mut kept = 0;
    for death in DEATHS {
        for call in 0.. {
            let world = world_with_an_old_image().await;
            let folder = tempfile::tempdir().unwrap();
            if !die(&world, folder.path(), &plan, call, death).await {
                break;
            }
            let place = format!("call {call} {death:?}");
            let owners: Vec<tags::Owner> = {
                let world = world.lock().unwrap();
                let images = world.images_of(&plan.digest).into_iter().map(|image| &image.tags);
                images.chain(world.builders.values().map(|builder| &builder.tags)).filter_map(tags::owner).collect()
            };
            let Some(owner) = owners.first() else { continue };
            let state = StateFolder::open(folder.path()).unwrap();
            let target = Simulated::new(world.clone());
            let fate = Fate::Remove("the recipe has changed".into());
            let unfinished = Unfinished {
                build: owner.build.clone(),
                recipe: plan.recipe.clone(),
                digest: plan.digest.clone(),
                fate,
                theirs: None,
            };
            let lock = state.try_lock(&plan.recipe).unwrap();
            let busy = resume::settle(&target, &state, &unfinished).await.unwrap();
            assert!(matches!(busy, Settled::Busy(_)), "{place}: {busy:?}");
            drop(lock);
            let settled = settled(&target, &state, &unfinished).await;
            kept += u32::from(settled == Settled::Kept);
            assert_contract(&world, &plan, &place);
            let world = world.lock().unwrap();
            assert!(world.builders.is_empty(), "{place}");
            for image in world.images_of(&plan.digest) {
                assert_eq!(ImageState::of(&image.tags), ImageState::Published, "{place}: would be found for ever");
                assert!(world.pointers.values().any(|p| p.image == image.id), "{place}");
            }
        }
    }
    assert!(kept > 0, "no build died between its pointers and its last tag");
}

/// Settles a build. A process that another thread has just forked holds our locks until it becomes its program.
async fn settled(target: &Simulated, state: &StateFolder, unfinished: &Unfinished) -> Settled {
    for _ in 0..50 {
        let settled = resume::settle(target, state, unfinished).await.unwrap();
        if !matches!(settled, Settled::Busy(_)) {
            return settled;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("someone holds the lock of {}", unfinished.recipe)
}
