//! `doctor`: whether builds can run here, before any is started.

use super::exit::{CliError, Exit};
use super::session::Session;
use crate::pipeline::prepare::Planner;
use clap::Args;
use serde::Serialize;

/// Check whether builds can run here.
#[derive(Debug, Args)]
pub struct Doctor {}

#[derive(Serialize)]
struct Check {
    check: String,
    ok: bool,
    detail: String,
}

#[derive(Serialize)]
struct Checked {
    ok: bool,
    checks: Vec<Check>,
}

impl Doctor {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_look()?;
        let mistakes = session.folder().and_then(|folder| session.read(&folder)).err();
        let counts = format!("{} recipes and {} package groups", open.factory.recipes.len(), open.factory.groups.len());
        let mut checks = vec![Check {
            check: "factory".into(),
            ok: mistakes.is_none(),
            detail: match mistakes {
                None => format!("{counts} are valid"),
                Some(mistakes) => format!("{mistakes}: amifactory validate"),
            },
        }];
        let target = open.target.check().await;
        checks.push(Check {
            check: format!("{} target", open.target.kind()),
            ok: target.is_ok(),
            detail: target.err().map_or_else(|| "builders can be started".to_owned(), |error| error.to_string()),
        });
        let planner = Planner::new(&open.factory, &open.library, &*open.target);
        for recipe in open.factory.recipes.keys().filter(|recipe| !session.is_broken(recipe)) {
            let planned = planner.prepare(recipe).await;
            checks.push(Check {
                check: format!("recipe {recipe}"),
                ok: planned.is_ok(),
                detail: match planned {
                    Ok(prepared) => format!("can be planned on {}", prepared.plan.base.description),
                    Err(error) => error.to_string(),
                },
            });
        }
        let checked = Checked { ok: checks.iter().all(|check| check.ok), checks };
        session.result(&checked, |style| {
            checked
                .checks
                .iter()
                .map(|check| {
                    let mark = if check.ok { style.green("✓") } else { style.red("✗") };
                    format!("{mark} {}: {}\n", check.check, check.detail)
                })
                .collect()
        })?;
        Ok(if checked.ok { Exit::Done } else { Exit::Failed })
    }
}
