//! A recipe's images and pointers as they are now: what all release verbs look at first.

use super::error::ReleaseError;
use super::gate::Left;
use super::history::{History, Moved};
use super::note::Kind;
use crate::identity::{Arch, Channel, ImageId, RecipeName, TargetKind, Version};
use crate::pipeline::tags;
use crate::source::nearest;
use crate::target::{Image, Pointer, PointerName, Pointers, Slot, Target, TargetError, remind};
use std::collections::BTreeSet;
use std::time::Duration;
use time::OffsetDateTime;

/// A recipe's images and pointers.
pub struct Scene {
    /// The recipe.
    pub recipe: RecipeName,
    /// Where.
    pub target: TargetKind,
    /// The recipe's images. One that is marked as revoked says so, whatever became of its own tags.
    pub images: Vec<Image>,
    /// The recipe's pointers. Of one that someone has damaged: what it named before that.
    pub pointers: Vec<Pointer>,
    /// Those that someone has damaged: they name nothing, whatever they named.
    damaged: BTreeSet<PointerName>,
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
    /// Whether a pointer is there, damaged or not.
    pub fn holds(&self, name: &PointerName) -> bool {
        self.damaged.contains(name) || self.pointers.iter().any(|pointer| pointer.name == *name)
    }

    /// Looks.
    pub async fn look(target: &dyn Target, recipe: &RecipeName) -> Result<Scene, ReleaseError> {
        let scene = Scene::look_without_pointers(target, recipe).await?;
        match scene.pointers.is_empty() && scene.damaged.is_empty() {
            true => Err(ReleaseError::NoImage { recipe: recipe.clone(), target: target.kind() }),
            false => Ok(scene),
        }
    }

    /// The same where images that no pointer names any more count too.
    pub async fn look_without_pointers(target: &dyn Target, recipe: &RecipeName) -> Result<Scene, ReleaseError> {
        let Pointers { readable: mut pointers, damaged, revocations, .. } = target.pointers_told_apart(recipe).await?;
        pointers.extend(damaged.iter().filter_map(|damaged| damaged.last.clone()));
        let damaged: BTreeSet<PointerName> = damaged.into_iter().map(|damaged| damaged.name).collect();
        let mut images = target.images_of(recipe).await?;
        remind(&mut images, &revocations);
        let is_its = |image: &Image| tags::owner(&image.tags).is_some_and(|owner| owner.recipe == *recipe);
        if pointers.is_empty() && damaged.is_empty() && !images.iter().any(is_its) {
            return Err(ReleaseError::NoImage { recipe: recipe.clone(), target: target.kind() });
        }
        Ok(Scene { recipe: recipe.clone(), target: target.kind(), images, pointers, damaged })
    }

    /// The architecture that is asked for, or the only one there is.
    pub fn arch(&self, asked: Option<Arch>) -> Result<Arch, ReleaseError> {
        if let Some(arch) = asked {
            return Ok(arch);
        }
        let mut archs: BTreeSet<Arch> = self.pointers.iter().map(|pointer| pointer.name.arch).collect();
        if archs.is_empty() {
            archs = self.images.iter().filter_map(|image| tags::arch(&image.tags)).collect();
        }
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

    /// Whether someone has damaged a pointer, so that it has to be written again.
    pub fn is_damaged(&self, name: &PointerName) -> bool {
        self.damaged.contains(name)
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
        let of_tags = || tags::owner(&self.image(image)?.tags).filter(|owner| owner.recipe == self.recipe);
        named.or_else(|| of_tags().map(|owner| owner.version))
    }

    /// All versions that an image may be meant by: those whose pointers name it, and what its tags say.
    pub fn versions_of(&self, image: &str) -> BTreeSet<Version> {
        let named = self.pointers.iter().filter(|pointer| pointer.image.as_str() == image);
        let versions = named
            .filter_map(|pointer| if let Slot::Version(version) = pointer.name.slot { Some(version) } else { None });
        let found = self.images.iter().find(|found| found.id.as_str() == image);
        let of_tags = found.and_then(tags::version_of);
        versions.chain(of_tags).collect()
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
            None if words.is_empty() => {
                format!("none of its versions is there for {arch}: amifactory images {} lists its images", self.recipe)
            }
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
        // What a pointer says was perhaps written by hand: an image says itself what it is.
        match tags::owner(&image.tags) {
            Some(owner) if owner.recipe == *recipe && owner.version == version => {}
            owner => {
                return Err(ReleaseError::AnotherImage {
                    recipe: recipe.clone(),
                    version,
                    image: id.clone(),
                    is: owner.map_or_else(
                        || "carries no tags of a build".into(),
                        |owner| format!("is {} {}", owner.recipe, owner.version),
                    ),
                });
            }
        }
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

/// The longest time that a pointer has named an image without a break; none where it never did. What someone wrote by
/// hand passed no gate and begins no stay, and none begins before someone accepted that the record was edited.
pub fn longest_stay(history: &History, image: &ImageId, now: OffsetDateTime) -> Option<Duration> {
    let mut longest = None;
    let mut began: Option<OffsetDateTime> = None;
    let mut stayed = |began: OffsetDateTime, end: OffsetDateTime| {
        let stay = Duration::try_from(end - began).unwrap_or_default();
        longest = longest.max(Some(stay));
    };
    for moved in history.vouched() {
        // An entry without a time ends a stay and begins none.
        let at = crate::target::moment(&moved.at);
        if began.is_none() && moved.note.is_none() {
            continue;
        }
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

/// The last time that a channel went back from an image, or from one of the same plan, where it has not been brought there
/// again since. Going back is to an older version: a channel that is sent on past its gates leaves nothing behind.
pub fn left(history: &History, images: &[Image], image: &Image) -> Option<Left> {
    let owner = |id: &str| tags::owner(&images.iter().find(|image| image.id.as_str() == id)?.tags);
    let own = tags::owner(&image.tags);
    let is_it = |id: &str| {
        let same_plan =
            || owner(id).zip(own.as_ref()).is_some_and(|(a, b)| a.recipe == b.recipe && a.digest == b.digest);
        id == image.id.as_str() || same_plan()
    };
    let is_itself = |id: &str| id == image.id.as_str();
    let went_back = |from: &str, to: &str| is_itself(from) && !is_itself(to) || is_it(from) && !is_it(to);
    // Whoever went back from one image of a plan to another one knows them apart: that one speaks for this one no more.
    let mut told_apart = false;
    let version = |moved: &Moved| moved.version().or_else(|| Some(owner(&moved.image)?.version));
    let mut found = None;
    for pair in history.moves.windows(2) {
        let [before, moved] = pair else { continue };
        match moved.note.as_ref() {
            Some(note) if note.kind == Kind::Rollback && went_back(&before.image, &moved.image) => {
                told_apart = is_it(&moved.image);
                let on = version(before).zip(version(moved)).is_some_and(|(before, now)| now > before);
                found = (!on).then(|| Left {
                    version: version(before),
                    at: moved.at.clone(),
                    by: moved.by.clone(),
                    why: note.why.clone().or_else(|| note.overridden.clone()),
                });
            }
            // Someone gave a reason for it, or went back to it in turn.
            Some(_) if is_itself(&moved.image) || is_it(&moved.image) && !told_apart => found = None,
            _ => {}
        }
    }
    found
}

/// Why a channel's history can't vouch for an image: it was edited, also where someone has accepted that and the channel has
/// not named the image since; or the channel was pointed at the image past its own gates. None where it can, also where it
/// never named the image.
pub fn doubt(channel: &Channel, history: &History, image: &ImageId) -> Option<String> {
    if let Some(first) = history.breaks.first() {
        return Some(format!("the history of {channel} was edited: revision {}: {}", first.revision, first.what));
    }
    let of_image = |moved: &&Moved| moved.image == image.as_str();
    let mut by_note = history.vouched().iter().filter(of_image).filter(|moved| moved.note.is_some()).peekable();
    if by_note.peek().is_some() {
        // One entry that nothing speaks against is enough.
        let doubts: Option<Vec<_>> = by_note.map(|moved| history.contradicted(moved)).collect();
        return doubts?
            .pop()
            .map(|found| format!("what {channel} says of it is not so: revision {}: {}", found.revision, found.what));
    }
    let by_hand = history.moves.iter().rev().find(of_image)?;
    if let Some(from) = history.accepted_at().filter(|from| by_hand.revision < *from) {
        return Some(format!(
            "the history of {channel} was edited, which was accepted at revision {from}: it vouches for what it names from \
             there on, and not for what it named before"
        ));
    }
    Some(format!("{channel} was pointed at it by hand (revision {}), past all gates", by_hand.revision))
}

#[cfg(test)]
mod tests {
    use super::super::history::{Accepted, Break};
    use super::super::note::Note;
    use super::*;
    use crate::identity::Digest;
    use crate::target::Tags;
    use time::macros::datetime;

    fn image(id: &str, version: &str, plan: &str) -> Image {
        let tags: Tags = [
            (tags::RECIPE, "web".to_owned()),
            (tags::VERSION, version.to_owned()),
            (tags::DIGEST, Digest::of(plan).to_string()),
            (tags::BUILD, "web-0123456789ab-1".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        let id = id.parse().unwrap();
        Image { id, name: String::new(), tags, available: true, failed: None, created_at: String::new(), public: false }
    }

    #[test]
    fn what_a_channel_went_back_from_is_known_until_it_is_brought_there_again() {
        let images = [
            image("ami-0000000a", "1.0.3", "a"),
            image("ami-0000000b", "1.0.4", "b"),
            // The same plan as 1.0.4, built once more.
            image("ami-0000000c", "1.0.5", "b"),
            image("ami-0000000d", "1.0.6", "d"),
        ];
        let [a, b, c, d] = [0, 1, 2, 3].map(|at| images[at].id.as_str());
        let told = |moves: &[(Kind, &str)], of: usize| {
            let moved = |(at, (kind, image)): (usize, &(Kind, &str))| {
                let note = Note { why: Some(format!("move {at}")), ..Note::new(*kind, String::new()) };
                let (at, by) = (format!("2026-11-20T0{at}:00:00Z"), Some("ann".to_owned()));
                Moved { revision: 1, at, image: (*image).to_owned(), by, note: Some(note) }
            };
            let moves = moves.iter().enumerate().map(moved).collect();
            left(&History { moves, ..History::default() }, &images, &images[of])
        };
        use Kind::{Promote, Rollback};
        let back = [(Promote, a), (Promote, b), (Rollback, a)];
        let found = told(&back, 1).unwrap();
        assert_eq!((found.at.as_str(), found.by.as_deref()), ("2026-11-20T02:00:00Z", Some("ann")));
        assert_eq!((found.version.unwrap().to_string().as_str(), found.why.as_deref()), ("1.0.4", Some("move 2")));
        assert_eq!(told(&back, 2).unwrap().version.unwrap().to_string(), "1.0.4");
        // What it went back to, and what is newer and of another plan, is free.
        assert_eq!((told(&back, 0), told(&back, 3)), (None, None));
        // Brought there again, by promotion or by going back to it.
        assert_eq!(told(&[&back[..], &[(Promote, b)]].concat(), 1), None);
        assert_eq!(told(&[&back[..], &[(Rollback, c)]].concat(), 1), None);
        assert_eq!(told(&[&back[..], &[(Promote, d)]].concat(), 1).unwrap().at, "2026-11-20T02:00:00Z");
        // A way on is no way back, and staying where it is leaves nothing.
        assert_eq!(told(&[(Promote, a), (Rollback, b)], 0), None);
        assert_eq!(told(&[(Promote, b), (Rollback, b)], 1), None);
        assert_eq!(told(&[(Promote, b), (Rollback, c)], 1), None);
        // Back from one image to another of the same plan: the one is gated until it is brought there itself.
        let forced = [(Promote, b), (Promote, c), (Rollback, b)];
        assert_eq!(told(&forced, 2).unwrap().version.unwrap().to_string(), "1.0.5");
        assert_eq!(told(&forced, 1), None);
        assert!(told(&[&forced[..], &[(Promote, d), (Promote, b)]].concat(), 2).is_some());
        assert_eq!(told(&[&forced[..], &[(Promote, c)]].concat(), 2), None);
    }

    #[test]
    fn a_stay_counts_without_its_breaks_and_up_to_now_where_it_goes_on() {
        let moved = |at: &str, image: &str| {
            let note = Some(Note::new(Kind::Promote, at.into()));
            Moved { revision: 1, at: at.into(), image: image.into(), by: None, note }
        };
        let (a, b): (ImageId, ImageId) = ("ami-0000000a".parse().unwrap(), "ami-0000000b".parse().unwrap());
        let moves = vec![
            moved("2026-11-20T00:00:00Z", a.as_str()),
            moved("2026-11-20T01:00:00.500Z", a.as_str()),
            moved("2026-11-20T03:00:00Z", b.as_str()),
            moved("2026-11-20T04:00:00Z", a.as_str()),
        ];
        let history = History { moves, ..History::default() };
        let hours = |image: &ImageId, now| longest_stay(&history, image, now).map(|stay| stay.as_secs() / 3600);
        assert_eq!(hours(&a, datetime!(2026-11-20 05:00 UTC)), Some(3));
        assert_eq!(hours(&a, datetime!(2026-11-20 09:00 UTC)), Some(5));
        assert_eq!(hours(&b, datetime!(2026-11-20 09:00 UTC)), Some(1));
        assert_eq!(hours(&"ami-0000000c".parse().unwrap(), datetime!(2026-11-20 09:00 UTC)), None);
    }

    #[test]
    fn what_was_written_by_hand_begins_no_stay_and_is_told() {
        let staging: Channel = "staging".parse().unwrap();
        let (a, b): (ImageId, ImageId) = ("ami-0000000a".parse().unwrap(), "ami-0000000b".parse().unwrap());
        let entry = |revision, at: &str, image: &ImageId, note: Option<Note>| Moved {
            revision,
            at: at.into(),
            image: image.to_string(),
            by: None,
            note,
        };
        let promoted = |at: &str| Some(Note::new(Kind::Promote, at.into()));
        let moves = vec![
            entry(1, "2026-11-20T00:00:00Z", &a, promoted("2026-11-20T00:00:00Z")),
            entry(2, "2026-11-20T01:00:00Z", &b, None),
        ];
        let mut history = History { moves, ..History::default() };
        let now = datetime!(2026-11-20 09:00 UTC);
        assert_eq!(longest_stay(&history, &b, now), None);
        assert_eq!(longest_stay(&history, &a, now), Some(Duration::from_secs(3600)));
        assert_eq!(doubt(&staging, &history, &a), None);
        let told = doubt(&staging, &history, &b).unwrap();
        assert_eq!(told, "staging was pointed at it by hand (revision 2), past all gates");
        // Promoted after that, its stay begins then.
        history.moves.push(entry(3, "2026-11-20T08:00:00Z", &b, promoted("2026-11-20T08:00:00Z")));
        assert_eq!(longest_stay(&history, &b, now), Some(Duration::from_secs(3600)));
        assert_eq!(doubt(&staging, &history, &b), None);
        let broken = Break { revision: 2, what: "the moves between revision 1 and it were taken away".into() };
        history.breaks.push(broken.clone());
        assert!(doubt(&staging, &history, &a).unwrap().starts_with("the history of staging was edited: revision 2"));
        // Someone has accepted that, where the channel was: from then on it vouches, and for what it named then alone.
        history.breaks.clear();
        let (at, why) = ("2026-11-20T08:30:00Z".to_owned(), "known".to_owned());
        history.accepted.push(Accepted { broken, accepted_at: 4, at: at.clone(), by: None, version: None, why });
        history.moves.push(entry(4, &at, &b, Some(Note::new(Kind::Rollback, at.clone()))));
        assert_eq!((doubt(&staging, &history, &b), longest_stay(&history, &a, now)), (None, None));
        assert_eq!(longest_stay(&history, &b, now), Some(Duration::from_secs(1800)));
        assert_eq!(doubt(&staging, &history, &"ami-0000000c".parse().unwrap()), None);
        insta::assert_snapshot!(doubt(&staging, &history, &a).unwrap(), @"the history of staging was edited, which was accepted at revision 4: it vouches for what it names from there on, and not for what it named before");
        history.accepted.clear();
        history.moves.pop();
        // An entry that is not so vouches for nothing; one beside it that is does.
        history.contradicted.push(Break { revision: 3, what: "its note says 1.0.9".into() });
        let told = doubt(&staging, &history, &b).unwrap();
        assert_eq!(told, "what staging says of it is not so: revision 3: its note says 1.0.9");
        assert_eq!(doubt(&staging, &history, &a), None);
        history.moves.push(entry(4, "2026-11-20T08:30:00Z", &b, promoted("2026-11-20T08:30:00Z")));
        assert_eq!(doubt(&staging, &history, &b), None);
    }
}
