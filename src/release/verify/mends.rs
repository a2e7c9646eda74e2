//! What mends a pointer: commands that work where it was looked at.

use super::{Look, from_home};
use crate::identity::{Arch, Channel, RecipeName, Version};
use crate::pipeline::tags;
use crate::release::history::History;
use crate::release::way_out::{self, Ground as Way};
use crate::target::{PointerName, Slot};
use std::collections::BTreeSet;

/// Where the files of a pointer lie on this machine.
pub(super) fn local_folder(name: &PointerName) -> String {
    let kind = match name.slot {
        Slot::Channel(_) => "channels",
        Slot::Version(_) => "versions",
    };
    format!("local/pointers/{}/{}/{kind} of the state folder", name.recipe, name.arch)
}

impl Look<'_> {
    pub(super) fn way_back(&self, name: &PointerName) -> String {
        match &name.slot {
            Slot::Channel(channel) => self.away(name, channel),
            Slot::Version(_) => self.delete(name),
        }
    }

    /// Commands of the AWS CLI go to the place that was looked at, whatever the region of whoever types them.
    pub(super) fn region(&self) -> String {
        self.seen.region.as_ref().map(|region| format!(" --region {region}")).unwrap_or_default()
    }

    /// The commands that work, as far as it is known what the channel has named.
    pub(super) fn away(&self, name: &PointerName, channel: &Channel) -> String {
        let plain = || format!("amifactory rollback {} --channel {channel}", name.recipe);
        // Home is what decides: a rollback moves all places, and home may be as it should.
        if let Some(home) = self.home {
            return from_home::brings(home, self.rules, name, channel);
        }
        let (Some(Ok(entries)), Some(pointer)) =
            (self.seen.histories.get(name), self.seen.pointers(self.recipe).find(|pointer| pointer.name == *name))
        else {
            return plain();
        };
        let history = History::of(entries);
        let usable = |image: &str| self.usable_version(image);
        let ground = Way {
            history: &history,
            current: pointer.image.as_str(),
            usable: &usable,
            pinned: self.seen.held.contains(name),
            several: self.has_several(),
            rules: self.rules,
            bases: &self.bases(name.arch),
            waiting: self.waiting(name, channel, pointer.image.as_str()),
        };
        way_out::commands(name, &ground).join(", then ")
    }

    /// The version that a channel could be promoted to, by what the channel before it names or has named.
    fn waiting(&self, name: &PointerName, channel: &Channel, current: &str) -> Option<Version> {
        let rule = self.rules.iter().find(|rule| rule.name == *channel)?;
        let usable = |image: &str| self.usable_version(image);
        let Some(from) = &rule.from else {
            let of_arch = self.seen.pointers(self.recipe).filter(|pointer| pointer.name.arch == name.arch);
            return way_out::newest(of_arch, current, usable);
        };
        let from = PointerName { slot: Slot::Channel(from.clone()), ..name.clone() };
        let named = self.seen.pointers(self.recipe).find(|pointer| pointer.name == from)?;
        let entries = self.seen.histories.get(&from)?.as_ref().ok()?;
        way_out::waiting(&History::of(entries), named.image.as_str(), current, usable)
    }

    /// What has to be built before this recipe can be.
    fn bases(&self, arch: Arch) -> Vec<RecipeName> {
        way_out::bases_to_build(&self.seen.images, self.recipe, arch, |image| tags::revoked(&image.tags).is_some())
    }

    /// The commands that build the recipe anew.
    pub(super) fn build_anew(&self, arch: Arch) -> String {
        way_out::build_anew(self.recipe, &self.bases(arch)).join(", then ")
    }

    /// The version of an image that can be used.
    fn usable_version(&self, image: &str) -> Option<Version> {
        let image = self.seen.image(&image.parse().ok()?)?;
        let owner = tags::owner(&image.tags).filter(|owner| owner.recipe == *self.recipe)?;
        (image.available && tags::revoked(&image.tags).is_none()).then_some(owner.version)
    }

    /// Whether the recipe has pointers for several architectures.
    pub(super) fn has_several(&self) -> bool {
        let archs: BTreeSet<Arch> = self.seen.pointers(self.recipe).map(|pointer| pointer.name.arch).collect();
        archs.len() > 1
    }

    /// The command that writes down that a channel stays where it is: where it was only written once more, by hand, with
    /// what a move of ours had brought it to. What came there by hand alone passed no gate, and is told to go.
    pub(super) fn stays(&self, name: &PointerName, history: &History) -> Option<String> {
        let Slot::Channel(channel) = &name.slot else { return None };
        let ours = history.moves.iter().rev().find(|moved| moved.note.is_some())?;
        let version = self.usable_version(&history.last().filter(|last| last.image == ours.image)?.image)?;
        let arch = if self.has_several() { format!(" --arch {}", name.arch) } else { String::new() };
        let unpin = match self.seen.held.contains(name) {
            true => format!("amifactory unpin {} --channel {channel}{arch}, then ", name.recipe),
            false => String::new(),
        };
        Some(format!("{unpin}amifactory rollback {} --channel {channel}{arch} --to {version}", name.recipe))
    }

    /// What makes a channel's history vouch again where it was edited: it is accepted as it stands, which deletes nothing.
    pub(super) fn accept(&self, name: &PointerName) -> String {
        let (recipe, Slot::Channel(channel)) = (&name.recipe, &name.slot) else { return self.delete(name) };
        let named = self.seen.pointers(self.recipe).find(|pointer| pointer.name == *name);
        let is_usable = named.is_some_and(|pointer| self.usable_version(pointer.image.as_str()).is_some());
        let arch = if self.has_several() { format!(" --arch {}", name.arch) } else { String::new() };
        // What it names can't be vouched for either: it goes first.
        let first = match (is_usable, self.seen.held.contains(name)) {
            (false, _) if self.home.is_none() => format!("{}, then ", self.away(name, channel)),
            (_, true) => format!("amifactory unpin {recipe} --channel {channel}{arch}, then "),
            _ => String::new(),
        };
        format!(
            "{first}amifactory rollback {recipe} --channel {channel}{arch} --accept-break --why REASON accepts it as it stands: \
             from there on it vouches again, and what was wrong stays told"
        )
    }

    /// What makes a channel's history begin anew where something in it is not so.
    pub(super) fn begin_anew(&self, name: &PointerName) -> String {
        let (recipe, Slot::Channel(channel)) = (&name.recipe, &name.slot) else { return self.delete(name) };
        let named = self.seen.pointers(self.recipe).find(|pointer| pointer.name == *name);
        let version = named.and_then(|pointer| self.usable_version(pointer.image.as_str()));
        let version = version.map_or_else(|| "VERSION".to_owned(), |version| version.to_string());
        let arch = if self.has_several() { format!(" --arch {}", name.arch) } else { String::new() };
        let away = match self.is_remote {
            true => format!("delete the pointer (aws ssm delete-parameter --name {name}{})", self.region()),
            false => format!("move {channel}.json and {channel}.history away from {}", local_folder(name)),
        };
        format!(
            "keep what it says (amifactory history {recipe} --channel {channel} --format json), {away}, then amifactory \
             promote {recipe}@{version} --to {channel}{arch} begins it anew (images that only its history keeps from \
             retire are kept by it no more)"
        )
    }

    /// What is to be done about a version's pointer that names what is gone: a copy can be made anew.
    pub(super) fn stale(&self, name: &PointerName, version: Version) -> String {
        match self.home.filter(|home| from_home::has(home, name)) {
            Some(home) => format!("{}, then {}", self.delete(name), from_home::distribute(home, name, version)),
            None => self.delete(name),
        }
    }

    pub(super) fn delete(&self, name: &PointerName) -> String {
        let region = self.region();
        match (self.is_remote, &name.slot) {
            (true, Slot::Channel(_)) => format!(
                "delete the pointer, where nobody needs it: aws ssm delete-parameter --name {name}{region} (its history \
                 goes with it: amifactory history {} --format json keeps it)",
                name.recipe
            ),
            (true, Slot::Version(_)) => {
                format!("delete the pointer, where nobody needs it: aws ssm delete-parameter --name {name}{region}")
            }
            (false, Slot::Channel(channel)) => format!(
                "delete the pointer, where nobody needs it: {channel}.json and {channel}.history in \
                 local/pointers/{}/{}/channels of the state folder (amifactory history {} --format json keeps its history)",
                name.recipe, name.arch, name.recipe
            ),
            (false, Slot::Version(version)) => format!(
                "put its image back from a backup of the state folder; or delete the pointer, where nobody needs it: \
                 {version}.json and {version}.history in local/pointers/{}/{}/versions of the state folder",
                name.recipe, name.arch
            ),
        }
    }
}
