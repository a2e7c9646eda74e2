//! Which images are published. A target that tags them says so itself; on a remote one the pointers alone say it, so
//! that there is one truth and one call less: an image is published once its version pointer names it and its channel
//! was written after that.

use super::tags::{self, ImageState};
use crate::identity::{Arch, Channel, RecipeName, Version};
use crate::plan::Plan;
use crate::target::{Image, Pointer, PointerName, Slot, Target, TargetError};

/// The newest published, usable image of exactly this plan.
pub async fn of_plan(target: &dyn Target, images: &[Image], plan: &Plan) -> Result<Option<Image>, TargetError> {
    let ours = images.iter().filter(|image| image.available);
    let ours = ours.filter_map(|image| Some((tags::owner(&image.tags)?, image)));
    let mut ours: Vec<_> =
        ours.filter(|(owner, _)| owner.recipe == plan.recipe && owner.digest == plan.digest).collect();
    ours.sort_by_key(|(owner, _)| std::cmp::Reverse(owner.version));
    for (owner, image) in ours {
        match ImageState::of(&image.tags) {
            ImageState::Published => return Ok(Some(image.clone())),
            ImageState::Verified if target.is_remote() => {
                let names = names(&plan.recipe, plan.base.arch, owner.version, plan.publish.as_ref());
                let pointers = target.pointers_named(&names).await?;
                if is_published(image, &pointers, plan.publish.as_ref()) {
                    return Ok(Some(as_published(image)));
                }
            }
            _ => {}
        }
    }
    Ok(None)
}

/// The images, those of this plan with the state that their pointers show.
pub async fn shown(target: &dyn Target, images: &[Image], plan: &Plan) -> Result<Vec<Image>, TargetError> {
    let mut images = images.to_vec();
    if !target.is_remote() {
        return Ok(images);
    }
    for image in &mut images {
        let owner = tags::owner(&image.tags).filter(|owner| owner.recipe == plan.recipe && owner.digest == plan.digest);
        let verified = ImageState::of(&image.tags) == ImageState::Verified;
        let Some(owner) = owner.filter(|_| verified) else { continue };
        let names = names(&plan.recipe, plan.base.arch, owner.version, plan.publish.as_ref());
        if is_published(image, &target.pointers_named(&names).await?, plan.publish.as_ref()) {
            *image = as_published(image);
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
/// since, where it was written after the version pointer; where it was written before, the build died in between.
pub fn is_published(image: &Image, pointers: &[Pointer], channel: Option<&Channel>) -> bool {
    let version = pointers.iter().find(|p| matches!(p.name.slot, Slot::Version(_)) && p.image == image.id);
    let Some(version) = version else { return false };
    let Some(channel) = channel else { return true };
    let named = pointers.iter().find(|p| matches!(&p.name.slot, Slot::Channel(name) if name == channel));
    named.is_some_and(|named| named.image == image.id || named.written_at > version.written_at)
}

/// The image with the state that its pointers show.
pub fn as_published(image: &Image) -> Image {
    let mut image = image.clone();
    image.tags.insert(tags::STATE.into(), ImageState::Published.as_str().into());
    image
}

/// All images, each with its state: on a remote target those that a version pointer names are published.
pub async fn all(target: &dyn Target) -> Result<Vec<Image>, TargetError> {
    let mut images = target.images().await?;
    if !target.is_remote() {
        return Ok(images);
    }
    let mut names = Vec::new();
    for image in images.iter().filter(|image| ImageState::of(&image.tags) == ImageState::Verified) {
        if let (Some(owner), Some(arch)) = (tags::owner(&image.tags), tags::arch(&image.tags)) {
            names.extend(self::names(&owner.recipe, arch, owner.version, None));
        }
    }
    let pointers = target.pointers_named(&names).await?;
    for image in &mut images {
        if ImageState::of(&image.tags) == ImageState::Verified && pointers.iter().any(|p| p.image == image.id) {
            *image = as_published(image);
        }
    }
    Ok(images)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(slot: &str, image: &str, at: &str) -> Pointer {
        let slot = match slot.parse() {
            Ok(version) => Slot::Version(version),
            Err(_) => Slot::Channel(slot.parse().unwrap()),
        };
        let name = PointerName { recipe: "web".parse().unwrap(), arch: Arch::X86_64, slot };
        Pointer { name, image: image.parse().unwrap(), revision: 1, written_at: at.into() }
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
        };
        let dev: Channel = "dev".parse().unwrap();
        let ours = pointer("1.0.2", "ami-0000000000000000a", "2026-01-02T00:00:00Z");
        let case = |channel: Option<Pointer>| {
            let all: Vec<Pointer> = [ours.clone()].into_iter().chain(channel).collect();
            is_published(&image, &all, Some(&dev))
        };
        assert!(case(Some(pointer("dev", "ami-0000000000000000a", "2026-01-02T00:00:01Z"))));
        assert!(!case(Some(pointer("dev", "ami-0000000000000000b", "2026-01-01T00:00:00Z"))), "died in between");
        assert!(case(Some(pointer("dev", "ami-0000000000000000b", "2026-01-03T00:00:00Z"))), "moved on since");
        assert!(!case(None));
        assert!(is_published(&image, &[ours], None));
        assert!(!is_published(&image, &[], None));
    }
}
