//! Verify: all pointers and what they name against what is really there. Looks and changes nothing.

mod histories;
mod in_accounts;
mod look;
mod mends;
pub mod places;

use crate::identity::RecipeName;
use crate::recipe::ChannelRule;
use crate::release::error::ReleaseError;
use crate::release::intent::{self, Foreign};
use crate::release::opened;
use crate::release::places::Place;
use crate::release::rightful::{self, Ground};
use crate::release::seen::Seen;
use crate::target::{Image, PointerName, Slot, Target, Underway};
use serde::Serialize;

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
    is_home: bool,
    found: &'a mut Vec<Drift>,
}

/// Looks at all pointers of these recipes.
pub async fn verify(
    target: &dyn Target,
    rules: &[ChannelRule],
    recipes: &[RecipeName],
) -> Result<Verified, ReleaseError> {
    let seen = Seen::look(target, recipes, true).await?;
    Ok(check(&seen, target.is_remote(), true, rules))
}

/// What is wrong with what a place shows, taken by itself.
pub fn check(seen: &Seen, is_remote: bool, is_home: bool, rules: &[ChannelRule]) -> Verified {
    let mut verified = Verified { recipes: seen.recipes.len(), ..Verified::default() };
    for (recipe, overview) in &seen.recipes {
        let mut look = Look { seen, recipe, rules, is_remote, is_home, found: &mut verified.drift };
        look.recipe(overview);
        verified.drift.extend(opened::drift(seen, rules, recipe));
        verified.pointers += overview.pointers.len();
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
