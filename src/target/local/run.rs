//! Running a bundle on a builder: in its sandbox, with the result kept beside the builder.

use super::builders::{self, BuilderDocument};
use super::layers;
use super::sandbox::{self, Exit, HostPort, Lower, Network, SandboxSpec};
use super::store::{self, Store};
use crate::identity::{BuilderId, Digest};
use crate::plan::{RunLine, StepResult, parse_line};
use crate::recipe::NetworkAccess;
use crate::target::{BuilderState, RunEnd, RunEvent, RunRequest, RunResult, TargetError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

fn file(store: &Store, builder: &BuilderId, bundle: &Digest, ending: &str) -> PathBuf {
    builders::folder(store, builder).join("runs").join(format!("{}.{ending}", bundle.short()))
}

/// The result that a builder has for a bundle.
pub fn result(store: &Store, builder: &BuilderId, bundle: &Digest) -> Result<Option<RunResult>, TargetError> {
    builders::expect(store, builder)?;
    store::read(&file(store, builder, bundle, "json"))
}

/// Runs a bundle, once: a marker is written first, so that a run that was cut off is known for what it is.
pub async fn run(
    store: &Store,
    lowers: Vec<Lower>,
    exe: &Path,
    hidden: &[PathBuf],
    builder: &BuilderId,
    request: RunRequest<'_>,
) -> Result<RunResult, TargetError> {
    let document = builders::expect(store, builder)?;
    let bundle = request.bundle;
    if let Some(result) = result(store, builder, &bundle.digest)? {
        return Ok(result);
    }
    let ended =
        |steps, end| RunResult { bundle: bundle.digest.clone(), steps, end, log: request.log.to_owned(), place: None };
    if document.builder.state != BuilderState::Running {
        return Ok(ended(Vec::new(), RunEnd::Died(format!("builder {builder} is not running"))));
    }
    let marker = file(store, builder, &bundle.digest, "begun");
    if marker.exists() {
        return Ok(ended(Vec::new(), RunEnd::Interrupted));
    }
    store::write_bytes(&marker, b"")?;
    let script = file(store, builder, &bundle.digest, "sh");
    store::write_bytes(&script, bundle.script.as_bytes())?;

    let spec = SandboxSpec {
        network: network(&lowers, request.network),
        lowers,
        upper: layers::upper(store, builder.as_str()),
        work: layers::work(store, builder.as_str()),
        limits: document.limits,
        hostname: hostname(&document),
        script,
        log: request.log.to_owned(),
        hidden: hidden.to_owned(),
    };
    let answers = Mutex::new(Answers::default());
    let on_line = |line: &str| {
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        match parse_line(line) {
            Some(RunLine::Started(step)) => (request.watch)(RunEvent::Started { step }),
            Some(RunLine::Ended(result)) => {
                (request.watch)(RunEvent::Ended(result.clone()));
                answers.steps.push(result);
            }
            Some(RunLine::Stopped(_)) => answers.whole = true,
            Some(RunLine::End) => answers.whole = true,
            None => {}
        }
    };
    let exit = sandbox::run(&spec, exe, &on_line).await?;
    let answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    let end = match exit {
        Exit::LimitExceeded(limit) => RunEnd::LimitExceeded(limit.to_string()),
        Exit::Code(_) if answers.whole => RunEnd::Completed,
        Exit::Code(code) => RunEnd::Died(format!("its shell ended with status {code} before the last step")),
        Exit::Signal(signal) => RunEnd::Died(format!("its shell was killed by signal {signal}")),
    };
    let result = ended(answers.steps, end);
    store::write(&file(store, builder, &bundle.digest, "json"), &result)?;
    Ok(result)
}

#[derive(Default)]
struct Answers {
    steps: Vec<StepResult>,
    whole: bool,
}

fn network(lowers: &[Lower], asked: &[NetworkAccess]) -> Network {
    if asked.is_empty() {
        return Network::None;
    }
    let folder = |lower: &Lower| match lower {
        Lower::Host => PathBuf::from("/"),
        Lower::Dir(folder) => folder.clone(),
    };
    let folders: Vec<PathBuf> = lowers.iter().map(folder).collect();
    let mut allowed: Vec<HostPort> = Vec::new();
    for access in asked {
        match access {
            NetworkAccess::PackageRepositories => allowed.extend(sandbox::repository_hosts(&folders)),
            NetworkAccess::Host { host, port } => allowed.push(HostPort::new(host, *port)),
        }
    }
    Network::Allow(allowed)
}

/// What steps see as their host's name: the recipe's, never this machine's.
fn hostname(document: &BuilderDocument) -> String {
    let recipe = document.builder.tags.get(crate::pipeline::tags::RECIPE).map_or("builder", String::as_str);
    recipe.chars().take(63).collect()
}
