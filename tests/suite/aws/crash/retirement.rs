//! The way out dies at each of its requests, and other machines that know nothing of it go on. An image is never
//! deregistered while something uses it, no snapshot of one that is gone is left, and who could launch it can be given back.

use super::moves::frozen::{Frozen, Stands};
use super::threads::{self, Work};
use crate::aws::ladder::{Stands as State, apply, bring_back};
use crate::aws::retire::Bench;
use crate::aws::wire::{Cut, Wire};
use amifactory::target::aws::AwsTarget;
use std::time::Duration;

/// What is under way when the program dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Deprecate,
    Disable,
    /// `--restore` of an image that is disabled.
    Restore,
    /// A run that finds a disabled image in use again.
    BringBack,
}

/// What happens after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// The same command again.
    Again,
    /// Something uses the image from then on, and the command comes again.
    InUse,
}

const TEMPLATE: &str = "lt-00000000000000fff";

/// At which requests the program dies: at each, or at others before it is sent than after.
fn sample(cut: Cut) -> (usize, usize) {
    match (super::all(), cut) {
        (true, _) => (0, 1),
        (false, Cut::BeforeSend) => (0, 16),
        (false, Cut::ReplyLost) => (10, 16),
    }
}

/// The world at a moment.
struct Saved {
    ec2: crate::fake_aws::ec2::State,
    parameters: crate::fake_aws::ssm::parameters::Store,
}

impl Bench {
    fn saved(&self) -> Saved {
        let (home, mut world) = (self.home(), self.fake.world());
        Saved { ec2: world.ec2.clone(), parameters: world.ssm.place(&home).parameters.clone() }
    }

    fn set_back(&self, saved: &Saved) {
        let (home, mut world) = (self.home(), self.fake.world());
        world.ec2 = saved.ec2.clone();
        world.ssm.place(&home).parameters = saved.parameters.clone();
    }
}

async fn bench() -> Bench {
    let mut bench = Bench::new().await;
    bench.soak(Duration::ZERO);
    bench.share().await;
    bench
}

/// Runs what `retire --apply` does until it has this to say of the image. It is never more than a few runs away.
async fn until(bench: &Bench, image: &str, wanted: &dyn Fn(Option<&State>) -> bool, place: &str) {
    for _ in 0..4 {
        if wanted(bench.stands(image).as_ref()) {
            return;
        }
        apply(bench, &bench.target()).await;
    }
    assert!(wanted(bench.stands(image).as_ref()), "{place}: {:?}", bench.stands(image));
}

/// Dies at each request in turn; between them the image is brought back to where it began. Answers with how many were
/// tried.
async fn every_request(verb: Verb, after: After, cut: Cut) -> usize {
    let bench = bench().await;
    let (image, before) = (bench.image(), bench.stands(&bench.image()).unwrap());
    let disabled = |stands: Option<&State>| stands.is_some_and(|stands| stands.state == "disabled");
    let (first, stride) = sample(cut);
    let mut points = 0;
    for request in (first..).step_by(stride) {
        points += 1;
        let place = format!("{verb:?} dies at request {request}, {cut:?}, then {after:?}");
        match verb {
            Verb::Deprecate => {}
            Verb::Disable => until(&bench, &image, &|stands| stands.is_some_and(|s| s.deprecated), &place).await,
            Verb::Restore | Verb::BringBack => until(&bench, &image, &disabled, &place).await,
        }
        if verb == Verb::BringBack {
            bench.template(TEMPLATE, &[&image]);
        }
        let wire = Wire::cut(&bench.fake, request, cut);
        let target = AwsTarget::with_config(&wire.config());
        let dead = wire.dead();
        let run = async {
            match verb {
                Verb::Restore => drop(bring_back(&target, &image).await.unwrap()),
                _ => drop(apply(&bench, &target).await),
            }
        };
        let ended = tokio::select! {
            biased;
            () = dead.notified() => false,
            () = run => true,
        };
        tokio::time::sleep(Duration::from_secs(60)).await;
        if after == After::InUse {
            bench.template(TEMPLATE, &[&image]);
        }
        assert!(bench.stands(&image).is_some(), "{place}: it is there");
        let ready = |stands: Option<&State>| match (verb, after) {
            (Verb::Deprecate, After::Again) => stands.is_some_and(|stands| stands.deprecated),
            (Verb::Disable, After::Again) => disabled(stands),
            _ => stands == Some(&before),
        };
        match verb {
            // It may have been back already when the program died.
            Verb::Restore if bench.stands(&image).as_ref() != Some(&before) || after == After::Again => {
                drop(bring_back(&bench.target(), &image).await);
            }
            _ => until(&bench, &image, &ready, &place).await,
        }
        assert!(ready(bench.stands(&image).as_ref()), "{place}: {:?}", bench.stands(&image));
        if after == After::InUse {
            // However often it is run, it stays as it was.
            for _ in 0..3 {
                apply(&bench, &bench.target()).await;
            }
            assert_eq!(bench.stands(&image).as_ref(), Some(&before), "{place}: it is in use");
        }
        bench.fake.world().ec2.templates.clear();
        // Wherever it died, all of it can be given back.
        drop(bring_back(&bench.target(), &image).await);
        assert_eq!(bench.stands(&image).as_ref(), Some(&before), "{place}: it is back");
        if ended {
            assert!(request > 10, "{verb:?} makes more requests than {request}");
            return points;
        }
    }
    unreachable!("a run has an end");
}

/// The last step dies at each request, or at every so many-th; each try is in the same world.
async fn every_removal(after: After, cut: Cut, lingering: Duration) -> usize {
    let (first, stride) = sample(cut);
    let bench = bench().await;
    bench.fake.world().ec2.pokes.lingering = lingering;
    // Two images go.
    let images: Vec<String> = {
        let all = super::contract::parameters(&bench.fake.world());
        ["1.0.0", "1.0.1"].map(|version| all[&format!("/amifactory/web/x86_64/versions/{version}")].clone()).into()
    };
    let builds: Vec<String> = images.iter().map(|image| bench.build(image)).collect();
    let before = bench.stands(&images[0]).unwrap();
    for image in &images {
        let disabled = |stands: Option<&State>| stands.is_some_and(|stands| stands.state == "disabled");
        until(&bench, image, &disabled, "at first").await;
    }
    let world = bench.saved();
    let mut points = 0;
    for tried in (first..).step_by(stride) {
        bench.set_back(&world);
        points += 1;
        let place = format!("removal dies at request {tried}, {cut:?}, then {after:?}");
        let wire = Wire::cut(&bench.fake, tried, cut);
        let target = AwsTarget::with_config(&wire.config());
        let dead = wire.dead();
        let ended = tokio::select! {
            biased;
            () = dead.notified() => false,
            _ = apply(&bench, &target) => true,
        };
        let there: Vec<bool> = images.iter().map(|image| bench.stands(image).is_some()).collect();
        if after == After::InUse && there[0] {
            bench.template(TEMPLATE, &[&images[0]]);
        }
        // While someone may be removing it, nobody brings it back.
        tokio::time::sleep(Duration::from_secs(16 * 60)).await;
        for _ in 0..4 {
            apply(&bench, &bench.target()).await;
        }
        for (at, (image, build)) in images.iter().zip(&builds).enumerate() {
            if after == After::InUse && at == 0 && there[0] {
                assert_eq!(bench.stands(image).as_ref(), Some(&before), "{place}: it is in use");
                assert_eq!(bench.snapshots(build).len(), 2, "{place}: with all its parts");
            } else {
                assert_eq!(bench.stands(image), None, "{place}");
                assert_eq!(bench.snapshots(build), [] as [String; 0], "{place}: nothing is left of it");
            }
        }
        if ended {
            assert!(tried > 20, "removals make more requests than {tried}");
            return points;
        }
    }
    unreachable!("a run has an end");
}

/// Who stands still while the other one runs from beginning to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Still {
    Remover,
    Restorer,
}

/// One removes an image while another brings it back. Whatever both say is so.
async fn removal_beside_restore(still: Still, stands: Stands) {
    let bench = bench().await;
    let image = bench.image();
    let before = bench.stands(&image).unwrap();
    let disabled = |stands: Option<&State>| stands.is_some_and(|stands| stands.state == "disabled");
    until(&bench, &image, &disabled, "at first").await;
    let world = bench.saved();
    let (mut gone, mut back) = (0, 0);
    for at in 0.. {
        bench.set_back(&world);
        let place = format!("the {still:?} stands {stands:?} {at}");
        let wire = Frozen::new(&bench.fake, at, stands);
        let (target, other) = (AwsTarget::with_config(&wire.config()), bench.target());
        let (removed, restored) = match still {
            Still::Remover => {
                let (removed, restored) = wire.run(apply(&bench, &target), bring_back(&other, &image)).await;
                (Some(removed), restored)
            }
            Still::Restorer => {
                let (restored, removed) = wire.run(bring_back(&target, &image), apply(&bench, &other)).await;
                (removed, Some(restored))
            }
        };
        let (Some(removed), Some(restored)) = (removed, restored) else {
            assert!(at > 10, "{still:?} makes more requests than {at}");
            break;
        };
        tokio::time::sleep(Duration::from_secs(60)).await;
        let told = format!("{place}: {:?}, {:?}", removed.get("1.0.0"), restored.as_ref().map_err(ToString::to_string));
        let took = removed.get("1.0.0").is_some_and(|word| word == "Remove");
        match bench.stands(&image) {
            Some(stands) => {
                assert!(!took, "{told}");
                // Nothing keeps it, so that it may be on its first step again.
                assert!(restored.is_err() || stands.state == "available", "{told}: {stands:?}");
                back += usize::from(restored.is_ok());
            }
            None => {
                assert!(restored.is_err(), "{told}");
                gone += 1;
            }
        }
        // Nothing is in anybody's way for long.
        tokio::time::sleep(Duration::from_secs(16 * 60)).await;
        if disabled(bench.stands(&image).as_ref()) {
            bring_back(&bench.target(), &image).await.unwrap_or_else(|error| panic!("{told}, then {error}"));
            assert_eq!(bench.stands(&image).as_ref(), Some(&before), "{told}");
        }
    }
    assert!(gone > 0 && back > 0, "{still:?} {stands:?}: {gone} gone, {back} back");
}

#[test]
fn what_is_brought_back_is_never_removed_by_whoever_was_at_it() {
    let mut work: Vec<Work> = Vec::new();
    for still in [Still::Remover, Still::Restorer] {
        for stands in [Stands::BeforeSend, Stands::BeforeReply] {
            work.push(threads::piece(move || async move {
                removal_beside_restore(still, stands).await;
                1
            }));
        }
    }
    assert_eq!(threads::all(work), 4);
}

/// At the last moment before an image is deregistered.
#[tokio::test(start_paused = true)]
async fn nobody_brings_back_or_promotes_what_is_being_removed() {
    let bench = bench().await;
    let image = bench.image();
    let disabled = |stands: Option<&State>| stands.is_some_and(|stands| stands.state == "disabled");
    until(&bench, &image, &disabled, "at first").await;
    let wire = Frozen::before(&bench.fake, "DeregisterImage", &[&image]);
    let target = AwsTarget::with_config(&wire.config());
    let other = bench.target();
    let (_, restored) = wire.run(apply(&bench, &target), bring_back(&other, &image)).await;
    let error = restored.unwrap().unwrap_err().to_string();
    assert!(error.contains("it is being removed since") && error.contains("brings it back after"), "{error}");
    assert_eq!(bench.stands(&image), None);
}

#[test]
fn a_retirement_that_dies_is_gone_on_with_and_can_be_given_back() {
    let mut work: Vec<Work> = Vec::new();
    for cut in [Cut::BeforeSend, Cut::ReplyLost] {
        for verb in [Verb::Deprecate, Verb::Disable, Verb::Restore, Verb::BringBack] {
            for after in [After::Again, After::InUse] {
                // Brought back because it is in use: that is all there is of it.
                if (verb, after) != (Verb::BringBack, After::Again) {
                    work.push(threads::piece(move || every_request(verb, after, cut)));
                }
            }
        }
        work.push(threads::piece(move || every_removal(After::Again, cut, Duration::ZERO)));
        work.push(threads::piece(move || every_removal(After::InUse, cut, Duration::from_secs(10))));
    }
    let points = threads::all(work);
    crate::skip::say(&format!("crash points tried in retirements on AWS: {points}"));
    assert!(points >= 50, "only {points} crash points");
}
