//! `fleet`: who runs what, and how far behind.

use super::distribute;
use super::exit::{CliError, Exit};
use super::session::{Open, Session};
use crate::fleet::look;
use crate::pipeline::clock;
use crate::report::sink::Format;
use crate::report::view::{self, FleetOutcome};
use crate::report::{fleet as formats, html};
use clap::Args;

/// Say who runs which image, and what would launch which: how far behind its channel each is.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Fleet {
    /// Show what is fine too (the other formats always do)
    #[arg(long)]
    all: bool,
}

const HELP: &str = "Where is looked and what is too old stands under `fleet:` in amifactory.yaml. Exit 4: the policy is \
    broken. Exit 5: it is not, as far as can be told, but something could not be read. Exit 1: nothing could.";

impl Fleet {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_release()?;
        if open.target.inventory().is_none() {
            return Err(CliError::Usage(format!(
                "nothing is launched from images on the target {}: it has no fleet\n  --target aws looks at instances, \
                 launch templates and Auto Scaling groups",
                open.target.kind()
            )));
        }
        open.reach().await?;
        let shown = looked(&open).await?;
        match session.format() {
            Format::Human | Format::Json => session.result(&shown, |style| view::fleet(&shown, self.all, style))?,
            Format::Csv => session.text(formats::csv(&shown).as_bytes())?,
            Format::Prometheus => session.text(formats::prometheus(&shown).as_bytes())?,
            Format::Html => {
                let page = html::fleet(&shown).map_err(|error| CliError::Failed(error.to_string()))?;
                session.text(page.as_bytes())?;
            }
        }
        Ok(match shown.outcome {
            FleetOutcome::Fine => Exit::Done,
            FleetOutcome::Stale => Exit::Stale,
            FleetOutcome::Unknown => Exit::Partly,
            FleetOutcome::Failed => Exit::Failed,
        })
    }
}

/// Looks at the whole fleet.
pub async fn looked(open: &Open) -> Result<view::Fleet, CliError> {
    let target = &*open.target;
    // What a channel names at home decides everywhere.
    distribute::places(open)?;
    let Some(here) = target.region() else {
        return Err(CliError::Usage("AWS_REGION is not the name of a region".into()));
    };
    let recipes = open.all_released().await?;
    let wanted = look::places(&open.factory, &here);
    let looked = look::look(target, &open.factory, &recipes, &wanted).await?;
    Ok(view::Fleet::of(looked, clock::rfc3339(target.now())))
}
