//! `history`: who moved which channel, when and why.

use super::distribute;
use super::exit::{CliError, Exit};
use super::session::Session;
use crate::identity::Arch;
use crate::release::promote::rule;
use crate::release::scene::{self, Scene};
use crate::release::trace;
use crate::release::verify::places as verify_places;
use crate::report::view::{self, ChannelHistory, GoneChannel, Histories};
use crate::target::{PointerName, Slot, Underway};
use clap::Args;

/// Show who moved which channel, when and why; the exit code is 4 where a channel was deleted, and where a record was edited,
/// or says what is not so, and nobody has accepted that.
#[derive(Debug, Args)]
pub struct History {
    /// Which recipe
    #[arg(value_name = "RECIPE")]
    recipe: String,
    /// Only this channel
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Only this architecture
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,
}

impl History {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_release()?;
        let target = &*open.target;
        let recipe = open.released(&self.recipe).await?;
        let only = self.channel.as_deref().map(|name| rule(&open.factory.channels, name)).transpose()?;
        let scene = Scene::look(target, &recipe).await?;
        let place = |name: &crate::identity::Channel| {
            open.factory.channels.iter().position(|rule| rule.name == *name).unwrap_or(usize::MAX)
        };
        let is_asked = |name: &PointerName| self.arch.is_none_or(|arch| arch == name.arch);
        let mut channels: Vec<_> = scene.channels().filter(|(_, pointer)| is_asked(&pointer.name)).collect();
        channels.sort_by_key(|(channel, pointer)| (place(channel), (*channel).clone(), pointer.name.arch));
        // Who looks from another region looks there alone.
        let mut differing = match distribute::places(&open).ok().flatten() {
            Some(places) => verify_places::differing(&places, &open.factory.channels, &recipe, &scene.pointers).await,
            None => Default::default(),
        };
        let mut underway = target.underway(&recipe).await?;
        underway.retain(|left| is_asked(&left.name));
        underway.retain(|left| only.is_none_or(|only| left.name.slot == Slot::Channel(only.name.clone())));
        let mut histories = Vec::new();
        for (channel, pointer) in channels {
            if only.is_some_and(|only| only.name != *channel) {
                continue;
            }
            let history = scene::history(target, &pointer.name).await?.with_versions(|image| scene.versions_of(image));
            let versions = |image: &str| image.parse().ok().and_then(|image| scene.version_of(&image));
            let pin = target.pin(&pointer.name).await?.filter(|pin| pin.holds(target.now()));
            let places = differing.remove(&pointer.name).unwrap_or_default();
            let shown = ChannelHistory::of(channel.clone(), pointer.name.arch, &history, versions, pin);
            let (own, others): (Vec<Underway>, _) = underway.into_iter().partition(|left| left.name == pointer.name);
            underway = others;
            histories.push(ChannelHistory { places, underway: own, ..shown });
        }
        let is_there = |name: &PointerName| scene.holds(name);
        let mut gone = trace::gone(&scene.images, &recipe, &open.factory.channels, is_there);
        gone.retain(|name, _| is_asked(name) && only.is_none_or(|only| name.slot == Slot::Channel(only.name.clone())));
        let gone = gone.into_iter().map(|(name, version)| GoneChannel { pointer: name.to_string(), version }).collect();
        let shown = Histories { recipe, channels: histories, first: underway, gone };
        session.result(&shown, |style| view::histories(&shown, style))?;
        // As `verify` ends, which says more.
        let is_well = |channel: &ChannelHistory| channel.whole && channel.contradicted.is_empty();
        Ok(if shown.gone.is_empty() && shown.channels.iter().all(is_well) { Exit::Done } else { Exit::Stale })
    }
}
