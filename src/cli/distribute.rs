//! `distribute`: an image goes to other regions and accounts, and no channel moves.

use super::exit::{CliError, Exit};
use super::promote::parse_what;
use super::session::{Open, Session};
use crate::identity::{Arch, RecipeName};
use crate::pipeline::{LockAttempt, RecipeLock};
use crate::release::distribute;
use crate::release::places::Places;
use crate::release::wanted::{self, Request};
use crate::report::view::{self, Distributed};
use clap::Args;

/// Copy an image to regions and share it with accounts; no channel moves.
#[derive(Debug, Args)]
pub struct Distribute {
    /// A recipe for its newest image, or RECIPE@VERSION
    #[arg(value_name = "RECIPE[@VERSION]")]
    what: String,
    /// Only to what this channel reaches; without a version, the image that the channel before it names, which has to name one
    #[arg(long, value_name = "CHANNEL")]
    to: Option<String>,
    /// For which architecture, where the recipe has several
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,
}

impl Distribute {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_move()?;
        open.target.check().await?;
        let Some(places) = places(&open)? else {
            return Err(CliError::Usage(
                "amifactory.yaml has no `distribution:`, so images stay where they are built\n  \
                 README.md shows how regions and accounts are given"
                    .into(),
            ));
        };
        let (recipe, version) = parse_what(&self.what)?;
        let recipe = open.released(recipe).await?;
        let request = Request { recipe, version, to: self.to, arch: self.arch };
        let wanted = wanted::find(&places, &open.factory.channels, &request).await?;
        let _lock = alone(&open, &request.recipe)?;
        let sink = session.sink();
        let done = distribute::distribute(&places, &wanted, &*sink).await;
        sink.close();
        let shown = Distributed::of(&wanted, &done, &request);
        session.result(&shown, |style| view::distributed(&shown, style))?;
        Ok(if done.is_complete() { Exit::Done } else { Exit::Partly })
    }
}

/// The places of a factory that has several.
pub fn places(open: &Open) -> Result<Option<Places<'_>>, CliError> {
    let known = open.factory.distribution.as_ref();
    Ok(known.map(|known| Places::new(&*open.target, known)).transpose()?)
}

/// Nobody else on this machine works on the recipe: a copy that is being made is not swept.
pub fn alone(open: &Open, recipe: &RecipeName) -> Result<RecipeLock, CliError> {
    match open.state.try_lock(recipe)? {
        LockAttempt::Taken(lock) => Ok(lock),
        LockAttempt::Held(holder) => Err(CliError::Failed(format!("{recipe} is in use by {holder}\n  try again then"))),
    }
}
