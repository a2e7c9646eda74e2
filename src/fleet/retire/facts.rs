//! All that speaks for or against an image. Pure: what a target shows goes in.

use crate::identity::{Arch, ImageId, RecipeName, Region, Version};
use crate::pipeline::tags;
use crate::release::History;
use crate::release::revoke::built_on;
use crate::release::rollback::way_back;
use crate::target::{Image, Pointer, PointerName, Retirement, Slot, Underway, Unread, Use, moment};
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// What is known of one image.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Whether a version names it.
    pub published: bool,
    /// How many newer versions of its recipe and architecture there are that can be used; none where itself can't be
    /// used any more.
    pub place: Option<usize>,
    /// When it was made; none where that can't be read.
    pub created_at: Option<OffsetDateTime>,
    /// The channels that have named it, and how many other images each has named since. Images that are gone or revoked
    /// don't count: rollback passes over them.
    pub channels: Vec<(PointerName, usize)>,
    /// Those among them that name something which can't be gone back to, so that what counts as nearest is not what they
    /// name but what rollback goes back to first.
    pub behind: Vec<PointerName>,
    /// Channels that have named it and that rollback does not bring back to it: it is revoked, or can't be used.
    pub passed_over: Vec<PointerName>,
    /// Whether sweep removes it, where no version names it: no build has published it, and no channel has named it.
    pub is_left_over: bool,
    /// Of a copy: the same of the image at home that it is a copy of, and where home is.
    pub at_home: Vec<(PointerName, usize, Region)>,
    /// Those of these that name something at home which can't be gone back to.
    pub behind_at_home: Vec<PointerName>,
    /// Channels that are being moved to it.
    pub moving: Vec<PointerName>,
    /// Images that were built on it.
    pub built_on_it: Vec<String>,
    /// What else uses it.
    pub uses: Vec<Use>,
    /// What keeps it from being removed, and is no use of it.
    pub held: Vec<Use>,
    /// When it was last brought back, where it was.
    pub restored_at: Option<OffsetDateTime>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// Who is at work on its recipe, where someone is.
    pub busy: Option<String>,
    /// Whether an earlier run began to remove it, and it can't be used any more.
    pub half_removed: bool,
    /// How many bytes it gives back.
    pub bytes: Option<u64>,
}

/// A recipe's pointers, with what belongs to them.
#[derive(Debug, Clone, Default)]
pub struct Released {
    /// Those that can be read.
    pub pointers: Vec<Pointer>,
    /// The history of each channel.
    pub histories: BTreeMap<PointerName, History>,
    /// Moves that are under way.
    pub underway: Vec<Underway>,
    /// Retirements, begun and done.
    pub retirements: Vec<Retirement>,
    /// Whether images go by several steps: one that can't be used is not half removed for that.
    pub by_steps: bool,
    /// Pointers and histories that could not be read.
    pub unread: Vec<Unread>,
}

/// What can be said from images and pointers alone.
pub fn of(image: &Image, images: &[Image], released: &Released, per_channel: usize) -> Facts {
    let Some(owner) = tags::owner(&image.tags) else { return Facts::default() };
    let arch = tags::arch(&image.tags);
    let named = |pointer: &&Pointer| matches!(pointer.name.slot, Slot::Version(_)) && pointer.image == image.id;
    let mut unread = released.unread.clone();
    let (mut channels, mut behind, mut passed_over) = (Vec::new(), Vec::new(), Vec::new());
    for (name, history) in &released.histories {
        let named = named_in_turn(history, images);
        match back(&image.id, history, images) {
            Some(found) => {
                behind.extend(found.behind.then(|| name.clone()));
                channels.push((name.clone(), found.count));
            }
            None if has_named(history, &image.id) => passed_over.push(name.clone()),
            None => {}
        }
        // What was taken away may be what is to stay.
        if let Some(broken) = history.breaks.first() {
            let why = format!("its history was edited (revision {}: {})", broken.revision, broken.what);
            unread.push(Unread { what: name.to_string(), why, service: None });
        }
        if history.earlier_dropped && named.len() < per_channel {
            let why = format!("its history is no longer kept far enough back to know the last {per_channel} images");
            unread.push(Unread { what: name.to_string(), why, service: None });
        }
    }
    Facts {
        published: released.pointers.iter().any(|pointer| named(&pointer)),
        place: place(image, (&owner.recipe, arch, owner.version), images, &released.pointers),
        created_at: moment(&image.created_at),
        is_left_over: channels.is_empty()
            && passed_over.is_empty()
            && tags::ImageState::of(&image.tags) != tags::ImageState::Published,
        channels,
        behind,
        passed_over,
        moving: released.underway.iter().filter(|u| u.image == image.id).map(|u| u.name.clone()).collect(),
        built_on_it: built_on(images, image).iter().map(|child| described(child)).collect(),
        unread,
        restored_at: retirement(image, released).and_then(|found| moment(found.restored_at.as_deref()?)),
        half_removed: !released.by_steps
            && !image.available
            && retirement(image, released).is_some_and(Retirement::is_open),
        ..Facts::default()
    }
}

/// The retirement of an image, also one that has ended.
pub fn retirement<'r>(image: &Image, released: &'r Released) -> Option<&'r Retirement> {
    released.retirements.iter().find(|retirement| retirement.image == image.id)
}

/// How far back an image is.
pub(super) struct Back {
    /// By when the channel named it, or by where rollback goes, whichever is nearer.
    pub count: usize,
    /// Whether the channel names something else in front of it that nothing goes back to, and that does not count.
    pub behind: bool,
}

/// Whether a channel has named an image.
pub(super) fn has_named(history: &History, image: &ImageId) -> bool {
    history.moves.iter().any(|moved| moved.image == image.as_str())
}

/// How far back the image is; none where the channel never named it, or nothing goes back to it.
pub(super) fn back(image: &ImageId, history: &History, images: &[Image]) -> Option<Back> {
    let named = named_in_turn(history, images).iter().position(|id| id == image);
    let mut on_the_way: Vec<&str> = Vec::new();
    for id in way_back(history).into_iter().rev() {
        let is_usable = |other: &Image| other.id.as_str() == id && tags::revoked(&other.tags).is_none();
        if images.iter().any(is_usable) && !on_the_way.contains(&id) {
            on_the_way.push(id);
        }
    }
    let current = history.last().map(|last| last.image.as_str());
    let step = on_the_way.iter().position(|id| *id == image.as_str());
    let count = named.into_iter().chain(step).min()?;
    let by_way = step == Some(count) && on_the_way.first().copied() != current;
    Some(Back { count, behind: current != Some(image.as_str()) && (by_way || count == 0) })
}

/// The images that a channel has named and that could be gone back to, newest first, each once.
fn named_in_turn(history: &History, images: &[Image]) -> Vec<ImageId> {
    let mut named: Vec<ImageId> = Vec::new();
    for (at, moved) in history.moves.iter().rev().enumerate() {
        let Ok(id) = moved.image.parse::<ImageId>() else { continue };
        let usable = images.iter().any(|image| image.id == id && tags::revoked(&image.tags).is_none());
        // What it names now counts, whatever it is.
        if (usable || at == 0) && !named.contains(&id) {
            named.push(id);
        }
    }
    named
}

fn place(
    image: &Image,
    (recipe, arch, version): (&RecipeName, Option<Arch>, Version),
    images: &[Image],
    pointers: &[Pointer],
) -> Option<usize> {
    let usable = |image: &Image| image.available && tags::revoked(&image.tags).is_none();
    if !usable(image) {
        return None;
    }
    let newer = pointers.iter().filter(|pointer| match pointer.name.slot {
        Slot::Version(other) => {
            other > version
                && pointer.name.recipe == *recipe
                && arch.is_none_or(|arch| arch == pointer.name.arch)
                && images.iter().any(|image| image.id == pointer.image && usable(image))
        }
        Slot::Channel(_) => false,
    });
    Some(newer.count())
}

fn described(image: &Image) -> String {
    match tags::owner(&image.tags) {
        Some(owner) => format!("{} ({} {})", image.id, owner.recipe, owner.version),
        None => image.id.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Channel, Digest};
    use crate::release::Moved;

    fn image(n: u32, version: &str) -> Image {
        let tags = [
            (tags::RECIPE, "web".to_owned()),
            (tags::VERSION, version.to_owned()),
            (tags::DIGEST, Digest::of(version).to_string()),
            (tags::BUILD, format!("web-{n}")),
            (tags::ARCH, "x86_64".to_owned()),
        ];
        Image {
            id: format!("ami-0000000{n}").parse().unwrap(),
            name: String::new(),
            tags: tags.map(|(key, value)| (key.to_owned(), value)).into(),
            available: true,
            failed: None,
            created_at: "2026-11-01T00:00:00Z".into(),
            public: false,
        }
    }

    fn pointer(slot: Slot, image: &Image) -> Pointer {
        let name = PointerName { recipe: "web".parse().unwrap(), arch: Arch::X86_64, slot };
        Pointer { name, image: image.id.clone(), revision: 1, written_at: String::new() }
    }

    fn prod() -> Slot {
        Slot::Channel("prod".parse::<Channel>().unwrap())
    }

    /// `prod` has named these in turn.
    fn released(images: &[Image], named: &[usize]) -> Released {
        let moved = |&at: &usize| Moved {
            revision: 1,
            at: String::new(),
            image: images[at].id.to_string(),
            by: None,
            note: None,
        };
        let history = History { moves: named.iter().map(moved).collect(), ..History::default() };
        let version = |image: &Image| pointer(Slot::Version(tags::version_of(image).unwrap()), image);
        let prod = pointer(prod(), &images[*named.last().unwrap()]);
        Released {
            histories: [(prod.name.clone(), history)].into(),
            pointers: images.iter().map(version).chain([prod]).collect(),
            ..Released::default()
        }
    }

    fn back(images: &[Image], released: &Released) -> Vec<Option<usize>> {
        let of = |image: &Image| of(image, images, released, 2).channels.first().map(|(_, back)| *back);
        images.iter().map(of).collect()
    }

    #[test]
    fn a_channel_counts_its_images_once_each_and_not_those_that_rollback_passes_over() {
        let mut images: Vec<Image> = (0..5).map(|n| image(n, &format!("1.0.{n}"))).collect();
        let released = released(&images, &[0, 1, 2, 1, 3, 4]);
        assert_eq!(back(&images, &released), [Some(4), Some(2), Some(3), Some(1), Some(0)]);
        images[3].tags.insert(tags::REVOKED.into(), "leaked".into());
        assert_eq!(back(&images, &released), [Some(3), Some(1), Some(2), None, Some(0)]);
        // What it names now counts also where it must not be used.
        images[4].tags.insert(tags::REVOKED.into(), "leaked".into());
        assert_eq!(back(&images, &released)[4], Some(0));
        images.remove(1);
        assert_eq!(back(&images, &released), [Some(2), Some(1), None, Some(0)]);
    }

    /// What it names now is revoked: what rollback goes back to is not what it names.
    #[test]
    fn what_stands_in_front_and_does_not_count_is_told_apart_and_so_is_what_is_passed_over() {
        let mut images: Vec<Image> = (0..4).map(|n| image(n, &format!("1.0.{n}"))).collect();
        let mut released = released(&images, &[0, 1, 2, 3]);
        let note = crate::release::Note::new(crate::release::Kind::Promote, String::new());
        let moves = released.histories.values_mut().flat_map(|history| &mut history.moves);
        moves.for_each(|moved| moved.note = Some(note.clone()));
        let told = |images: &[Image]| -> Vec<(Option<usize>, bool, bool)> {
            let of = |image: &Image| {
                let facts = of(image, images, &released, 2);
                let back = facts.channels.first().map(|(_, back)| *back);
                (back, !facts.behind.is_empty(), !facts.passed_over.is_empty())
            };
            images.iter().map(of).collect()
        };
        let plain = |back| (Some(back), false, false);
        assert_eq!(told(&images), [plain(3), plain(2), plain(1), plain(0)]);
        images[3].tags.insert(tags::REVOKED.into(), "leaked".into());
        images[1].tags.insert(tags::REVOKED.into(), "leaked".into());
        assert_eq!(told(&images), [(Some(1), true, false), (None, false, true), (Some(0), true, false), plain(0)]);
    }

    #[test]
    fn a_history_that_does_not_go_back_far_enough_keeps_everything() {
        let images: Vec<Image> = (0..3).map(|n| image(n, &format!("1.0.{n}"))).collect();
        let mut released = released(&images, &[1, 2]);
        released.histories.values_mut().for_each(|history| history.earlier_dropped = true);
        assert!(of(&images[0], &images, &released, 2).unread.is_empty());
        assert!(of(&images[0], &images, &released, 3).unread[0].why.contains("the last 3 images"));
    }

    #[test]
    fn a_history_that_was_edited_keeps_everything() {
        let images: Vec<Image> = (0..3).map(|n| image(n, &format!("1.0.{n}"))).collect();
        let mut released = released(&images, &[1, 2]);
        assert!(of(&images[0], &images, &released, 2).unread.is_empty());
        let broken = crate::release::Break { revision: 2, what: "what came before it was taken away".into() };
        released.histories.values_mut().for_each(|history| history.breaks.push(broken.clone()));
        let unread = of(&images[0], &images, &released, 2).unread;
        assert!(unread[0].why.contains("its history was edited (revision 2"), "{unread:?}");
    }

    #[test]
    fn revoked_and_broken_images_take_no_place_among_the_newest() {
        let mut images: Vec<Image> = (0..4).map(|n| image(n, &format!("1.0.{n}"))).collect();
        images[3].tags.insert(tags::REVOKED.into(), "leaked".into());
        images[2].available = false;
        let released = released(&images, &[1]);
        let places: Vec<_> = images.iter().map(|image| of(image, &images, &released, 2).place).collect();
        assert_eq!(places, [Some(1), Some(0), None, None]);
    }
}
