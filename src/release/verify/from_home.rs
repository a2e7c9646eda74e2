//! What home names, for those who look at another place: home decides, and what brings it there depends on that.

use super::Look;
use crate::identity::{Channel, Version};
use crate::pipeline::tags;
use crate::recipe::ChannelRule;
use crate::release::history::History;
use crate::release::seen::Seen;
use crate::target::{Pointer, PointerName, Slot};

/// Whether home has this version, with an image that can be used.
pub(super) fn has(home: &Seen, name: &PointerName) -> bool {
    home.pointers(&name.recipe).any(|pointer| pointer.name == *name && is_usable(home, pointer))
}

fn is_usable(home: &Seen, pointer: &Pointer) -> bool {
    home.image(&pointer.image).is_some_and(|image| image.available && tags::revoked(&image.tags).is_none())
}

/// The command that brings a version to other places.
pub(super) fn distribute(home: &Seen, name: &PointerName, version: Version) -> String {
    format!("amifactory distribute {}@{version}{}", name.recipe, arch(home, name))
}

fn arch(home: &Seen, name: &PointerName) -> String {
    let is_other = |pointer: &Pointer| pointer.name.arch != name.arch;
    if home.pointers(&name.recipe).any(is_other) { format!(" --arch {}", name.arch) } else { String::new() }
}

/// What a channel names at home, and what brings that to a place that names something else.
pub(super) fn brings(home: &Seen, rules: &[ChannelRule], name: &PointerName, channel: &Channel) -> String {
    let recipe = &name.recipe;
    let Some(named) = home.pointers(recipe).find(|pointer| pointer.name == *name) else {
        return "home names nothing by it: what to do is told with that".to_owned();
    };
    let version = home.pointers(recipe).find_map(|pointer| match pointer.name.slot {
        Slot::Version(version) if pointer.image == named.image && pointer.name.arch == name.arch => Some(version),
        _ => None,
    });
    let (image, arch) = (&named.image, arch(home, name));
    let what = version.map_or_else(|| image.to_string(), |version| format!("{version} ({image})"));
    let why = match version {
        _ if past_gates(home, name) => "which someone wrote there past its gates",
        None => "which no version names",
        Some(_) if !is_usable(home, named) => "which can't be used",
        Some(version) => {
            return format!(
                "home names {what}: amifactory promote {recipe}@{version} --to {channel}{arch} --yes brings it there"
            );
        }
    };
    // All places follow where home goes.
    let mut found = Vec::new();
    let look = Look { seen: home, recipe, rules, is_remote: true, home: None, found: &mut found };
    format!("home names {what}, {why}: put that right first, and all places follow: {}", look.way_back(name))
}

/// Whether home itself names what something other than this program wrote there, or what says so of itself.
pub(super) fn past_gates(home: &Seen, name: &PointerName) -> bool {
    let entries = home.histories.get(name).and_then(|read| read.as_ref().ok());
    let history = entries.map(|entries| History::of(entries));
    history.is_some_and(|history| history.unrecorded().is_some() || history.last_contradicted().is_some())
}
