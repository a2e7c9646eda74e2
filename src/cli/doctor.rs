//! `doctor`: whether builds can run here, before any is started.

use super::distribute;
use super::exit::{CliError, Exit};
use super::session::{Open, Session};
use crate::identity::TargetKind;
use crate::pipeline::prepare::{Planner, PrepareError, Prepared};
use crate::recipe::Recipe;
use crate::release::examine;
use crate::report::view::{Checked, checked};
use crate::target::TargetError;
use crate::target::aws::imagebuilder;
use crate::target::finding::{Finding, Severity, Wanted};
use clap::Args;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long planning all recipes may take on a service behind a network.
const PLANNING: Duration = Duration::from_secs(60);

/// Check whether builds can run here.
#[derive(Debug, Args)]
pub struct Doctor {
    /// For so many builds at once; on AWS they must fit into the account's quotas
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
}

impl Doctor {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_look()?;
        let mistakes = session.folder().and_then(|folder| session.read(&folder)).err();
        let counts = format!("{} recipes and {} package groups", open.factory.recipes.len(), open.factory.groups.len());
        let mut findings = vec![match mistakes {
            None => Finding::pass("factory", format!("{counts} are valid")),
            Some(mistakes) => Finding::fail("factory", mistakes.to_string(), "amifactory validate"),
        }];
        let target = open.target.check().await;
        let reachable = target.is_ok();
        findings.push(on_target(&open, target));
        // Without credentials every question would have the same answer.
        if reachable || !open.target.is_remote() {
            let (wanted, planned) = recipes(session, &open).await;
            findings.extend(open.target.examine(&wanted, self.jobs.into()).await);
            findings.extend(planned);
            if reachable {
                findings.extend(distribution(&open).await);
            }
        }
        let shown = Checked::new(findings);
        session.result(&shown, |style| checked(&shown, style))?;
        Ok(if shown.ok { Exit::Done } else { Exit::Failed })
    }
}

/// Whether images can go where `distribution:` says.
async fn distribution(open: &Open) -> Vec<Finding> {
    let factory = &open.factory;
    let Some(probe) = factory.recipes.keys().next() else { return Vec::new() };
    match distribute::places(open) {
        Ok(None) => Vec::new(),
        Ok(Some(places)) => {
            let home_key = factory.aws.volume.kms_key.as_deref();
            examine::examine(&places, &factory.channels, probe, home_key).await
        }
        // Rehearsals stay where they are.
        Err(_) if !open.target.is_remote() => Vec::new(),
        Err(error) => vec![failed("distribution".into(), &error.to_string())],
    }
}

fn on_target(open: &Open, checked: Result<(), TargetError>) -> Finding {
    let check = format!("{} target", open.target.kind());
    match checked {
        Ok(()) if open.target.is_remote() => Finding::pass(check, "a region and credentials are set"),
        Ok(()) => Finding::pass(check, "builders can be started"),
        Err(error) => failed(check, &error.to_string()),
    }
}

/// What went wrong; its last lines are what to do.
fn failed(check: String, error: &str) -> Finding {
    match error.rsplit_once("\n  ") {
        Some((what, mend)) => Finding::fail(check, what, mend),
        None => Finding::new(Severity::Fail, check, error),
    }
}

/// Plans each recipe: what it will need, and how that went.
async fn recipes(session: &Session, open: &Open) -> (Vec<Wanted>, Vec<Finding>) {
    let planner = Planner::new(&open.factory, &open.library, &*open.target);
    let until = Instant::now() + PLANNING;
    let (mut wanted, mut findings) = (Vec::new(), Vec::new());
    for (name, recipe) in open.factory.recipes.iter().filter(|(name, _)| !session.is_broken(name)) {
        let check = format!("recipe {name}");
        let planned: Option<Result<Prepared, PrepareError>> = if open.target.is_remote() {
            timeout_at(until, planner.prepare(name)).await.ok()
        } else {
            Some(planner.prepare(name).await)
        };
        findings.push(match &planned {
            Some(Ok(prepared)) => {
                let on = format!("can be planned on {}", prepared.plan.base.description);
                match open.target.kind() {
                    TargetKind::ImageBuilder => match imagebuilder::room(&prepared.plan) {
                        Ok(room) => Finding::pass(check, format!("{on}: {room}")),
                        Err(error) => failed(check, &error.to_string()),
                    },
                    _ => Finding::pass(check, on),
                }
            }
            Some(Err(error)) => failed(check, &error.to_string()),
            None => {
                Finding::fail(check, "its base was not found in time: no answer", "check the network and the region")
            }
        });
        wanted.push(wants(recipe, planned.and_then(Result::ok)));
    }
    (wanted, findings)
}

fn wants(recipe: &Recipe, prepared: Option<Prepared>) -> Wanted {
    Wanted {
        recipe: recipe.name.clone(),
        aws: recipe.aws.clone(),
        limits: recipe.limits,
        arch: prepared.as_ref().map(|prepared| prepared.plan.base.arch),
        base: prepared.and_then(|prepared| prepared.launch),
    }
}
