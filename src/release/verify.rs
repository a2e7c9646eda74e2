//! Verify: all pointers and what they name against what is really there. Looks and changes nothing.

use super::error::ReleaseError;
use super::history::History;
use super::intent::{self, Foreign};
use super::note::Note;
use super::opened;
use super::places::Place;
use super::revoke::built_on;
use super::rightful::{self, Ground};
use super::seen::Seen;
use super::way_out::{self, Ground as Way};
use crate::identity::{Arch, Channel, RecipeName, Version};
use crate::pipeline::tags::{self, ImageState};
use crate::recipe::ChannelRule;
use crate::report::visible::line;
use crate::target::{
    Evidence, Image, Overview, Pointer, PointerName, Retirement, Rung, Slot, Target, TargetError, Underway,
};
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

/// How many versions of a parameter are kept (Systems Manager quotas): the oldest one goes for each new one, unless someone
/// has labelled it. Then nothing is written any more.
const KEPT: usize = 100;

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

impl Look<'_> {
    fn wrong(&mut self, what: impl ToString, wrong: impl Into<String>, mend: impl Into<String>) {
        let recipe = self.recipe.clone();
        self.found.push(Drift { recipe, what: what.to_string(), wrong: wrong.into(), mend: mend.into() });
    }

    fn damaged(&mut self, error: &TargetError) {
        match error {
            TargetError::Damaged { what, why, help } => self.wrong(what, why, help),
            error => self.wrong("what is there", error.to_string(), "run the same command again"),
        }
    }

    fn recipe(&mut self, overview: &Overview) {
        for error in overview.pointers.iter().filter_map(|read| read.as_ref().err()) {
            self.damaged(error);
        }
        for error in overview.retirements.iter().filter_map(|read| read.as_ref().err()) {
            self.damaged(error);
        }
        for error in overview.revocations.values().filter_map(|read| read.as_ref().err()) {
            self.damaged(error);
        }
        let pointers: Vec<&Pointer> = overview.pointers.iter().flatten().collect();
        for pointer in &pointers {
            match &pointer.name.slot {
                Slot::Version(_) if self.is_retired(pointer) => {}
                Slot::Version(version) => self.version(pointer, *version),
                Slot::Channel(channel) => self.channel(pointer, channel, &pointers),
            }
        }
        self.unnamed();
        self.revoked();
        for underway in &overview.underway {
            match underway {
                Err(error) => self.damaged(error),
                Ok(underway) => self.underway(underway),
            }
        }
    }

    fn underway(&mut self, underway: &Underway) {
        let Underway { name, image, since, until, .. } = underway;
        let by = line(&underway.by);
        if let Some(foreign) = foreign(self.seen, self.rules, underway) {
            let wrong = format!(
                "a lock says that {by} began to move it to {image} at {since}, and {}",
                line(&foreign.to_string())
            );
            let mend =
                format!("find out who could write it; amifactory resume clears it after {until}, and moves nothing");
            self.wrong(name, wrong, mend);
        } else if underway.over {
            let wrong = format!("a move to {image} was begun by {by} at {since} and not ended");
            self.wrong(name, wrong, "amifactory resume finishes or clears it");
        }
    }

    fn image(&self, pointer: &Pointer) -> Option<&Image> {
        self.seen.image(&pointer.image)
    }

    /// Whether the version's image was removed because nothing used it any more. Its pointer stays, so that no other image
    /// ever has that version.
    fn is_retired(&mut self, pointer: &Pointer) -> bool {
        if self.image(pointer).is_some_and(|image| image.available) {
            self.said_to_be_gone(pointer);
            return false;
        }
        let of_image = |found: &&Retirement| found.image == pointer.image && found.restored_at.is_none();
        let overview = self.seen.recipes.get(self.recipe);
        let mut all = overview.iter().flat_map(|overview| overview.retirements.iter().flatten());
        let Some(found) = all.find(of_image).cloned() else { return false };
        // Disabled, and waiting for its last step.
        if found.is_open() && self.image(pointer).is_some_and(Image::is_disabled) {
            return true;
        }
        if found.is_open() && found.rung < Rung::Remove {
            return false;
        }
        if found.removed_at.is_none() {
            let wrong = format!("{} began at {} to remove {} and did not end it", found.by, found.at, found.image);
            let mend = format!("amifactory retire {} --apply finishes it", self.recipe);
            self.wrong(&pointer.name, wrong, mend);
        }
        true
    }

    /// What is there was neither removed nor disabled, whatever is written down of it.
    fn said_to_be_gone(&mut self, pointer: &Pointer) {
        let overview = self.seen.recipes.get(self.recipe);
        let mut all = overview.iter().flat_map(|overview| overview.retirements.iter().flatten());
        let of_image = |found: &&Retirement| found.image == pointer.image && found.restored_at.is_none();
        let Some(found) = all.find(of_image) else { return };
        let said = match (&found.removed_at, &found.disabled_at) {
            (Some(at), _) => format!("removed at {at}"),
            (None, Some(at)) => format!("disabled at {at}"),
            (None, None) => return,
        };
        let wrong = format!("it is written down that {} was {}, and it is there", found.image, line(&said));
        let mend = format!("find out who wrote it; amifactory retire --restore {} takes it back", found.image);
        self.wrong(&pointer.name, wrong, mend);
    }

    fn version(&mut self, pointer: &Pointer, version: Version) {
        let name = &pointer.name;
        if pointer.revision > 1 {
            let wrong = format!("it was written {} times, and a version is written once", pointer.revision);
            self.wrong(
                name,
                wrong,
                "someone overwrote it by hand: find out who did (its history says), and publish another version",
            );
        }
        self.once(name);
        let Some(image) = self.image(pointer).cloned() else {
            let wrong = format!("it names {}, which is gone", pointer.image);
            // Together with the mark it is by what the fleet knows what still runs of it.
            let mend = match self.is_marked(pointer) {
                true => {
                    "leave it: the version is revoked, and by this and its mark the fleet knows what runs of it".into()
                }
                false => self.delete(name),
            };
            self.wrong(name, wrong, mend);
            return;
        };
        self.usable(pointer, &image);
        match tags::owner(&image.tags) {
            Some(owner) if owner.recipe == *self.recipe && owner.version == version => {}
            Some(owner) => {
                let wrong = format!("it names {}, whose tags say {} {}", image.id, owner.recipe, owner.version);
                self.wrong(name, wrong, "find out which is right: put the tags right, or delete the pointer");
            }
            None => self.untagged(name, &image),
        }
        if tags::arch(&image.tags).is_some_and(|arch: Arch| arch != name.arch) {
            let wrong = format!("it names {}, whose tags say another architecture", image.id);
            self.wrong(name, wrong, "find out which is right: put the tags right, or delete the pointer");
        }
    }

    /// Whether it is written down that what a version names is revoked.
    fn is_marked(&self, pointer: &Pointer) -> bool {
        let mark = self.seen.recipes.get(self.recipe).and_then(|overview| overview.revocations.get(&pointer.name));
        mark.is_some_and(|mark| mark.as_ref().is_ok_and(|mark| mark.image == pointer.image))
    }

    fn untagged(&mut self, name: &PointerName, image: &Image) {
        let wrong = format!("it names {}, whose tags don't say whose it is", image.id);
        self.wrong(name, wrong, "put its amifactory: tags back; amifactory show reads them from its record");
    }

    fn usable(&mut self, pointer: &Pointer, image: &Image) {
        if !image.available {
            let why = image.failed.as_deref().unwrap_or("not available");
            self.wrong(&pointer.name, format!("it names {}, which is {why}", image.id), self.way_back(&pointer.name));
        }
    }

    fn channel(&mut self, pointer: &Pointer, channel: &Channel, all: &[&Pointer]) {
        let name = &pointer.name;
        if !self.rules.is_empty() && !self.rules.iter().any(|rule| rule.name == *channel) {
            self.wrong(
                name,
                "amifactory.yaml has no such channel",
                format!("add `{channel}` to its channels, or {}", self.delete(name)),
            );
        }
        self.history(name);
        self.comes_from(name);
        let Some(image) = self.image(pointer).cloned() else {
            self.wrong(
                name,
                format!("it names {}, which is gone or no image of ours", pointer.image),
                self.way_back(name),
            );
            return;
        };
        self.usable(pointer, &image);
        if ImageState::of(&image.tags) < ImageState::Verified {
            let wrong = format!("it names {}, whose tags say that it was never tested", image.id);
            self.wrong(name, wrong, self.way_back(name));
        }
        if let Some(reason) = tags::revoked(&image.tags) {
            self.wrong(name, format!("it names {}, which is revoked: {reason}", image.id), self.way_back(name));
        }
        let has_version = |p: &Pointer| matches!(p.name.slot, Slot::Version(_)) && p.image == image.id;
        // Of an image that says whose it is, the missing version is told.
        let is_ours = tags::owner(&image.tags).is_some_and(|owner| owner.recipe == *self.recipe);
        if !is_ours && !all.iter().any(|other| other.name.arch == name.arch && has_version(other)) {
            self.wrong(name, format!("no version names {}, which it names", image.id), self.way_back(name));
        }
        let Some(owner) = tags::owner(&image.tags) else {
            self.untagged(name, &image);
            return;
        };
        if owner.recipe != *self.recipe || tags::arch(&image.tags).is_some_and(|arch| arch != name.arch) {
            let arch = tags::arch(&image.tags).map(|arch| format!(" for {arch}")).unwrap_or_default();
            let wrong = format!("it names {}, whose tags say {} {}{arch}", image.id, owner.recipe, owner.version);
            self.wrong(name, wrong, self.way_back(name));
        }
        match self.seen.evidence.get(&image.id) {
            // Of an image that can't be used nothing more is to be read.
            None | Some(Evidence::There) => {}
            Some(Evidence::Of { recipe, version, digest }) => {
                if (recipe, *version, digest) != (&owner.recipe, owner.version, &owner.digest) {
                    let wrong = format!(
                        "the tags of {} say {} {} of plan {}, its record says {recipe} {version} of plan {}",
                        image.id,
                        owner.recipe,
                        owner.version,
                        owner.digest.short(),
                        digest.short()
                    );
                    self.wrong(name, wrong, "someone changed the tags: put them back to what the record says");
                }
            }
            Some(Evidence::Missing) => {
                let wrong = format!("the record of {} can't be read", image.id);
                self.wrong(name, wrong, format!("build it again: amifactory build {} --force", self.recipe));
            }
        }
    }

    /// A channel that took an image from another one shows that this one was there, and no channel goes away by itself.
    fn comes_from(&mut self, name: &PointerName) {
        // Elsewhere there is only what reaches the place.
        let Some(Ok(entries)) = self.seen.histories.get(name).filter(|_| self.is_home) else { return };
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

    fn history(&mut self, name: &PointerName) {
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
        let history = History::of(entries);
        if !history.is_whole() {
            let mend = "its history can't be trusted before that: find out who could write there, and restore it from a backup";
            self.wrong(name, history.verdict(), mend);
        }
        if entries.last().is_some_and(|last| Note::read(&last.note).is_none()) {
            let by = history.last().and_then(|last| last.by.clone());
            let wrong = format!(
                "it was last written by {}, and not by amifactory: it passed no gate",
                by.unwrap_or_else(|| "someone".into())
            );
            let mend = format!("{}; or promote what it is to name", self.way_back(name));
            self.wrong(name, wrong, mend);
        }
    }

    /// A version's history, where it was asked for: it is one line.
    fn once(&mut self, name: &PointerName) {
        match self.seen.histories.get(name) {
            None => {}
            Some(Err(error)) => self.damaged(error),
            Some(Ok(entries)) => {
                let history = History::of(entries);
                let mend = "find out who wrote there: restore it from a backup, or publish another version";
                if !history.is_whole() {
                    self.wrong(name, history.verdict(), mend);
                }
                if entries.last().is_some_and(|last| Note::read(&last.note).is_none()) {
                    self.wrong(name, "it was not written by amifactory", mend);
                }
            }
        }
    }

    /// A version that a channel has named had a pointer, which is never deleted while its image is there.
    fn unnamed(&mut self) {
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
            let mend = match self.is_remote {
                true => format!(
                    "put it back: aws ssm put-parameter --name {name}{} --type String --data-type aws:ec2:image --value {}",
                    self.region(),
                    image.id
                ),
                false => "someone deleted it: put it back from a backup of the state folder".to_owned(),
            };
            self.wrong(&name, wrong, mend);
        }
    }

    /// A revoke that was cut off leaves images that were built on the revoked one.
    fn revoked(&mut self) {
        let mut left: BTreeMap<String, (String, String)> = BTreeMap::new();
        for image in self.seen.images_of(self.recipe).filter(|image| tags::revoked(&image.tags).is_some()) {
            let Some(owner) = tags::owner(&image.tags) else { continue };
            if self.seen.marked_alone.contains(&image.id) {
                let wrong = format!("{} {} is marked revoked, and its tags don't say so", owner.recipe, owner.version);
                let mend = format!("amifactory revoke {}@{} --reason … does the rest", owner.recipe, owner.version);
                left.insert(image.id.to_string(), (wrong, mend));
            }
            for above in built_on(&self.seen.images, image).iter().filter(|above| tags::revoked(&above.tags).is_none())
            {
                let wrong = format!(
                    "it was built on {} {}, which is revoked, and is not revoked itself",
                    owner.recipe, owner.version
                );
                let mend = format!("amifactory revoke {}@{} --reason … does the rest", owner.recipe, owner.version);
                left.insert(above.id.to_string(), (wrong, mend));
            }
        }
        for (image, (wrong, mend)) in left {
            self.wrong(format!("image {image}"), wrong, mend);
        }
    }

    fn way_back(&self, name: &PointerName) -> String {
        match &name.slot {
            Slot::Channel(channel) => self.away(name, channel),
            Slot::Version(_) => self.delete(name),
        }
    }

    /// Commands of the AWS CLI go to the place that was looked at, whatever the region of whoever types them.
    fn region(&self) -> String {
        self.seen.region.as_ref().map(|region| format!(" --region {region}")).unwrap_or_default()
    }

    /// The commands that work, as far as it is known what the channel has named.
    fn away(&self, name: &PointerName, channel: &Channel) -> String {
        let plain = || format!("amifactory rollback {} --channel {channel}", name.recipe);
        let (Some(Ok(entries)), Some(pointer)) =
            (self.seen.histories.get(name), self.seen.pointers(self.recipe).find(|pointer| pointer.name == *name))
        else {
            return plain();
        };
        let history = History::of(entries);
        let usable = |image: &str| {
            let image = self.seen.image(&image.parse().ok()?)?;
            let owner = tags::owner(&image.tags).filter(|owner| owner.recipe == *self.recipe)?;
            (image.available && tags::revoked(&image.tags).is_none()).then_some(owner.version)
        };
        let archs: BTreeSet<Arch> = self.seen.pointers(self.recipe).map(|pointer| pointer.name.arch).collect();
        let ground = Way {
            history: &history,
            current: pointer.image.as_str(),
            usable: &usable,
            pinned: self.seen.held.contains(name),
            several: archs.len() > 1,
            rules: self.rules,
        };
        way_out::commands(name, &ground).join(", then ")
    }

    fn delete(&self, name: &PointerName) -> String {
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
            (false, Slot::Version(_)) => "build another version; this one stays taken".to_owned(),
        }
    }
}
