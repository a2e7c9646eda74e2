//! The factory's own images as the fleet is measured by them: which id is which version, what each channel has named and
//! since when, what must not be used any more, what is gone. Pure: what targets show goes in.

use crate::identity::{Arch, Channel, RecipeName, Version};
use crate::pipeline::tags::{self, ImageState};
use crate::release::History;
use crate::release::rollback::way_back;
use crate::target::{Image, Pointer, PointerName, Retirement, Revocation, Slot, Tags, moment};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;

/// What is known of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its recipe.
    pub recipe: RecipeName,
    /// Its architecture.
    pub arch: Arch,
    /// Its version.
    pub version: Version,
    /// Whether it was ever published: tested, and named by its version.
    pub published: bool,
    /// What became of it, where it can't be launched any more.
    pub gone: Option<Gone>,
    /// Why it must not be used, as its own tags say: a copy in another region has tags of its own.
    pub revoked: Option<String>,
    /// Whether it lies at home.
    pub at_home: bool,
    /// The image at home that it is, or says that it is a copy of.
    pub origin: Option<String>,
}

/// How an image went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// It was retired.
    Retired,
    /// Someone removed it.
    Removed,
}

/// A move of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// When; none where that can't be read.
    pub at: Option<OffsetDateTime>,
    /// To which version; none where it is not one of ours.
    pub version: Option<Version>,
}

/// What a channel has named, oldest first. Earlier moves may have been dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// The moves.
    pub steps: Vec<Step>,
    /// The images that it can go back to step by step, the last of them last.
    pub way_back: Vec<String>,
    /// The image that it names now.
    pub image: Option<String>,
}

/// What the users of a channel are measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Yardstick<'a> {
    /// What the channel names.
    pub named: Version,
    /// Why that must not be used, where it must not.
    pub revoked: Option<&'a str>,
    /// What they are to run: what the channel names, or where that is revoked what a rollback would bring, or else the newest
    /// version before it that may be used. None where none may be.
    pub by: Option<Version>,
    /// Whether a rollback brings that.
    pub is_way_back: bool,
}

/// A channel that names what must not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedChannel<'a> {
    /// The recipe.
    pub recipe: &'a RecipeName,
    /// Its architecture.
    pub arch: Arch,
    /// The channel.
    pub channel: &'a Channel,
    /// What it names, why that must not be used, and what is measured by.
    pub yardstick: Yardstick<'a>,
}

impl Line {
    /// What it names now.
    pub fn named(&self) -> Option<Version> {
        self.steps.last()?.version
    }

    /// Whether it has ever named this version, as far as its history goes back.
    pub fn has_named(&self, version: Version) -> bool {
        self.steps.iter().any(|step| step.version == Some(version))
    }

    /// The move by which it went on from this version, or past it; none where it never did.
    pub fn left(&self, version: Version) -> Option<&Step> {
        let stood = self.steps.iter().rposition(|step| step.version == Some(version));
        let passes = |step: &&Step| match stood {
            Some(_) => step.version != Some(version),
            None => step.version.is_some_and(|other| other > version),
        };
        self.steps[stood.map_or(0, |at| at + 1)..].iter().find(passes)
    }
}

/// All that is known.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    images: BTreeMap<String, Known>,
    /// Versions that are named by a pointer at home.
    versions: BTreeMap<(RecipeName, Arch), BTreeSet<Version>>,
    channels: BTreeMap<(RecipeName, Arch, Channel), Line>,
    /// Images at home that must not be used, and why. A copy in another region is what its original is.
    revoked_images: BTreeMap<String, String>,
    /// The versions that those are, for their copies.
    revoked: BTreeMap<(RecipeName, Arch, Version), String>,
    /// Recipes of which something could not be read, and what.
    damaged: BTreeMap<RecipeName, String>,
}

/// A recipe's pointers at home.
#[derive(Debug, Clone)]
pub struct Pointers {
    /// The recipe.
    pub recipe: RecipeName,
    /// Those that can be read.
    pub pointers: Vec<Pointer>,
    /// The histories of channels that are measured by.
    pub histories: BTreeMap<PointerName, History>,
    /// What was retired.
    pub retirements: Vec<Retirement>,
    /// Versions that must not be used, by their pointers.
    pub revocations: Vec<(PointerName, Revocation)>,
    /// What could not be read, and why.
    pub damaged: Option<String>,
}

impl Catalogue {
    /// From what there is at home.
    pub fn of(images: &[Image], recipes: &[Pointers]) -> Catalogue {
        let mut catalogue = Catalogue::default();
        for recipe in recipes {
            if let Some(what) = &recipe.damaged {
                catalogue.damaged.insert(recipe.recipe.clone(), what.clone());
            }
            for pointer in &recipe.pointers {
                if let Slot::Version(version) = pointer.name.slot {
                    let line = (pointer.name.recipe.clone(), pointer.name.arch);
                    catalogue.versions.entry(line).or_default().insert(version);
                }
            }
        }
        for image in images {
            catalogue.add_one(image.id.as_str(), &image.tags, true);
            if let (Some(owner), Some(arch), Some(why)) =
                (tags::owner(&image.tags), tags::arch(&image.tags), tags::revoked(&image.tags))
            {
                let name = PointerName { recipe: owner.recipe, arch, slot: Slot::Version(owner.version) };
                catalogue.remember_revoked(&name, (image.id.as_str(), why), recipes);
            }
        }
        for recipe in recipes {
            for (name, revocation) in &recipe.revocations {
                catalogue.remember_revoked(name, (revocation.image.as_str(), &revocation.reason), recipes);
            }
            catalogue.remember(&recipe.pointers, true);
            for retirement in &recipe.retirements {
                let version = retirement_version(retirement);
                catalogue.gone((retirement.image.as_str(), true), &retirement.name, version, Gone::Retired);
            }
            for (name, history) in &recipe.histories {
                catalogue.channel(name, history);
            }
        }
        catalogue
    }

    /// Adds what there is in another region: copies, and pointers that may name copies that are gone.
    pub fn add_region(&mut self, images: &[Image], pointers: &[Pointer]) {
        for image in images {
            self.add(image.id.as_str(), &image.tags);
        }
        self.remember(pointers, false);
    }

    /// Adds an image by its tags. Whether it is one of ours is the answer.
    pub fn add(&mut self, id: &str, of: &Tags) -> bool {
        self.add_one(id, of, false)
    }

    fn add_one(&mut self, id: &str, of: &Tags, at_home: bool) -> bool {
        let (Some(owner), Some(arch)) = (tags::owner(of), tags::arch(of)) else { return false };
        let line = (owner.recipe, arch);
        let named = self.versions.get(&line).is_some_and(|versions| versions.contains(&owner.version));
        let known = Known {
            published: named && ImageState::of(of) != ImageState::Candidate,
            recipe: line.0,
            arch,
            version: owner.version,
            gone: None,
            revoked: tags::revoked(of).map(str::to_owned),
            at_home,
            origin: match at_home {
                true => Some(id.to_owned()),
                false => of.get(tags::COPY_OF).and_then(|origin| origin.split(' ').next()).map(str::to_owned),
            },
        };
        self.images.insert(id.to_owned(), known);
        true
    }

    /// What was revoked stays so when the image, and what its tags said, is gone: that image, and no other that took its
    /// number since.
    fn remember_revoked(&mut self, name: &PointerName, (image, why): (&str, &str), recipes: &[Pointers]) {
        let Slot::Version(version) = name.slot else { return };
        self.revoked_images.insert(image.to_owned(), why.to_owned());
        let mut pointers = recipes.iter().flat_map(|recipe| &recipe.pointers);
        if !pointers.any(|pointer| pointer.name == *name && pointer.image.as_str() != image) {
            let version = (name.recipe.clone(), name.arch, version);
            self.revoked.entry(version).or_insert_with(|| why.to_owned());
        }
    }

    /// Pointers that name what is not there any more.
    fn remember(&mut self, pointers: &[Pointer], at_home: bool) {
        for pointer in pointers {
            if let Slot::Version(version) = pointer.name.slot {
                self.gone((pointer.image.as_str(), at_home), &pointer.name, Some(version), Gone::Removed);
            }
        }
    }

    fn gone(&mut self, (id, at_home): (&str, bool), name: &PointerName, version: Option<Version>, how: Gone) {
        let Some(version) = version else { return };
        let (recipe, arch) = (name.recipe.clone(), name.arch);
        let origin = at_home.then(|| id.to_owned());
        let known = Known { recipe, arch, version, published: true, gone: Some(how), revoked: None, at_home, origin };
        match self.images.get_mut(id) {
            // What is retired says so before it is gone.
            Some(there) if how == Gone::Retired => there.gone = Some(how),
            Some(_) => {}
            None => drop(self.images.insert(id.to_owned(), known)),
        }
    }

    fn channel(&mut self, name: &PointerName, history: &History) {
        let Slot::Channel(channel) = &name.slot else { return };
        let mut line = Line {
            steps: Vec::new(),
            way_back: way_back(history).into_iter().map(str::to_owned).collect(),
            image: history.last().map(|moved| moved.image.clone()),
        };
        for moved in &history.moves {
            let ours = self.images.get(&moved.image).filter(|known| known.recipe == name.recipe);
            let version = ours.map(|known| known.version).or_else(|| moved.version());
            line.steps.push(Step { at: moment(&moved.at), version });
            if ours.is_none() {
                self.gone((&moved.image, true), name, version, Gone::Removed);
            }
        }
        self.channels.insert((name.recipe.clone(), name.arch, channel.clone()), line);
    }

    /// What this image is; none where it is not one of ours.
    pub fn image(&self, id: &str) -> Option<&Known> {
        self.images.get(id)
    }

    /// What a channel has named; none where it does not exist.
    pub fn line(&self, recipe: &RecipeName, arch: Arch, channel: &Channel) -> Option<&Line> {
        self.channels.get(&(recipe.clone(), arch, channel.clone()))
    }

    /// What the users of a channel are measured by; none where it names none of ours. What is revoked is no goal for anybody:
    /// whoever still runs what was good before it is not behind.
    pub fn yardstick<'a>(&'a self, (recipe, arch): (&RecipeName, Arch), line: &'a Line) -> Option<Yardstick<'a>> {
        let named = line.named()?;
        let known = |image: &String| self.images.get(image);
        let Some(revoked) = line.image.as_ref().and_then(known).and_then(|image| self.revoked(image)) else {
            return Some(Yardstick { named, revoked: None, by: Some(named), is_way_back: false });
        };
        let may_be_used = |image: &&Known| image.published && image.gone.is_none() && self.revoked(image).is_none();
        let back = line.way_back.iter().rev().filter_map(known).find(may_be_used).map(|image| image.version);
        let older = || {
            let of_line = |image: &&Known| image.recipe == *recipe && image.arch == arch && image.version < named;
            let versions = self.images.values().filter(of_line).filter(may_be_used).map(|image| image.version);
            // What it has named and can't go back to, it went back from.
            versions.filter(|version| !line.has_named(*version)).max()
        };
        Some(Yardstick { named, revoked: Some(revoked), by: back.or_else(older), is_way_back: back.is_some() })
    }

    /// The channels that are measured by and name what must not be used.
    pub fn revoked_channels(&self) -> Vec<RevokedChannel<'_>> {
        let lines = self.channels.iter().filter_map(|(of, line)| Some((of, self.yardstick((&of.0, of.1), line)?)));
        let revoked = lines.filter(|(_, yardstick)| yardstick.revoked.is_some());
        revoked
            .map(|((recipe, arch, channel), yardstick)| RevokedChannel { recipe, arch: *arch, channel, yardstick })
            .collect()
    }

    /// Why this image must not be used, where it must not: it is revoked, or the one that it is a copy of is, or it says so
    /// itself. What is no image of home's is what its version is, too, whatever it says that it is a copy of.
    pub fn revoked<'a>(&'a self, known: &'a Known) -> Option<&'a str> {
        let origin = known.origin.as_ref().and_then(|origin| self.revoked_images.get(origin));
        let version = || self.revoked.get(&(known.recipe.clone(), known.arch, known.version));
        let of_copy = || (!known.at_home).then(version).flatten();
        origin.or_else(of_copy).or(known.revoked.as_ref()).map(String::as_str)
    }

    /// The versions that may be used: published, with an image that is there, and not revoked.
    pub fn usable(&self) -> BTreeSet<(RecipeName, Arch, Version)> {
        let is_good = |known: &&Known| known.published && known.gone.is_none() && self.revoked(known).is_none();
        let good = self.images.values().filter(is_good);
        good.map(|known| (known.recipe.clone(), known.arch, known.version)).collect()
    }

    /// How many published versions there are after this one, up to the other.
    pub fn between(&self, known: &Known, newest: Version) -> usize {
        let versions = self.versions.get(&(known.recipe.clone(), known.arch));
        versions.map_or(0, |all| all.iter().filter(|other| **other > known.version && **other <= newest).count())
    }

    /// What of a recipe could not be read.
    pub fn damaged(&self, recipe: &RecipeName) -> Option<&str> {
        self.damaged.get(recipe).map(String::as_str)
    }

    /// How many images it knows.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }
}

fn retirement_version(retirement: &Retirement) -> Option<Version> {
    match retirement.name.slot {
        Slot::Version(version) => Some(version),
        Slot::Channel(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(n: u32) -> Version {
        format!("1.0.{n}").parse().unwrap()
    }

    fn line(named: &[u32]) -> Line {
        let at = |day: usize| Some(time::macros::datetime!(2026-11-01 0:00 UTC) + time::Duration::days(day as i64));
        let step = |(day, n): (usize, &u32)| Step { at: at(day), version: Some(version(*n)) };
        Line { steps: named.iter().enumerate().map(step).collect(), ..Line::default() }
    }

    fn left(line: &Line, n: u32) -> Option<u8> {
        line.left(version(n)).and_then(|step| step.at).map(|at| at.day() - 1)
    }

    #[test]
    fn a_channel_leaves_a_version_when_it_goes_on_from_it_or_past_it() {
        let up = line(&[1, 3, 4]);
        assert_eq!([1, 2, 3, 4, 5].map(|n| left(&up, n)), [Some(1), Some(1), Some(2), None, None]);
        // What was gone back from was left then, whatever came later; what was gone back to was not.
        let back = line(&[1, 2, 1, 3]);
        assert_eq!([1, 2, 3].map(|n| left(&back, n)), [Some(3), Some(2), None]);
        let down = line(&[1, 2, 1]);
        assert_eq!([1, 2].map(|n| left(&down, n)), [None, Some(2)]);
        assert!(down.has_named(version(2)) && !down.has_named(version(3)));
        assert_eq!(Line::default().named(), None);
    }
}
