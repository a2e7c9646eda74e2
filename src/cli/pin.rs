//! `pin` and `unpin`: a channel that nobody moves.

use super::exit::{CliError, Exit};
use super::session::Session;
use crate::identity::Arch;
use crate::recipe::date;
use crate::release::pin::{self, Which};
use crate::report::view::{self, Pinned};
use clap::Args;
use time::Date;

/// Hold a channel: nobody moves it.
#[derive(Debug, Args)]
pub struct Pin {
    #[command(flatten)]
    which: Channel,
    /// Why; whoever is refused reads it
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// The last day on which it holds (in UTC), YYYY-MM-DD [default: until it is lifted]
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    until: Option<Date>,
}

/// Let a channel go again.
#[derive(Debug, Args)]
pub struct Unpin {
    #[command(flatten)]
    which: Channel,
}

/// Which channel.
#[derive(Debug, Args)]
struct Channel {
    /// Which recipe
    #[arg(value_name = "RECIPE")]
    recipe: String,
    /// Which channel
    #[arg(long, value_name = "CHANNEL")]
    channel: String,
    /// For which architecture, where the recipe has several
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,
}

fn parse_date(text: &str) -> Result<Date, String> {
    date::parse(text).ok_or_else(|| "expected a date: YYYY-MM-DD".to_owned())
}

impl Pin {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_release()?;
        let Channel { recipe, channel, arch } = self.which;
        let which = Which { recipe: open.released(&recipe).await?, channel, arch };
        let (name, pin) = pin::pin(&*open.target, &open.factory.channels, &which, &self.why, self.until).await?;
        let shown = Pinned { recipe: which.recipe, channel: which.channel, arch: name.arch, pinned: true, pin };
        session.result(&shown, |style| view::pinned(&shown, style))?;
        Ok(Exit::Done)
    }
}

impl Unpin {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_release()?;
        let Channel { recipe, channel, arch } = self.which;
        let which = Which { recipe: open.released(&recipe).await?, channel, arch };
        let (name, pin) = pin::unpin(&*open.target, &open.factory.channels, &which).await?;
        let shown = Pinned { recipe: which.recipe, channel: which.channel, arch: name.arch, pinned: false, pin };
        session.result(&shown, |style| view::pinned(&shown, style))?;
        Ok(Exit::Done)
    }
}
