//! Which images are published. A target that tags them says so itself; on a remote one the pointers alone say it, so
//! that there is one truth and one call less: an image is published once its version pointer names it and its channel
//! was written after that.

use super::tags::{self, ImageState, Owner};
use crate::identity::{Arch, Channel, RecipeName, Version};
use crate::plan::Plan;
use crate::target::{Image, Pointer, PointerName, Slot, Standing, Target, TargetError, remind};
use time::OffsetDateTime;

/// The newest published, usable image of exactly this plan.
pub async fn of_plan(target: &dyn Target, images: &[Image], plan: &Plan) -> Result<Option<Image>, TargetError> {
    Ok(newest(&marked(target, images.to_vec(), plan).await?, plan))
}

/// The same among images that say themselves what they are.
pub fn newest(images: &[Image], plan: &Plan) -> Option<Image> {
    let published =
        images.iter().filter(|image| image.available && ImageState::of(&image.tags) == ImageState::Published);
    let ours = published.filter_map(|image| Some((tags::owner(&image.tags)?, image)));
    let ours = ours.filter(|(owner, _)| owner.recipe == plan.recipe && owner.digest == plan.digest);
    ours.max_by_key(|(owner, _)| owner.version).map(|(_, image)| image.clone())
}

/// Images, those of this plan with the state that pointers show.
pub async fn marked(target: &dyn Target, images: Vec<Image>, plan: &Plan) -> Result<Vec<Image>, TargetError> {
    let of_plan = |owner: &Owner| owner.recipe == plan.recipe && owner.digest == plan.digest;
    let ended = mark(target, images, &of_plan, &|_| plan.publish.clone(), true).await?;
    Ok(ended.into_iter().map(|image| given_up(image, &of_plan)).collect())
}

/// What is revoked is published no more, and no build of its plan goes on with it: that has come to its end too.
fn given_up(mut image: Image, which: &dyn Fn(&Owner) -> bool) -> Image {
    let is_tested = ImageState::of(&image.tags) == ImageState::Verified && tags::revoked(&image.tags).is_some();
    if is_tested && tags::owner(&image.tags).is_some_and(|owner| which(&owner)) {
        image.tags.insert(tags::STATE.into(), ImageState::Published.as_str().into());
    }
    image
}

/// On a remote target: those images that pointers show to be published say so. `channel` is what a recipe publishes to.
/// Where `marks` are asked for, those that are marked as revoked say that too, on any target.
async fn mark(
    target: &dyn Target,
    mut images: Vec<Image>,
    which: &(dyn Fn(&Owner) -> bool + Sync),
    channel: &(dyn Fn(&RecipeName) -> Option<Channel> + Sync),
    marks: bool,
) -> Result<Vec<Image>, TargetError> {
    let is_remote = target.is_remote();
    if !is_remote && !marks {
        return Ok(images);
    }
    let least = |state| state == ImageState::Verified || !is_remote && state > ImageState::Verified;
    let mut verified = Vec::new();
    let mut names = Vec::new();
    for (at, image) in images.iter().enumerate() {
        if least(ImageState::of(&image.tags))
            && let (Some(owner), Some(arch)) = (tags::owner(&image.tags), tags::arch(&image.tags))
            && which(&owner)
        {
            let channel = channel(&owner.recipe);
            let of_image = self::names(&owner.recipe, arch, owner.version, channel.as_ref());
            names.extend(of_image.iter().cloned());
            verified.push((at, of_image, channel));
        }
    }
    if verified.is_empty() {
        return Ok(images);
    }
    names.sort();
    names.dedup();
    let standing = if marks { target.standing_and_marks(&names).await? } else { target.standing(&names).await? };
    remind(&mut images, &standing.revocations);
    for (at, names, channel) in verified.into_iter().filter(|_| is_remote) {
        let of_image = Standing {
            pointers: standing.pointers.iter().filter(|p| names.contains(&p.name)).cloned().collect(),
            pins: standing.pins.iter().filter(|(name, _)| names.contains(name)).cloned().collect(),
            ..Standing::default()
        };
        if is_published(&images[at], &of_image, channel.as_ref(), (&images, target.now())) {
            images[at].tags.insert(tags::STATE.into(), ImageState::Published.as_str().into());
        }
    }
    Ok(images)
}

/// The pointers that a build of this version writes.
pub fn names(recipe: &RecipeName, arch: Arch, version: Version, channel: Option<&Channel>) -> Vec<PointerName> {
    let name = |slot| PointerName { recipe: recipe.clone(), arch, slot };
    let channel = channel.map(|channel| name(Slot::Channel(channel.clone())));
    [name(Slot::Version(version))].into_iter().chain(channel).collect()
}

/// Whether pointers show that the build of this image came to its end. A channel that names another image was moved
/// since, where it was written after the version pointer; where it was written before, the build died in between, unless
/// it names a newer version: then this build has left it where it is. A channel that is held, or was when the version was
/// written, was not to be moved.
pub fn is_published(
    image: &Image,
    standing: &Standing,
    channel: Option<&Channel>,
    (images, now): (&[Image], OffsetDateTime),
) -> bool {
    let pointers = &standing.pointers;
    let version = pointers.iter().find_map(|pointer| match pointer.name.slot {
        Slot::Version(version) if pointer.image == image.id => Some((version, pointer)),
        _ => None,
    });
    let Some((version, pointer)) = version else { return false };
    let Some(channel) = channel else { return true };
    let is_it = |name: &PointerName| matches!(&name.slot, Slot::Channel(other) if other == channel);
    let held =
        standing.pins.iter().any(|(name, pin)| is_it(name) && (pin.holds(now) || pin.held_at(&pointer.written_at)));
    let newer = |named: &Pointer| {
        let other = images.iter().find(|other| other.id == named.image);
        other.and_then(tags::version_of).is_some_and(|other| other > version)
    };
    let moved_on = |named: &Pointer| named.image == image.id || named.written_at > pointer.written_at || newer(named);
    held || of_channel(pointers, channel).is_some_and(moved_on)
}

/// The pointer of a channel.
pub fn of_channel<'p>(pointers: &'p [Pointer], channel: &Channel) -> Option<&'p Pointer> {
    pointers.iter().find(|pointer| matches!(&pointer.name.slot, Slot::Channel(name) if name == channel))
}

/// All images, each with its state: on a remote target those that a version pointer names are published.
pub async fn all(target: &dyn Target) -> Result<Vec<Image>, TargetError> {
    mark(target, target.images().await?, &|_| true, &|_| None, false).await
}

/// The same, but where a recipe publishes to a channel, only once that was written too: the build of any other image
/// has not come to its end. One whose image is revoked has, also where only its mark says so: nobody goes on with it.
pub async fn ended(
    target: &dyn Target,
    channel: &(dyn Fn(&RecipeName) -> Option<Channel> + Sync),
) -> Result<Vec<Image>, TargetError> {
    let images = mark(target, target.images().await?, &|_| true, channel, true).await?;
    Ok(images.into_iter().map(|image| given_up(image, &|_| true)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Pin;

    fn pointer(slot: &str, image: &str, at: &str) -> Pointer {
        let slot = match slot.parse() {
            Ok(version) => Slot::Version(version),
            Err(_) => Slot::Channel(slot.parse().unwrap()),
        };
        let name = PointerName { recipe: "web".parse().unwrap(), arch: Arch::X86_64, slot };
        Pointer { name, image: image.parse().unwrap(), revision: 1, written_at: at.into() }
    }

    const NOW: OffsetDateTime = time::macros::datetime!(2026-02-01 0:00 UTC);

    fn pin(at: &str) -> Pin {
        Pin { by: "ops".into(), why: "freeze".into(), at: at.into(), until: None, lifted: None }
    }

    #[test]
    fn a_channel_that_was_written_before_the_version_shows_a_build_that_died_in_between() {
        let image = Image {
            id: "ami-0000000000000000a".parse().unwrap(),
            name: "web-1".into(),
            tags: Default::default(),
            available: true,
            failed: None,
            created_at: String::new(),
            public: false,
        };
        let dev: Channel = "dev".parse().unwrap();
        let other = |id: &str, version: &str| {
            let digest = crate::identity::Digest::of("other").to_string();
            let tags = [("recipe", "web"), ("version", version), ("digest", &digest), ("build", "web-other-1")];
            let tags = tags.map(|(key, value)| (format!("amifactory:{key}"), value.to_owned())).into();
            Image { id: id.parse().unwrap(), tags, ..image.clone() }
        };
        let others = [other("ami-0000000000000000b", "1.0.1"), other("ami-0000000000000000c", "1.0.3")];
        let ours = pointer("1.0.2", "ami-0000000000000000a", "2026-01-02T00:00:00Z");
        let case = |channel: Option<Pointer>| {
            let all: Vec<Pointer> = [ours.clone()].into_iter().chain(channel).collect();
            is_published(&image, &Standing { pointers: all, ..Standing::default() }, Some(&dev), (&others, NOW))
        };
        assert!(case(Some(pointer("dev", "ami-0000000000000000a", "2026-01-02T00:00:01Z"))));
        assert!(!case(Some(pointer("dev", "ami-0000000000000000b", "2026-01-01T00:00:00Z"))), "died in between");
        assert!(case(Some(pointer("dev", "ami-0000000000000000b", "2026-01-03T00:00:00Z"))), "moved on since");
        assert!(case(Some(pointer("dev", "ami-0000000000000000c", "2026-01-01T00:00:00Z"))), "left at a newer one");
        assert!(!case(None));
        let standing = |pointers: &[Pointer]| Standing { pointers: pointers.to_vec(), ..Standing::default() };
        assert!(is_published(&image, &standing(std::slice::from_ref(&ours)), None, (&[], NOW)));
        assert!(!is_published(&image, &Standing::default(), None, (&[], NOW)));
        let with = |pin: Pin| {
            let name = pointer("dev", "ami-0000000000000000b", "").name;
            Standing { pointers: vec![ours.clone()], pins: vec![(name, pin)], ..Standing::default() }
        };
        assert!(is_published(&image, &with(pin("2026-01-01T00:00:00Z")), Some(&dev), (&[], NOW)), "held");
        assert!(is_published(&image, &with(pin("2026-01-03T00:00:00Z")), Some(&dev), (&[], NOW)), "held since");
        let lifted = |at: &str, lifted: &str| Pin { lifted: Some((lifted.into(), "ops".into())), ..pin(at) };
        let then = lifted("2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z");
        assert!(is_published(&image, &with(then), Some(&dev), (&[], NOW)), "held when it was written");
        let later = lifted("2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z");
        assert!(!is_published(&image, &with(later), Some(&dev), (&[], NOW)), "held only later, and no more");
    }
}
