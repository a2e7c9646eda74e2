//! Progress of each control while a command runs, where a log group is configured.

use super::factory::{bundle, step};
use super::weather::place::{Place, seconds};
use crate::fake_aws::record::Outcome;
use amifactory::pipeline::{BuildOptions, Engine, Event, Sink};
use std::sync::Mutex;
use tokio::time::Instant;

/// When each part of `apply` was told of.
#[derive(Default)]
struct Told(Mutex<Vec<(String, Instant)>>);

impl Sink for Told {
    fn event(&self, event: &Event) {
        if let Event::StepProgress { step: "apply", detail, .. } = event {
            self.0.lock().unwrap().push((detail.clone(), Instant::now()));
        }
    }
}

async fn parts(log_group: Option<&str>) -> (Vec<(String, Instant)>, Instant, usize) {
    let place = Place::new(|_| {});
    // The steps are over at once, and their command is still at work for two minutes.
    place.fake.world().ssm.runs_take = seconds(120);
    let target = place.target();
    let (mut plan, launch) = super::factory::plan(&target).await;
    plan.aws.log_group = log_group.map(str::to_owned);
    plan.bundles.apply = bundle("apply", &[step("group/hello/0", "echo one"), step("group/hello/1", "echo two")]);
    let (state, told) = (place.state(), Told::default());
    let engine = Engine { target: &target, state: &state, sink: &told };
    engine.build(&plan, &launch, &BuildOptions::default()).await.unwrap();
    let ended = {
        let world = place.fake.world();
        let stop = world.calls.iter().find(|call| call.action == "StopInstances" && call.outcome == Outcome::Ok);
        stop.unwrap().at
    };
    assert_eq!(place.leaks().await, [] as [String; 0]);
    let read = place.calls("GetLogEvents");
    (told.0.into_inner().unwrap(), ended, read.0 - read.1)
}

#[tokio::test(start_paused = true)]
async fn parts_are_told_of_while_their_command_runs() {
    let (parts, ended, read) = parts(Some("/amifactory/builds")).await;
    assert!(read > 5, "read {read} times");
    let early = parts.iter().filter(|(_, at)| *at + seconds(60) < ended).count();
    assert!(early >= 2, "{early} of {} parts were told of while there was time: {parts:?}", parts.len());
}

#[tokio::test(start_paused = true)]
async fn without_a_log_group_none_is_read() {
    let (parts, ended, read) = parts(None).await;
    assert_eq!(read, 0);
    assert!(!parts.is_empty());
    assert!(parts.iter().all(|(_, at)| *at + seconds(60) > ended), "{parts:?}");
}
