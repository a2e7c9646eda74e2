//! `rollback`: a channel goes back.

use super::distribute;
use super::exit::{CliError, Exit};
use super::session::Session;
use crate::identity::{Arch, Version};
use crate::pipeline::Event;
use crate::release::leftover;
use crate::release::rollback::{self, Request};
use crate::report::view::{self, RolledBack};
use crate::target::Settled;
use clap::Args;

/// Move a channel back to an earlier image.
#[derive(Debug, Args)]
pub struct Rollback {
    /// Which recipe
    #[arg(value_name = "RECIPE")]
    recipe: String,
    /// Which channel
    #[arg(long, value_name = "CHANNEL")]
    channel: String,
    /// To this version [default: the image that the channel named before]
    #[arg(long, value_name = "VERSION")]
    to: Option<Version>,
    /// For which architecture, where the recipe has several
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,
    /// Why; it is kept in the channel's history
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Go back although someone has begun another move: only where that run is certainly dead
    #[arg(long)]
    take_over: bool,
    /// Stay, and accept the channel's record as it stands, although it was edited: where you know how that came about, as --why
    /// says. From then on its next channel takes images from it again; `history` goes on showing what was wrong
    #[arg(long, requires = "why", conflicts_with = "take_over")]
    accept_break: bool,
}

impl Rollback {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_release()?;
        let target = &*open.target;
        target.check().await?;
        let recipe = open.released(&self.recipe).await?;
        let places = distribute::places(&open)?;
        let request = Request {
            recipe,
            channel: self.channel,
            arch: self.arch,
            to: self.to,
            why: self.why,
            take_over: self.take_over,
            accept: self.accept_break,
        };
        let channels = &open.factory.channels;
        let mut done = rollback::roll_back_in(target, places.as_ref(), channels, &request).await?;
        // An entry on this machine that differs from its pointer differs from the entry after it from then on; and one note
        // may not hold all that was accepted.
        // Each round accepts some.
        let mut before = usize::MAX;
        while done.still_broken > 0 && done.still_broken < before {
            before = done.still_broken;
            let rest = rollback::roll_back_in(target, places.as_ref(), channels, &request).await?;
            let accepted = done.accepted.into_iter().chain(rest.accepted).flatten().collect();
            done = rollback::RolledBack { accepted: Some(accepted), cleared: done.cleared, ..rest };
        }
        if !done.cleared.is_empty() {
            let sink = session.sink();
            for underway in &done.cleared {
                sink.event(&Event::Notice { build: None, text: leftover::told(underway, &Settled::Cleared) });
            }
            sink.close();
        }
        let shown = RolledBack::of(&done);
        session.result(&shown, |style| view::rolled_back(&shown, style))?;
        let is_partly = done.still_broken > 0 || done.rows.iter().any(|row| row.why.is_some());
        Ok(if is_partly { Exit::Partly } else { Exit::Done })
    }
}
