//! What the histories of pointers say, against the pointers that are there.

use super::mends::local_folder;
use super::{Look, from_home};
use crate::identity::Version;
use crate::pipeline::tags;
use crate::release::Account;
use crate::release::history::{History, Moved};
use crate::release::note::Note;
use crate::release::trace;
use crate::report::visible::line;
use crate::target::{Image, Pointer, PointerName, Slot, TargetError};
use std::collections::{BTreeMap, BTreeSet};

/// How many versions of a parameter are kept (Systems Manager quotas): the oldest one goes for each new one, unless someone
/// has labelled it. Then nothing is written any more.
const KEPT: usize = 100;

/// What is told of a channel that something other than this program wrote last.
pub(super) fn past_gates(by_hand: &Moved) -> String {
    let by = by_hand.by.as_deref().map_or_else(|| "someone".into(), line);
    format!("it was last written by {by}, and not by amifactory: it passed no gate")
}

/// Whether another move brought its image there, against which nothing speaks.
fn is_vouched(history: &History, last: &Moved) -> bool {
    let is_one = |moved: &&Moved| moved.image == last.image && moved.note.is_some();
    history.vouched().iter().filter(is_one).any(|moved| history.contradicted(moved).is_none())
}

impl Look<'_> {
    /// A channel that took an image from another one shows that this one was there, and no channel goes away by itself.
    pub(super) fn comes_from(&mut self, name: &PointerName) {
        // Elsewhere there is only what reaches the place.
        let Some(Ok(entries)) = self.seen.histories.get(name).filter(|_| self.home.is_none()) else { return };
        for from in History::of(entries).came_from() {
            let before = PointerName { slot: Slot::Channel(from.clone()), ..name.clone() };
            let overview = self.seen.recipes.get(self.recipe);
            let is_it = |read: &Result<Pointer, TargetError>| read.as_ref().map_or(true, |found| found.name == before);
            // A channel that the factory has no more may go: nobody takes anything from it again.
            let is_declared = self.rules.is_empty() || self.rules.iter().any(|rule| rule.name == from);
            if !is_declared || overview.is_some_and(|overview| overview.pointers.iter().any(is_it)) {
                continue;
            }
            let wrong =
                format!("it is not there, and {name} took an image from it: someone deleted it, and its history");
            let mend = format!(
                "find out who did; amifactory promote {} --to {from} makes it anew (images that it has named stay until \
                 then)",
                self.recipe
            );
            self.wrong(&before, wrong, mend);
        }
    }

    /// A channel that has named an image, as that says itself, and that is not there.
    pub(super) fn named_once(&mut self) {
        let Some(overview) = self.seen.recipes.get(self.recipe).filter(|_| self.home.is_none()) else { return };
        let is_there = |name: &PointerName| {
            // What can't be read is told by itself.
            overview.pointers.iter().any(|read| read.as_ref().map_or(true, |found| found.name == *name))
        };
        for (name, version) in trace::gone(self.seen.images_of(self.recipe), self.recipe, self.rules, is_there) {
            // Where others took images from it, that is told.
            if self.found.iter().any(|drift| drift.what == name.to_string()) {
                continue;
            }
            let Slot::Channel(channel) = &name.slot else { continue };
            let wrong = format!(
                "it is not there, and {version} says that it has named it: someone deleted it, and its history"
            );
            let mend = format!(
                "find out who did; amifactory promote {}@{version} --to {channel} --arch {} makes it anew (images of the recipe \
                 stay until then)",
                self.recipe, name.arch
            );
            self.wrong(&name, wrong, mend);
        }
    }

    pub(super) fn history(&mut self, name: &PointerName) {
        let entries = match self.seen.histories.get(name) {
            None => return,
            Some(Err(error)) => return self.damaged(error),
            Some(Ok(entries)) => entries,
        };
        let oldest = entries.iter().take(KEPT / 10).rfind(|entry| !entry.labels.is_empty());
        if let Some(labelled) = oldest.filter(|_| entries.len() >= KEPT - KEPT / 10) {
            let at = entries.iter().position(|entry| entry.revision == labelled.revision).unwrap_or_default();
            let room = KEPT - entries.len() + at;
            let wrong = format!(
                "{KEPT} of its versions are kept, {} are there, and revision {} has a label ({}): after {room} more moves \
                 it can't be written any more",
                entries.len(),
                labelled.revision,
                line(&labelled.labels.join(", "))
            );
            self.wrong(name, wrong, labelled.unlabel(name));
        }
        let history = History::of(entries).with_versions(|image| self.versions_of(image));
        if history.is_whole() && !history.is_sound() {
            let mend =
                match history.last().filter(|last| history.contradicted(last).is_some() && !is_vouched(&history, last))
                {
                    Some(_) => {
                        format!("it may have passed no gate: {}; or promote what it is to name", self.way_back(name))
                    }
                    None if !History::open(entries, Account::Own).is_empty() => self.accept(name),
                    None => format!("it stays in the record; to be rid of it, {}", self.begin_anew(name)),
                };
            self.wrong(name, history.verdict(), format!("find out who could write there; {mend}"));
        }
        if !history.is_whole() {
            let mend = format!(
                "its history can't be trusted before that: find out who could write there, and restore it from a backup; or, \
                 where there is none, {}",
                self.accept(name)
            );
            self.wrong(name, history.verdict(), mend);
        }
        // Elsewhere it is told with what home names: that decides, and what brings it there writes over it.
        if let Some(by_hand) = history.unrecorded().filter(|_| self.home.is_none()) {
            let mend = match self.stays(name, &history) {
                Some(stays) => {
                    format!("find out who did; {stays} writes down that it stays; or {}", self.way_back(name))
                }
                None => format!("{}; or promote what it is to name", self.way_back(name)),
            };
            self.wrong(name, past_gates(by_hand), mend);
        }
    }

    /// All versions that an image may be meant by.
    fn versions_of(&self, image: &str) -> BTreeSet<Version> {
        let named = self.seen.pointers(self.recipe).filter(|pointer| pointer.image.as_str() == image);
        let versions = named.filter_map(|pointer| match pointer.name.slot {
            Slot::Version(version) => Some(version),
            Slot::Channel(_) => None,
        });
        let of_tags = image.parse().ok().and_then(|image| tags::version_of(self.seen.image(&image)?));
        versions.chain(of_tags).collect()
    }

    /// A version's history, where it was asked for: it is one line.
    pub(super) fn once(&mut self, name: &PointerName) {
        match self.seen.histories.get(name) {
            None => {}
            Some(Err(error)) => self.damaged(error),
            Some(Ok(entries)) => {
                let history = History::of(entries);
                let mend = "find out who wrote there: restore it from a backup, or publish another version";
                if !history.is_whole() {
                    // A version is written once, and its one entry stands in its pointer too.
                    let mend = match &name.slot {
                        Slot::Version(version) => format!(
                            "find out who wrote there: restore {version}.history from a backup, or move it away from {}: \
                             what it held stands in {version}.json too",
                            local_folder(name)
                        ),
                        Slot::Channel(_) => mend.to_owned(),
                    };
                    self.wrong(name, history.verdict(), mend);
                }
                // One that can't be read is told by itself.
                let is_read = self.seen.pointers(self.recipe).any(|pointer| pointer.name == *name);
                if is_read && entries.last().is_some_and(|last| Note::read(&last.note).is_none()) {
                    let mend = match (
                        &name.slot,
                        entries.first().is_some_and(|first| Note::read(&first.note).is_some()),
                    ) {
                        (Slot::Version(version), true) => format!(
                            "find out who wrote there: remove {version}.json from {}, and amifactory resume puts it back \
                             as its history says",
                            local_folder(name)
                        ),
                        _ => mend.to_owned(),
                    };
                    self.wrong(name, "it was not written by amifactory", mend);
                }
            }
        }
    }

    /// A version that a channel has named had a pointer, which is never deleted while its image is there.
    pub(super) fn unnamed(&mut self) {
        let mut left: BTreeMap<PointerName, (&Image, &PointerName)> = BTreeMap::new();
        let is_channel = |name: &PointerName| matches!(name.slot, Slot::Channel(_));
        let ours = self.seen.histories.iter().filter(|(name, _)| name.recipe == *self.recipe && is_channel(name));
        for (channel, entries) in ours.filter_map(|(name, read)| Some((name, read.as_ref().ok()?))) {
            for image in entries.iter().filter_map(|entry| self.seen.image(&entry.image.parse().ok()?)) {
                let Some(owner) = tags::owner(&image.tags).filter(|owner| owner.recipe == *self.recipe) else {
                    continue;
                };
                let name = PointerName { slot: Slot::Version(owner.version), ..channel.clone() };
                // What was written over it is told by its own look; what can't be read, too.
                let overview = self.seen.recipes.get(self.recipe);
                let mut read = overview.iter().flat_map(|overview| &overview.pointers);
                let is_there = |read: &Result<Pointer, TargetError>| match read {
                    Ok(pointer) => {
                        matches!(pointer.name.slot, Slot::Version(_))
                            && (pointer.name == name || pointer.image == image.id)
                    }
                    Err(_) => true,
                };
                if !read.any(is_there) {
                    left.insert(name, (image, channel));
                }
            }
        }
        for (name, (image, channel)) in left {
            let wrong = format!("it is not there, and {channel} has named its image {}", image.id);
            let mend = match (&name.slot, self.home.filter(|home| from_home::has(home, &name))) {
                (Slot::Version(version), Some(home)) => {
                    format!("{} puts it back", from_home::distribute(home, &name, *version))
                }
                _ if self.is_remote => format!(
                    "put it back: aws ssm put-parameter --name {name}{} --type String --data-type aws:ec2:image --value {}",
                    self.region(),
                    image.id
                ),
                _ => "someone deleted it: put it back from a backup of the state folder".to_owned(),
            };
            self.wrong(&name, wrong, mend);
        }
    }
}
