//! The way out dies at each of its requests, and other machines that know nothing of it go on. An image is never
//! deregistered while something uses it, no snapshot of one that is gone is left, and who could launch it can be given back.

use super::threads::{self, Work};
use crate::aws::ladder::{Stands, apply, bring_back};
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
async fn until(bench: &Bench, image: &str, wanted: &dyn Fn(Option<&Stands>) -> bool, place: &str) {
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
    let disabled = |stands: Option<&Stands>| stands.is_some_and(|stands| stands.state == "disabled");
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
        let ready = |stands: Option<&Stands>| match (verb, after) {
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
        let disabled = |stands: Option<&Stands>| stands.is_some_and(|stands| stands.state == "disabled");
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
        tokio::time::sleep(Duration::from_secs(60)).await;
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
