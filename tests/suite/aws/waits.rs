//! How long builds take beyond what the cloud itself takes, in simulated time; and what many at once cost.

use super::factory;
use super::wire::Wire;
use crate::fake_aws::agents::remembering::{Remembering, without_numbers};
use crate::fake_aws::agents::shell::ShellAgent;
use crate::fake_aws::record::Outcome;
use crate::fake_aws::{Fake, Latencies, Settings};
use amifactory::pipeline::{BuildOptions, Engine, Event, Sink, StateFolder};
use amifactory::target::aws::AwsTarget;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

struct Quiet;

impl Sink for Quiet {
    fn event(&self, _: &Event) {}
}

fn fake(latencies: &Latencies) -> Fake {
    let agent = Remembering::new(ShellAgent::new().unwrap(), without_numbers);
    Fake::new(Settings {
        latencies: latencies.clone(),
        start: time::OffsetDateTime::now_utc(),
        throttle: true,
        ..Settings::new(Arc::new(agent))
    })
}

/// What the cloud takes, call by call apart: two boots, two commands on their way, one stop, one image, one check of a
/// pointer. Nobody waits for the end of a builder.
fn critical_path(of: &Latencies) -> Duration {
    (of.running + of.agent + of.delivery) * 2 + of.stop + of.image + of.parameter_check
}

struct Took {
    seconds: f64,
    /// Calls by action.
    calls: BTreeMap<String, usize>,
}

impl Took {
    fn all(&self) -> usize {
        self.calls.values().sum()
    }

    /// Calls that ask how something is.
    fn looks(&self) -> usize {
        let looks = ["DescribeInstances", "DescribeImages", "DescribeInstanceInformation", "ListCommandInvocations"];
        looks.iter().filter_map(|action| self.calls.get(*action)).sum()
    }
}

/// Builds at once from one program, with the token buckets of each API enforced.
async fn build(builds: usize, latencies: &Latencies) -> Took {
    let fake = fake(latencies);
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::open(&folder.path().join("state")).unwrap();
    let target = AwsTarget::with_config(&Wire::new(&fake).config());
    let began = Instant::now();
    let (plan, launch) = factory::plan_of(&target, "many-0", "first", &factory::by_filter()).await;
    let plans: Vec<_> = (1..=builds)
        .map(|number| amifactory::plan::Plan { recipe: format!("many-{number}").parse().unwrap(), ..plan.clone() })
        .collect();
    let engine = Engine { target: &target, state: &state, sink: &Quiet };
    let options = BuildOptions::default();
    let built = plans.iter().map(|plan| engine.build(plan, &launch, &options));
    for built in futures_util::future::join_all(built).await {
        assert!(built.unwrap().fresh);
    }
    let seconds = began.elapsed().as_secs_f64();
    let world = fake.world();
    assert_eq!(world.throttle.refused, 0, "the limiter holds back first");
    let mut calls = BTreeMap::new();
    for call in &world.calls {
        assert_eq!(call.outcome, Outcome::Ok, "{call:?}");
        *calls.entry(call.action.clone()).or_default() += 1;
    }
    Took { seconds, calls }
}

#[tokio::test(start_paused = true)]
async fn a_build_takes_little_longer_than_the_cloud() {
    let mut random = fastrand::Rng::with_seed(3);
    let (mut whole, mut over, mut worst) = (0.0, 0.0, 0.0_f64);
    const BUILDS: usize = 12;
    for number in 0..BUILDS {
        // The first one as measured with Packer; the others by chance, half to twice as long: no luck with the looks.
        let mut vary = |time: Duration| if number == 0 { time } else { time.mul_f64(0.5 + 1.5 * random.f64()) };
        let real = Latencies::realistic();
        let latencies = Latencies {
            running: vary(real.running),
            agent: vary(real.agent),
            stop: vary(real.stop),
            image: vary(real.image),
            parameter_check: vary(real.parameter_check),
            ..real
        };
        let took = build(1, &latencies).await;
        let cloud = critical_path(&latencies).as_secs_f64();
        let late = took.seconds - cloud;
        println!("{:6.1} s, the cloud's own {cloud:6.1} s, {late:4.1} s late, {} calls", took.seconds, took.all());
        whole += took.seconds;
        over += late;
        worst = worst.max(late);
    }
    println!(
        "late: {:.2} s on average, {worst:.2} s at worst; {:.2} % of the whole",
        over / BUILDS as f64,
        100.0 * over / whole
    );
    assert!(worst < 10.0, "{worst}");
    assert!(over / whole < 0.03, "{}", over / whole);
}

#[tokio::test(start_paused = true)]
async fn looks_grow_with_time_and_not_with_builds() {
    let latencies = Latencies::realistic();
    let mut rates = Vec::new();
    for builds in [1, 20, 200] {
        let took = build(builds, &latencies).await;
        let (looks, others) = (took.looks(), took.all() - took.looks());
        println!(
            "{builds:3} builds: {:5.0} s, {looks} looks ({:.2} a second), {:.1} other calls per build; {:?}",
            took.seconds,
            looks as f64 / took.seconds,
            others as f64 / builds as f64,
            took.calls
        );
        rates.push(looks as f64 / took.seconds);
    }
    // At most one call a second of each of the four kinds, however many builds there are.
    assert!(rates.iter().all(|rate| *rate < 4.0 / 0.9), "{rates:?}");
}
