//! `verify`: all pointers against what is really there.

use super::distribute;
use super::exit::{CliError, Exit};
use super::session::Session;
use crate::release::verify::{self, places as verify_places};
use crate::report::{view, wording};
use clap::Args;

/// Check all pointers against what is really there.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Verify {
    /// Only this recipe's
    #[arg(value_name = "RECIPE")]
    recipe: Option<String>,
}

const HELP: &str = "Exit 4: something is not as it should be. Exit 5: what was looked at is, and a place could not be looked \
    at. While a channel is being moved, what it names is not compared between places.\n\nImages that are open to everybody are \
    told, and those that accounts may launch to which amifactory.yaml does not give them. For the latter each image is asked \
    for by itself: those that channels name or would go back to; with RECIPE all that its versions name.\n\nTags are compared with \
    the record that a build writes once: those of images that channels name; with RECIPE of all that its versions name.";

impl Verify {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_release()?;
        let target = &*open.target;
        let recipes = match &self.recipe {
            Some(recipe) => vec![open.released(recipe).await?],
            None => open.all_released().await?,
        };
        // On the local target images go nowhere.
        let channels = &open.factory.channels;
        let look = async {
            match distribute::places(&open).ok().flatten() {
                Some(places) => verify_places::verify_everywhere(&places, channels, &recipes).await,
                None => verify::verify(target, channels, &recipes).await,
            }
        };
        let mut verified = session.looking(format!("verify: {}", wording::recipes(&recipes)), target, look).await?;
        verified.expect_channels(|name| open.factory.recipes.get(name).and_then(|recipe| recipe.publish.clone()));
        session.result(&verified, |style| view::verified(&verified, style))?;
        Ok(match (verified.drift.is_empty(), verified.unknown.is_empty()) {
            (false, _) => Exit::Stale,
            (true, false) => Exit::Partly,
            (true, true) => Exit::Done,
        })
    }
}
