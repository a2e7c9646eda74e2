//! A recipe's images and pointers as they are now: what all release verbs look at first.

use super::error::ReleaseError;
use super::history::History;
use crate::identity::{Arch, Channel, ImageId, RecipeName, TargetKind, Version};
use crate::pipeline::tags;
use crate::source::nearest;
use crate::target::{Image, Pointer, PointerName, Slot, Target, TargetError};
use std::collections::BTreeSet;
use std::time::Duration;
use time::OffsetDateTime;

/// A recipe's images and pointers.
pub struct Scene {
    /// The recipe.
    pub recipe: RecipeName,
    /// Where.
    pub target: TargetKind,
    /// The recipe's images.
    pub images: Vec<Image>,
    /// The recipe's pointers.
    pub pointers: Vec<Pointer>,
}

/// An image that a version names.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The version.
    pub version: Version,
    /// Its image.
    pub image: Image,
}

impl Scene {
    /// Looks.
    pub async fn look(target: &dyn Target, recipe: &RecipeName) -> Result<Scene, ReleaseError> {
        let pointers = target.pointers(recipe).await?;
        if pointers.is_empty() {
            return Err(ReleaseError::NoImage { recipe: recipe.clone(), target: target.kind() });
        }
        let images = target.images_of(recipe).await?;
        Ok(Scene { recipe: recipe.clone(), target: target.kind(), images, pointers })
    }

    /// The architecture that is asked for, or the only one there is.
    pub fn arch(&self, asked: Option<Arch>) -> Result<Arch, ReleaseError> {
        if let Some(arch) = asked {
            return Ok(arch);
        }
        let archs: BTreeSet<Arch> = self.pointers.iter().map(|pointer| pointer.name.arch).collect();
        let archs: Vec<Arch> = archs.into_iter().collect();
        match archs.as_slice() {
            [arch] => Ok(*arch),
            _ => Err(ReleaseError::SeveralArchitectures { recipe: self.recipe.clone(), archs }),
        }
    }

    /// The name of a channel's pointer.
    pub fn channel(&self, arch: Arch, channel: &Channel) -> PointerName {
        PointerName { recipe: self.recipe.clone(), arch, slot: Slot::Channel(channel.clone()) }
    }

    /// What a pointer names.
    pub fn pointer(&self, name: &PointerName) -> Option<&Pointer> {
        self.pointers.iter().find(|pointer| pointer.name == *name)
    }

    /// An image, where it is there.
    pub fn image(&self, id: &ImageId) -> Option<&Image> {
        self.images.iter().find(|image| image.id == *id)
    }

    /// The version that names an image.
    pub fn version_of(&self, image: &ImageId) -> Option<Version> {
        let named = self.pointers.iter().find_map(|pointer| match pointer.name.slot {
            Slot::Version(version) if pointer.image == *image => Some(version),
            _ => None,
        });
        named.or_else(|| self.image(image).and_then(tags::version_of))
    }

    /// The image of a version; it may be unfit for use.
    fn of_version(&self, arch: Arch, version: Version) -> Result<ImageId, ReleaseError> {
        let name = PointerName { recipe: self.recipe.clone(), arch, slot: Slot::Version(version) };
        if let Some(pointer) = self.pointer(&name) {
            return Ok(pointer.image.clone());
        }
        let mut versions: Vec<Version> = self
            .pointers
            .iter()
            .filter(|pointer| pointer.name.arch == arch)
            .filter_map(|pointer| if let Slot::Version(version) = pointer.name.slot { Some(version) } else { None })
            .collect();
        versions.sort();
        let words: Vec<String> = versions.iter().rev().take(8).map(ToString::to_string).collect();
        let help = match nearest(&version.to_string(), words.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("the newest are: {}", words.join(", ")),
        };
        Err(ReleaseError::NoVersion { recipe: self.recipe.clone(), version, target: self.target, help })
    }

    /// An image that is fit for use: it is there, it can be started, nobody has revoked it.
    pub fn usable(&self, arch: Arch, version: Version) -> Result<Candidate, ReleaseError> {
        let id = self.of_version(arch, version)?;
        self.fit(version, &id)
    }

    /// The same for an image that a channel names.
    pub fn fit(&self, version: Version, id: &ImageId) -> Result<Candidate, ReleaseError> {
        let recipe = &self.recipe;
        let gone = |what| ReleaseError::Gone {
            recipe: recipe.clone(),
            version,
            image: id.clone(),
            what,
            help: format!(
                "amifactory images {recipe} lists those there are; amifactory verify {recipe} names what is wrong"
            ),
        };
        let image = self.image(id).ok_or_else(|| gone("is gone"))?;
        if !image.available {
            return Err(gone("is not available"));
        }
        if let Some(reason) = tags::revoked(&image.tags) {
            return Err(ReleaseError::Revoked {
                recipe: recipe.clone(),
                version,
                reason: reason.to_owned(),
                help: format!("take another version (amifactory images {recipe}), or build a new one"),
            });
        }
        Ok(Candidate { version, image: image.clone() })
    }

    /// The channels' pointers of an architecture.
    pub fn channels(&self) -> impl Iterator<Item = (&Channel, &Pointer)> {
        self.pointers.iter().filter_map(|pointer| match &pointer.name.slot {
            Slot::Channel(channel) => Some((channel, pointer)),
            Slot::Version(_) => None,
        })
    }
}

/// The history of a pointer.
pub async fn history(target: &dyn Target, name: &PointerName) -> Result<History, TargetError> {
    Ok(History::of(&target.history(name).await?))
}

/// The longest time that a pointer has named an image without a break; none where it never did.
pub fn longest_stay(history: &History, image: &ImageId, now: OffsetDateTime) -> Option<Duration> {
    let mut longest = None;
    let mut began: Option<OffsetDateTime> = None;
    let mut stayed = |began: OffsetDateTime, end: OffsetDateTime| {
        let stay = Duration::try_from(end - began).unwrap_or_default();
        longest = longest.max(Some(stay));
    };
    for moved in &history.moves {
        // An entry without a time ends a stay and begins none.
        let at = crate::target::moment(&moved.at);
        match (began, moved.image == image.as_str()) {
            (None, true) => began = at,
            (Some(start), false) => {
                stayed(start, at.unwrap_or(start));
                began = None;
            }
            _ => {}
        }
    }
    if let Some(start) = began {
        stayed(start, now);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::super::history::Moved;
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_stay_counts_without_its_breaks_and_up_to_now_where_it_goes_on() {
        let moved =
            |at: &str, image: &str| Moved { revision: 1, at: at.into(), image: image.into(), by: None, note: None };
        let (a, b): (ImageId, ImageId) = ("ami-0000000a".parse().unwrap(), "ami-0000000b".parse().unwrap());
        let moves = vec![
            moved("2026-11-20T00:00:00Z", a.as_str()),
            moved("2026-11-20T01:00:00.500Z", a.as_str()),
            moved("2026-11-20T03:00:00Z", b.as_str()),
            moved("2026-11-20T04:00:00Z", a.as_str()),
        ];
        let history = History { moves, earlier_dropped: false, breaks: Vec::new() };
        let hours = |image: &ImageId, now| longest_stay(&history, image, now).map(|stay| stay.as_secs() / 3600);
        assert_eq!(hours(&a, datetime!(2026-11-20 05:00 UTC)), Some(3));
        assert_eq!(hours(&a, datetime!(2026-11-20 09:00 UTC)), Some(5));
        assert_eq!(hours(&b, datetime!(2026-11-20 09:00 UTC)), Some(1));
        assert_eq!(hours(&"ami-0000000c".parse().unwrap(), datetime!(2026-11-20 09:00 UTC)), None);
    }
}
