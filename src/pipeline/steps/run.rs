//! Running a bundle on a builder, and telling of it: what all three bundles share.

use super::{Build, BuildError};
use crate::identity::BuilderId;
use crate::pipeline::event::{Event, Failure};
use crate::plan::{Bundle, StepResult};
use crate::recipe::NetworkAccess;
use crate::target::{RunEnd, RunEvent, RunRequest, RunResult};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs a bundle to its end. Each step is an event as it ends.
pub async fn run(
    build: &mut Build<'_>,
    builder: &BuilderId,
    bundle: &Bundle,
    then: Option<&Bundle>,
    network: &[NetworkAccess],
) -> Result<RunResult, BuildError> {
    let (target, sink) = (build.target, build.sink);
    let (id, step, total) = (build.id.clone(), build.step, bundle.steps.len());
    let done = AtomicUsize::new(0);
    let watch = |event: RunEvent| {
        let (detail, done) = match event {
            RunEvent::Started { step } => (step, done.load(Ordering::Relaxed)),
            RunEvent::Ended(result) => (result.step, done.fetch_add(1, Ordering::Relaxed) + 1),
        };
        let title = bundle.steps.iter().find(|(id, _)| *id == detail).map_or(detail, |(_, title)| title.clone());
        sink.event(&Event::StepProgress { build: id.clone(), step, done, total, detail: title });
    };
    let log = build.log(bundle.name);
    let plan = build.plan;
    let log_group = plan.aws.log_group.as_deref();
    let (bid, time_s) = (build.id.clone(), plan.limits.time_s);
    let volumes = &plan.aws.volumes;
    let request =
        RunRequest { bundle, build: &bid, then, network, log: &log, time_s, log_group, volumes, watch: &watch };
    build.mutate("run", format!("{} bundle on {builder}", bundle.name), target.run(builder, request)).await
}

/// Turns a bundle that did not run to its end, or one of its steps that must not fail, into the build's failure.
pub fn check(
    build: &Build<'_>,
    builder: &BuilderId,
    bundle: &Bundle,
    result: &RunResult,
    must_succeed: impl Fn(&str) -> bool,
) -> Result<(), BuildError> {
    let failed = result.steps.iter().find(|step| step.rc != 0 && must_succeed(&step.step));
    if let Some(step) = failed {
        return Err(failure(build, bundle, what_failed(bundle, step), &step.step, &step.out, result));
    }
    match &result.end {
        RunEnd::Completed => {
            // A result that says nothing of a step that matters is not a success.
            match bundle.steps.iter().find(|(id, _)| must_succeed(id) && !result.steps.iter().any(|r| r.step == *id)) {
                Some((id, title)) => {
                    Err(failure(build, bundle, format!("{title}: no result came back"), id, "", result))
                }
                None => Ok(()),
            }
        }
        RunEnd::Interrupted => Err(BuildError::Interrupted { builder: builder.to_string(), bundle: bundle.name }),
        RunEnd::LimitExceeded(limit) => {
            let last = result.steps.last();
            let running = bundle.steps.get(result.steps.len()).map_or("the end", |(_, title)| title.as_str());
            let what = format!("the build used more than its limits allow: {limit} (during: {running})");
            Err(failure(build, bundle, what, "limits", last.map_or("", |s| &s.out), result))
        }
        RunEnd::Died(how) => {
            let running = bundle.steps.get(result.steps.len()).map_or("the end", |(_, title)| title.as_str());
            let what = format!("the {} bundle died: {how} (during: {running})", bundle.name);
            Err(failure(build, bundle, what, builder.as_str(), "", result))
        }
    }
}

fn what_failed(bundle: &Bundle, step: &StepResult) -> String {
    let title = bundle.steps.iter().find(|(id, _)| *id == step.step).map_or(step.step.as_str(), |(_, t)| t.as_str());
    match step.rc {
        124 => format!("{title}: its time ran out after {} s", step.ms / 1000),
        rc => format!("{title}: exit status {rc}"),
    }
}

fn failure(
    build: &Build<'_>,
    bundle: &Bundle,
    what: String,
    resource: &str,
    output: &str,
    result: &RunResult,
) -> BuildError {
    let what = match &result.place {
        Some(place) => format!("{what} ({place})"),
        None => what,
    };
    let lines: Vec<String> = output.lines().map(str::to_owned).collect();
    let last_lines = lines[lines.len().saturating_sub(12)..].to_vec();
    BuildError::Step(Box::new(Failure {
        what,
        resource: resource.to_owned(),
        last_lines,
        log: Some(result.log.clone()),
        next: format!("amifactory logs {} --bundle {}", build.id, bundle.name),
    }))
}
