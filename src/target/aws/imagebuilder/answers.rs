//! What a run is answered with, from the lines that are in the log.

use super::log::Log;
use crate::identity::Digest;
use crate::plan::{Bundles, StepResult};
use crate::target::aws::command::{Answer, State};
use crate::target::{RunEnd, RunEvent, RunRequest, RunResult, TargetError};
use std::collections::BTreeSet;
use std::path::Path;

/// The result of a bundle, where its lines are all here.
pub fn result(log: &Log, bundles: &Bundles, digest: &Digest, path: &Path) -> Option<RunResult> {
    let results = log.results();
    let (answer, phase, name): (&Option<Answer>, _, _) = match digest {
        digest if *digest == bundles.apply.digest => (&results.apply, "build", bundles.apply.name),
        digest if *digest == bundles.seal.digest => (&results.seal, "validate", bundles.seal.name),
        digest if *digest == bundles.boot_test.digest => (&results.boot_test, "test", bundles.boot_test.name),
        _ => return None,
    };
    let answer = answer.as_ref().filter(|answer| matches!(answer.state, State::Ended(_)))?;
    let place = format!("component {}, phase {phase}, step {name}", log.place().component);
    let found = answer.run_result(digest, path)?;
    // Where all went well, nobody asks.
    let failed = found.steps.iter().any(must_not_fail) || found.end != RunEnd::Completed;
    Some(RunResult { place: failed.then_some(place), ..found })
}

/// A step that failed and must not. Controls that can't be applied show in their audits.
pub fn must_not_fail(step: &StepResult) -> bool {
    step.rc != 0 && !step.step.starts_with("control/")
}

pub fn tell(request: &RunRequest<'_>, event: RunEvent, told: &mut BTreeSet<String>) {
    let is_its = |step: &str| request.bundle.steps.iter().any(|(id, _)| id == step);
    let news = match &event {
        RunEvent::Started { step } => is_its(step),
        RunEvent::Ended(result) => is_its(&result.step) && told.insert(result.step.clone()),
    };
    if news {
        (request.watch)(event);
    }
}

/// Logs of what has ended. Where lines of a log are lost, what is installed is in the test's.
pub fn write_logs(log: &Log, bundles: &Bundles, request: &RunRequest<'_>) -> Result<(), TargetError> {
    let results = log.results();
    let test = results.boot_test.as_ref().map(|answer| answer.log.as_slice()).unwrap_or_default();
    for (bundle, answer) in
        [(&bundles.apply, &results.apply), (&bundles.seal, &results.seal), (&bundles.boot_test, &results.boot_test)]
    {
        if let Some(answer) = answer {
            let path = request.log.with_file_name(format!("{}.log", bundle.name));
            write(&path, if answer.log.is_empty() { test } else { &answer.log })?;
        }
    }
    Ok(())
}

pub fn write(path: &Path, bytes: &[u8]) -> Result<(), TargetError> {
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, bytes));
    written.map_err(|source| TargetError::Io { what: format!("writing {}", path.display()), source })
}
