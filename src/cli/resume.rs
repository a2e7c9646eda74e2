//! `resume`: what dead runs began is finished, or cleaned up.

use super::build;
use super::exit::{CliError, Exit};
use super::session::Session;
use crate::identity::{BuildId, RecipeName};
use crate::pipeline::prepare::Planner;
use crate::pipeline::resume::{self, Fate, Unfinished};
use crate::pipeline::{BuildOptions, Event, sweep};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeSet;

/// Finish what a dead run left, or clean it up.
#[derive(Debug, Args)]
pub struct Resume {
    /// Only this build
    #[arg(value_name = "BUILD")]
    build: Option<BuildId>,
}

#[derive(Serialize)]
struct Nothing {
    resumed: Vec<BuildId>,
    removed: Vec<BuildId>,
}

impl Resume {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open()?;
        let target = &*open.target;
        let planner = Planner::new(&open.factory, &open.library, target);
        let mut found = resume::find(target, &open.state, &open.factory, &planner).await?;
        if let Some(build) = &self.build {
            found.retain(|unfinished| unfinished.build == *build);
        }
        let sink = session.sink();
        let mut removed = Vec::new();
        for unfinished in &found {
            match &unfinished.fate {
                Fate::Finish => {}
                Fate::Close => resume::close(&open.state, &unfinished.build)?,
                Fate::Remove(why) => {
                    let text = format!("{} is removed: {why}", unfinished.build);
                    sink.event(&Event::Notice { build: Some(unfinished.build.clone()), text });
                    let left = sweep::find(target, &open.state).await?;
                    let left = left.into_iter().filter(|left| left.build.as_ref() == Some(&unfinished.build)).collect();
                    sweep::remove(target, &open.state, left).await?;
                    removed.push(unfinished.build.clone());
                }
            }
        }
        sink.close();
        let finish: BTreeSet<RecipeName> =
            found.iter().filter(|u| u.fate == Fate::Finish).map(|Unfinished { recipe, .. }| recipe.clone()).collect();
        let finish: Vec<RecipeName> = finish.into_iter().collect();
        if finish.is_empty() {
            let nothing = Nothing { resumed: Vec::new(), removed };
            session.result(&nothing, |_| match nothing.removed.len() {
                0 => "no build was left unfinished\n".to_owned(),
                n => format!("{n} unfinished {} removed\n", if n == 1 { "build was" } else { "builds were" }),
            })?;
            return Ok(Exit::Done);
        }
        build::build(session, &open, &finish, &BuildOptions::default(), finish.len()).await
    }
}
