//! Verify: all pointers and what they name against what is really there. Looks and changes nothing.

mod from_home;
mod histories;
mod in_accounts;
mod look;
mod lost;
mod mends;
pub mod places;
mod retagged;

use crate::identity::{Arch, Channel, RecipeName, Version};
use crate::pipeline::tags;
use crate::recipe::ChannelRule;
use crate::release::error::ReleaseError;
use crate::release::intent::{self, Foreign};
use crate::release::opened;
use crate::release::places::Place;
use crate::release::rightful::{self, Ground};
use crate::release::seen::Seen;
use crate::target::{Image, Pointer, PointerName, Slot, Target, TargetError, Underway};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// Its recipe.
    pub recipe: RecipeName,
    /// Which pointer or image.
    pub what: String,
    /// What is wrong with it.
    pub wrong: String,
    /// A way out.
    pub mend: String,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Verified {
    /// How many recipes.
    pub recipes: usize,
    /// How many pointers.
    pub pointers: usize,
    /// What is wrong; empty where all that was looked at is as it should be.
    pub drift: Vec<Drift>,
    /// Places that could not be looked at: nothing is known of them.
    pub unknown: Vec<Unknown>,
    /// Channels that are being moved at this moment: what they name is not compared between places.
    pub moving: Vec<Underway>,
    /// What has been published at home: by recipe and architecture the newest version that can be used, and the channels
    /// that are there.
    #[serde(skip)]
    pub published: BTreeMap<(RecipeName, Arch), (Version, BTreeSet<Channel>)>,
}

impl Verified {
    /// A channel that builds publish to is there where anything was published; `publishes` tells which that is. That a
    /// channel is gone nothing else shows, where no other one took an image from it.
    pub fn expect_channels(&mut self, publishes: impl Fn(&RecipeName) -> Option<Channel>) {
        for ((recipe, arch), (version, channels)) in &self.published {
            let Some(channel) = publishes(recipe).filter(|channel| !channels.contains(channel)) else { continue };
            let name = PointerName { recipe: recipe.clone(), arch: *arch, slot: Slot::Channel(channel.clone()) };
            // Where others took images from it, or other places name it, that is told with it.
            if self.drift.iter().any(|drift| drift.what == name.to_string()) {
                continue;
            }
            let several = self.published.keys().filter(|(other, _)| other == recipe).count() > 1;
            let arch = if several { format!(" --arch {arch}") } else { String::new() };
            self.drift.push(Drift {
                recipe: recipe.clone(),
                what: name.to_string(),
                wrong: format!(
                    "it is not there, and builds of {recipe} publish to {channel}: someone deleted it, and its history, or \
                     nothing was built since they do"
                ),
                mend: format!(
                    "find out which; amifactory promote {recipe}@{version} --to {channel}{arch} makes it anew"
                ),
            });
        }
    }
}

/// A place that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// Why not.
    pub why: String,
}

struct Look<'a> {
    seen: &'a Seen,
    recipe: &'a RecipeName,
    rules: &'a [ChannelRule],
    is_remote: bool,
    /// What home shows, where this is another region; none where this is home.
    home: Option<&'a Seen>,
    found: &'a mut Vec<Drift>,
}

/// Looks at all pointers of these recipes.
pub async fn verify(
    target: &dyn Target,
    rules: &[ChannelRule],
    recipes: &[RecipeName],
) -> Result<Verified, ReleaseError> {
    let seen = Seen::look(target, recipes, true).await?;
    Ok(check(&seen, target.is_remote(), None, rules))
}

/// What is wrong with what a place shows. `home` is what home shows, where it is not that itself.
pub fn check(seen: &Seen, is_remote: bool, home: Option<&Seen>, rules: &[ChannelRule]) -> Verified {
    let mut verified = Verified { recipes: seen.recipes.len(), ..Verified::default() };
    for (recipe, overview) in &seen.recipes {
        let mut look = Look { seen, recipe, rules, is_remote, home, found: &mut verified.drift };
        look.recipe(overview);
        verified.drift.extend(opened::drift(seen, rules, recipe));
        verified.pointers += overview.pointers.len();
        if home.is_none() {
            verified.published.extend(published(seen, recipe));
        }
        // What nobody of ours began keeps nothing from being compared.
        let moving = overview.underway.iter().flatten().filter(|underway| !underway.over);
        verified.moving.extend(moving.filter(|underway| foreign(seen, rules, underway).is_none()).cloned());
    }
    if let (Some(why), Some(region)) = (&seen.launchers.unread, &seen.region) {
        let place = Place { account: None, region: region.clone() };
        verified.unknown.push(Unknown { place, why: why.clone() });
    }
    verified
}

/// What has been published of a recipe, by architecture.
fn published(seen: &Seen, recipe: &RecipeName) -> BTreeMap<(RecipeName, Arch), (Version, BTreeSet<Channel>)> {
    let mut all: BTreeMap<(RecipeName, Arch), (Version, BTreeSet<Channel>)> = BTreeMap::new();
    let is_fit = |image: &&Image| image.available && tags::revoked(&image.tags).is_none();
    for pointer in seen.pointers(recipe) {
        let Slot::Version(version) = pointer.name.slot else { continue };
        if seen.image(&pointer.image).filter(is_fit).is_some() {
            let newest = all.entry((recipe.clone(), pointer.name.arch)).or_insert((version, BTreeSet::new()));
            newest.0 = newest.0.max(version);
        }
    }
    let overview = seen.recipes.get(recipe).into_iter();
    for read in overview.flat_map(|overview| &overview.pointers) {
        for ((_, arch), (_, channels)) in &mut all {
            match read {
                Ok(Pointer { name: PointerName { arch: of, slot: Slot::Channel(channel), .. }, .. }) if of == arch => {
                    channels.insert(channel.clone());
                }
                // What can't be read is told by itself.
                Err(TargetError::Damaged { what, .. }) => {
                    let channel = what.split(".json").next().and_then(|what| what.rsplit('/').next());
                    channels.extend(channel.and_then(|channel| channel.parse().ok()));
                }
                _ => {}
            }
        }
    }
    all
}

/// Why a move that is under way is none that may be finished; none where it may, as far as that shows without its record.
fn foreign(seen: &Seen, rules: &[ChannelRule], underway: &Underway) -> Option<Foreign> {
    let Underway { name, image, note, .. } = underway;
    let there = seen.image(image).filter(|image| image.available);
    let found = there.map(|image| &image.tags);
    let version = found.and_then(|tags| intent::version_of(name, tags));
    let named = version.and_then(|version| seen.pointers(&name.recipe).find(|pointer| pointer.name == version));
    let foreign = intent::foreign(name, (image, note), found, named.map(|pointer| &pointer.image));
    foreign.or_else(|| unruly(seen, rules, underway, there?))
}

/// Why its channel's rule does not let a move be finished.
fn unruly(seen: &Seen, rules: &[ChannelRule], underway: &Underway, image: &Image) -> Option<Foreign> {
    if rules.is_empty() {
        return None;
    }
    let name = &underway.name;
    let Some(rule) = rules.iter().find(|rule| name.slot == Slot::Channel(rule.name.clone())) else {
        return Some(Foreign::NoChannel);
    };
    // A history that can't be read is told by itself; one that is not there has never named anything.
    let entries = |name: &PointerName| match seen.histories.get(name) {
        Some(Ok(entries)) => Some(entries.as_slice()),
        Some(Err(_)) => None,
        None => Some(&[][..]),
    };
    let from = match &rule.from {
        Some(from) => entries(&PointerName { slot: Slot::Channel(from.clone()), ..name.clone() })?,
        None => &[],
    };
    let writer = seen.writers.get(name).map(String::as_str);
    let own = entries(name)?;
    rightful::wrong(underway, &Ground { rule, own, from, image, images: &seen.images, record: None, writer })
}
