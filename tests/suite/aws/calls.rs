//! How many calls a build makes, and in which order: exact, because time is paused.

use super::factory;
use super::wire::Wire;
use crate::fake_aws::agents::shell::ShellAgent;
use crate::fake_aws::record::Outcome;
use crate::fake_aws::{Fake, Latencies, Settings};
use amifactory::pipeline::{BuildOptions, Built, Engine, Event, Sink, StateFolder};
use amifactory::recipe::BaseSpec;
use amifactory::target::aws::AwsTarget;
use std::sync::{Arc, Mutex};

/// Notes with how many calls each step began.
struct Steps {
    fake: Fake,
    began: Mutex<Vec<(usize, &'static str)>>,
}

impl Sink for Steps {
    fn event(&self, event: &Event) {
        let step = match event {
            Event::BuildStarted { .. } => "begin",
            Event::StepStarted { step, .. } => step,
            _ => return,
        };
        let calls = self.fake.world().calls.len();
        self.began.lock().unwrap().push((calls, step));
    }
}

/// One build, seen from the service.
struct Seen {
    built: Built,
    /// `step: service:Action`, in order.
    calls: Vec<(&'static str, String)>,
}

impl Seen {
    /// All but those of the boot test. It ends both builders in one call: that one counts.
    fn without_boot_test(&self) -> usize {
        let terminate = |action: &str| action == "ec2:TerminateInstances";
        self.calls.iter().filter(|(step, action)| *step != "boot test" || terminate(action)).count()
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (step, action) in &self.calls {
            writeln!(f, "{step:<10} {action}")?;
        }
        write!(f, "{} calls, {} of them without the boot test", self.calls.len(), self.without_boot_test())
    }
}

fn fake(latencies: Latencies) -> Fake {
    let start = time::OffsetDateTime::now_utc();
    Fake::new(Settings { latencies, start, ..Settings::new(Arc::new(ShellAgent::new().unwrap())) })
}

/// A build by a program that has just been started: it plans first.
async fn build(fake: &Fake, state: &StateFolder, base: &BaseSpec) -> Seen {
    let from = fake.world().calls.len();
    let target = AwsTarget::with_config(&Wire::new(fake).config());
    let sink = Steps { fake: fake.clone(), began: Mutex::default() };
    let (plan, launch) = factory::plan_of(&target, "web", "first", base).await;
    let engine = Engine { target: &target, state, sink: &sink };
    let built = engine.build(&plan, &launch, &BuildOptions::default()).await.unwrap();
    let began = sink.began.into_inner().unwrap();
    let world = fake.world();
    let calls = world.calls.iter().enumerate().skip(from).map(|(number, call)| {
        assert_eq!(call.outcome, Outcome::Ok, "{call:?}");
        let step = began.iter().rev().find(|(at, _)| *at <= number).map_or("plan", |(_, step)| step);
        (step, format!("{}:{}", call.service, call.action))
    });
    Seen { built, calls: calls.collect() }
}

#[tokio::test(start_paused = true)]
async fn a_build_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::open(&folder.path().join("state")).unwrap();
    let fake = fake(Latencies::none());
    let first = build(&fake, &state, &factory::by_filter()).await;
    println!("{first}");
    let again = build(&fake, &state, &factory::by_filter()).await;
    println!("{again}");
}

#[tokio::test(start_paused = true)]
async fn a_build_with_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::open(&folder.path().join("state")).unwrap();
    let fake = fake(Latencies::realistic());
    let first = build(&fake, &state, &factory::by_filter()).await;
    println!("{first}");
    let again = build(&fake, &state, &factory::by_filter()).await;
    println!("{again}");
}
