//! Whether an image must not be used: by its own tags, or by the mark beside its version's pointer at home, which is written
//! before any tag is, and stays where someone takes the tags off.

use super::goal::Site;
use crate::identity::{ImageId, RecipeName};
use crate::pipeline::tags;
use crate::target::{ImageSeen, PointerName, Pointers, Revocation, Slot, Tags, Target, TargetError};

/// Why an image is revoked, whatever recipe it is of; none where it is not, or where it is of none.
pub async fn revoked(site: Site<'_>, image: &str, seen: &ImageSeen) -> Result<Option<String>, TargetError> {
    if let Some(reason) = tags::revoked(&seen.tags) {
        return Ok(Some(reason.to_owned()));
    }
    let Some(owner) = tags::owner(&seen.tags) else { return Ok(None) };
    let Some(arch) = tags::arch(&seen.tags).or(seen.arch) else { return Ok(None) };
    let version = PointerName { recipe: owner.recipe, arch, slot: Slot::Version(owner.version) };
    marked(site, &version, image, Some(&seen.tags)).await
}

/// The same by the mark alone: at home, of the image there. It counts for the image that it names, and for its copies.
pub async fn marked(
    site: Site<'_>,
    version: &PointerName,
    image: &str,
    tags: Option<&Tags>,
) -> Result<Option<String>, TargetError> {
    let origin = tags.and_then(|tags| tags.get(tags::COPY_OF)?.split(' ').next());
    let home = site.home.unwrap_or(site.target);
    let found = match home.standing_and_marks(std::slice::from_ref(version)).await {
        // A version's pointer that can't be read says nothing of its mark.
        Err(TargetError::Damaged { .. }) => home.pointers_told_apart(&version.recipe).await?.revocations,
        found => found?.revocations,
    };
    let is_it = |mark: &&Revocation| mark.image.as_str() == image || origin == Some(mark.image.as_str());
    Ok(found.values().flatten().find(is_it).map(|mark| mark.reason.clone()))
}

/// Whether an image that is gone was one of a recipe's: by what its pointers name, or have named, and by what was retired.
pub async fn was_of(site: Site<'_>, recipe: &RecipeName, image: &str) -> Result<bool, TargetError> {
    let Ok(image) = image.parse::<ImageId>() else { return Ok(false) };
    for target in [Some(site.target), site.home].into_iter().flatten() {
        if is_named(target, recipe, &image).await? {
            return Ok(true);
        }
        if let Some(shelf) = target.shelf()
            && shelf.retirements(recipe).await?.iter().any(|retirement| retirement.image == image)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn is_named(target: &dyn Target, recipe: &RecipeName, image: &ImageId) -> Result<bool, TargetError> {
    let Pointers { readable, damaged, .. } = target.pointers_told_apart(recipe).await?;
    let last = damaged.iter().filter_map(|damaged| damaged.last.as_ref());
    if readable.iter().chain(last).any(|pointer| pointer.image == *image) {
        return Ok(true);
    }
    let channels = readable.into_iter().map(|pointer| pointer.name);
    let channels: Vec<PointerName> = channels.filter(|name| matches!(name.slot, Slot::Channel(_))).collect();
    let histories = target.histories(&channels).await?;
    // A history that can't be read vouches for nothing.
    Ok(histories.into_values().filter_map(Result::ok).flatten().any(|entry| entry.image == image.as_str()))
}
