//! One recipe in one place: what its pointers and locks say, against the images that are there.

use super::{Drift, Look, foreign, retagged};
use crate::identity::{Arch, Channel, ImageId, Version};
use crate::pipeline::tags::{self, ImageState};
use crate::release::revoke::built_on;
use crate::report::visible::line;
use crate::target::{Evidence, Image, Overview, Pointer, PointerName, Retirement, Rung, Slot, TargetError, Underway};
use std::collections::BTreeMap;

impl Look<'_> {
    pub(super) fn wrong(&mut self, what: impl ToString, wrong: impl Into<String>, mend: impl Into<String>) {
        let recipe = self.recipe.clone();
        self.found.push(Drift { recipe, what: what.to_string(), wrong: wrong.into(), mend: mend.into() });
    }

    pub(super) fn damaged(&mut self, error: &TargetError) {
        match error {
            TargetError::Damaged { what, why, help } => self.wrong(what, why, help),
            error => self.wrong("what is there", error.to_string(), "run the same command again"),
        }
    }

    pub(super) fn recipe(&mut self, overview: &Overview) {
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
        self.named_once();
        self.unnamed();
        self.retagged();
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

    pub(super) fn image(&self, pointer: &Pointer) -> Option<&Image> {
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
            // Of a revoked version nothing else is to be left: by this and its mark the fleet knows what runs of it.
            if !self.is_marked(pointer) {
                let wrong = format!("it names {}, which is gone", pointer.image);
                self.wrong(name, wrong, self.stale(name, version));
            }
            return;
        };
        self.usable(pointer, &image);
        match tags::owner(&image.tags) {
            Some(owner) if owner.recipe == *self.recipe && owner.version == version => {}
            // By its record that is what it is: then its tags are told.
            Some(_) if self.is_by_its_record(&image, name) => {}
            Some(owner) => {
                let wrong = format!("it names {}, whose tags say {} {}", image.id, owner.recipe, owner.version);
                self.wrong(name, wrong, "find out which is right: put the tags right, or delete the pointer");
            }
            None => self.untagged(name, &image),
        }
        if self.is_by_its_record(&image, name) {
            return;
        }
        if tags::arch(&image.tags).is_some_and(|arch: Arch| arch != name.arch) {
            let wrong = format!("it names {}, whose tags say another architecture", image.id);
            self.wrong(name, wrong, "find out which is right: put the tags right, or delete the pointer");
        }
    }

    /// Whether an image's record says that it is what a version's pointer names it.
    fn is_by_its_record(&self, image: &Image, name: &PointerName) -> bool {
        let Some(Evidence::Of(record)) = self.seen.evidence.get(&image.id) else { return false };
        let said = record.get(tags::VERSION).map(String::as_str).unwrap_or_default();
        matches!(&name.slot, Slot::Version(version) if said == version.to_string())
            && self.is_of_recipe_by_its_record(image, name)
    }

    /// Whether an image's record says that it is of a pointer's recipe and architecture.
    fn is_of_recipe_by_its_record(&self, image: &Image, name: &PointerName) -> bool {
        let Some(Evidence::Of(record)) = self.seen.evidence.get(&image.id) else { return false };
        let said = |key: &str| record.get(key).map(String::as_str).unwrap_or_default();
        (said(tags::RECIPE), said(tags::ARCH)) == (name.recipe.as_str(), name.arch.as_str())
    }

    /// Whether it is written down that what a version names is revoked.
    fn is_marked(&self, pointer: &Pointer) -> bool {
        let mark = self.seen.recipes.get(self.recipe).and_then(|overview| overview.revocations.get(&pointer.name));
        mark.is_some_and(|mark| mark.as_ref().is_ok_and(|mark| mark.image == pointer.image))
    }

    fn untagged(&mut self, name: &PointerName, image: &Image) {
        let wrong = format!("it names {}, whose tags don't say whose it is", image.id);
        let again =
            format!("put its amifactory: tags back; amifactory verify {} reads them from its record", self.recipe);
        let mend = match self.seen.evidence.get(&image.id) {
            Some(Evidence::Of(record)) if self.is_of_recipe_by_its_record(image, name) => {
                let changed = retagged::changed(&image.tags, record);
                retagged::command(&image.id, &self.region(), &changed).unwrap_or(again)
            }
            Some(Evidence::Of(_) | Evidence::Missing) => {
                "put its amifactory: tags back, which no record holds; or make the image anew, and promote that"
                    .to_owned()
            }
            None | Some(Evidence::There) => again,
        };
        self.wrong(name, wrong, mend);
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
            let is_its = |p: &&&Pointer| matches!(p.name.slot, Slot::Version(_)) && p.image == pointer.image;
            let mend = match all.iter().find(is_its).filter(|_| self.home.is_some()) {
                Some(version) => format!("delete {} first, as is told with it; {}", version.name, self.way_back(name)),
                None => self.way_back(name),
            };
            self.wrong(name, format!("it names {}, which is gone or no image of ours", pointer.image), mend);
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
        let is_another = owner.recipe != *self.recipe || tags::arch(&image.tags).is_some_and(|arch| arch != name.arch);
        if is_another && !self.is_of_recipe_by_its_record(&image, name) {
            let arch = tags::arch(&image.tags).map(|arch| format!(" for {arch}")).unwrap_or_default();
            let wrong = format!("it names {}, whose tags say {} {}{arch}", image.id, owner.recipe, owner.version);
            self.wrong(name, wrong, self.way_back(name));
        }
        match self.seen.evidence.get(&image.id) {
            // Of an image that can't be used nothing more is to be read.
            None | Some(Evidence::There | Evidence::Of(_)) => {}
            Some(Evidence::Missing) => {
                let wrong = format!("the record of {} can't be read", image.id);
                self.wrong(name, wrong, format!("build it again: {}", self.build_anew(name.arch)));
            }
        }
    }

    /// Tags that say something else than the record of their image.
    fn retagged(&mut self) {
        let mut of_pointers: BTreeMap<&ImageId, &PointerName> = BTreeMap::new();
        // A channel's name says more than a version's.
        for pointer in self.seen.pointers(self.recipe) {
            let named = of_pointers.entry(&pointer.image).or_insert(&pointer.name);
            if matches!((&named.slot, &pointer.name.slot), (Slot::Version(_), Slot::Channel(_))) {
                *named = &pointer.name;
            }
        }
        for (id, name) in of_pointers {
            let (Some(image), Some(Evidence::Of(record))) = (self.seen.image(id), self.seen.evidence.get(id)) else {
                continue;
            };
            let changed = retagged::changed(&image.tags, record);
            if changed.is_empty() {
                continue;
            }
            let command = match self.is_remote {
                true => retagged::command(id, &self.region(), &changed).map(|command| format!(": {command}")),
                false => None,
            };
            let mend = format!(
                "find out who did, and put them back to what the record says{}",
                command.unwrap_or_else(|| format!(" (amifactory show {id})"))
            );
            self.wrong(name, retagged::wrong(id, &image.tags, &changed), mend);
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
}
