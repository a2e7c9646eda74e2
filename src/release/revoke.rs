//! Revoking an image, and with it all images that were built on it.

use super::error::{ReleaseError, one_line};
use super::pin::{LOOK, PATIENCE};
use super::scene::{Scene, history};
use crate::identity::{Arch, Channel, ImageId, RecipeName, Version};
use crate::pipeline::tags::ImageState;
use crate::pipeline::{clock, tags};
use crate::target::{Image, PointerName, Revocation, Slot, Tags, Target, TargetError, Underway};
use serde::Serialize;
use std::collections::BTreeSet;

/// The most that a reason may have: a tag's value has 256 characters, and says more than the reason.
const REASON: usize = 180;

/// An image that is revoked now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Revoked {
    /// Its recipe.
    pub recipe: RecipeName,
    /// Its version.
    pub version: Version,
    /// The image.
    pub image: ImageId,
    /// Why, as its tag says, or where it is gone the mark that is left of it.
    pub reason: String,
    /// The reason that was given now, where it is another than the one that was there first and stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_kept: Option<String>,
    /// Whether it is gone: then nothing but that mark says so, and instances of it may run still.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// What its version's pointer names instead of it: someone has overwritten that, and the image's tags say what it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misnamed: Option<ImageId>,
    /// The channels that name it.
    pub channels: Vec<Channel>,
    /// Why nothing is written down that outlives the image; none where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forgettable: Option<String>,
    /// Moves of channels to it that were begun before it was revoked, and may still happen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moving: Vec<Underway>,
}

/// Revokes a version. The image itself comes first, and just before its tags the mark that outlives it: whatever happens
/// after that, nothing is promoted to it any more; and the same command again does the rest. A mark that can't be written
/// keeps no image from being tagged.
pub async fn revoke(
    target: &dyn Target,
    recipe: &RecipeName,
    version: Version,
    arch: Option<Arch>,
    reason: &str,
) -> Result<Vec<Revoked>, ReleaseError> {
    let reason = one_line("--reason", reason, REASON)?;
    // Someone may have deleted all its pointers: images say themselves what they are.
    let scene = Scene::look_without_pointers(target, recipe).await?;
    let images = target.images().await?;
    let arch = scene.arch(arch)?;
    let name = PointerName { recipe: recipe.clone(), arch, slot: Slot::Version(version) };
    let fit = scene.usable(arch, version);
    // By its identity, fit for use or not: once more, or of an image that can't be started, what was built on it is
    // revoked all the same. A pointer may have been overwritten or deleted, and an image says itself what it is.
    let is_it = |image: &&Image| {
        let owner = tags::owner(&image.tags);
        owner.is_some_and(|owner| owner.recipe == *recipe && owner.version == version)
            && tags::arch(&image.tags).is_none_or(|found| found == arch)
    };
    let named = scene.pointer(&name).map(|pointer| &pointer.image);
    let its: Vec<&Image> = images.iter().filter(is_it).collect();
    // Several say that they are it where a build died before its number was another's: then the pointer tells them apart.
    let first: Vec<&Image> = match its.iter().find(|image| Some(&image.id) == named) {
        Some(image) => vec![image],
        None => its,
    };
    if let (true, Some(image)) = (first.is_empty(), named) {
        expect_gone(target, &images, (recipe, version), image).await?;
    }
    let mut children: Vec<&Image> = Vec::new();
    match first.is_empty() {
        true => children = built_on_bases(&images, bases_of_gone(target, &images, &name, version).await?, None),
        false => {
            for child in first.iter().flat_map(|first| built_on(&images, first)) {
                if !first.iter().chain(&children).any(|other| other.id == child.id) {
                    children.push(child);
                }
            }
        }
    }
    // What nobody can read names nothing for sure.
    let pointer = scene.pointer(&name).filter(|_| first.is_empty() && !scene.is_damaged(&name));
    if let (true, None, true, Err(error)) = (first.is_empty(), pointer, children.is_empty(), fit) {
        return Err(error);
    }
    let (at, who) = (clock::rfc3339(target.now()), target.who().await?);
    let mut revoked = Vec::new();
    // What is built on an image that is gone already, what was copied from it and what runs it still is found by that image's
    // pointer alone.
    if let Some(pointer) = pointer {
        let (image, reason) = (pointer.image.clone(), reason.clone());
        let mark = Revocation { image, reason, by: who.clone(), at: at.clone() };
        target.mark_revoked(&name, &mark).await?;
        let marks = target.pointers_told_apart(recipe).await?.revocations;
        let first = marks.get(&name).and_then(|mark| mark.as_ref().ok()).unwrap_or(&mark);
        revoked.push(Revoked {
            recipe: recipe.clone(),
            version,
            image: mark.image.clone(),
            // The reason that was there first stays.
            reason: first.reason.clone(),
            not_kept: Some(mark.reason.clone()).filter(|given| *given != first.reason),
            gone: true,
            misnamed: None,
            channels: Vec::new(),
            forgettable: None,
            moving: Vec::new(),
        });
    }
    let by = format!("{at} {who}");
    let by: String = by.chars().take(256).collect();
    let on = format!("built on {recipe} {version}: {reason}");
    let first = first.into_iter().map(|image| (image, &reason));
    for (image, reason) in first.chain(children.into_iter().map(|image| (image, &on))) {
        let Some(owner) = tags::owner(&image.tags) else { continue };
        let marked = scene.image(&image.id).and_then(|image| tags::revoked(&image.tags));
        let given: String = reason.chars().take(256).collect();
        let reason: String = match tags::revoked(&image.tags).or(marked) {
            // The reason that was there first stays, also where only its mark gives it.
            Some(there) => there.to_owned(),
            None => given.clone(),
        };
        // Of what was built on it nobody gave a reason by itself.
        let not_kept = Some(given).filter(|given| is_it(&image) && *given != reason);
        let version = PointerName {
            recipe: owner.recipe.clone(),
            arch: tags::arch(&image.tags).unwrap_or(arch),
            slot: Slot::Version(owner.version),
        };
        let mark = Revocation { image: image.id.clone(), reason: reason.clone(), by: who.clone(), at: at.clone() };
        // The number of one that was never tested may yet be another's.
        let forgettable = match ImageState::of(&image.tags) {
            ImageState::Candidate => None,
            _ => remember(target, &version, &mark).await?,
        };
        if tags::revoked(&image.tags).is_none() {
            let tags: Tags =
                [(tags::REVOKED.to_owned(), reason.clone()), (tags::REVOKED_BY.to_owned(), by.clone())].into();
            target.tag_image(&image.id, &tags).await?;
        }
        revoked.push(Revoked {
            recipe: owner.recipe,
            version: owner.version,
            image: image.id.clone(),
            reason,
            not_kept,
            gone: false,
            misnamed: scene.pointer(&name).filter(|p| is_it(&image) && p.image != image.id).map(|p| p.image.clone()),
            channels: Vec::new(),
            forgettable,
            moving: Vec::new(),
        });
    }
    let recipes: BTreeSet<RecipeName> = revoked.iter().map(|revoked| revoked.recipe.clone()).collect();
    // Whoever began to move a channel to one of them before that may not have seen the mark. Whoever begins after it does.
    let began = tokio::time::Instant::now();
    let mut moving = moving(target, &recipes, &revoked).await?;
    while !moving.is_empty() && began.elapsed() <= PATIENCE {
        tokio::time::sleep(LOOK).await;
        moving = self::moving(target, &recipes, &revoked).await?;
    }
    for underway in moving {
        if let Some(revoked) = revoked.iter_mut().find(|revoked| revoked.image == underway.image) {
            revoked.moving.push(underway);
        }
    }
    for recipe in recipes {
        for pointer in target.pointers(&recipe).await? {
            let Slot::Channel(channel) = pointer.name.slot else { continue };
            if let Some(revoked) = revoked.iter_mut().find(|revoked| revoked.image == pointer.image) {
                revoked.channels.push(channel);
            }
        }
    }
    Ok(revoked)
}

/// Fails where the image that a version names is there after all, and says that it is another's, or nothing: whoever wrote
/// the pointer over would have that one taken for revoked.
async fn expect_gone(
    target: &dyn Target,
    images: &[Image],
    (recipe, version): (&RecipeName, Version),
    image: &ImageId,
) -> Result<(), ReleaseError> {
    let is = match images.iter().find(|other| other.id == *image).map(|other| tags::owner(&other.tags)) {
        Some(Some(owner)) => format!("is {} {}", owner.recipe, owner.version),
        Some(None) => "carries no tags of a build".to_owned(),
        None => match target.rollouts() {
            // Whoever's it is: a list of one's own does not show it.
            Some(all) if all.image_seen(image.as_str()).await?.is_some() => "is no image of this account's".to_owned(),
            _ => return Ok(()),
        },
    };
    Err(ReleaseError::AnotherImage { recipe: recipe.clone(), version, image: image.clone(), is })
}

/// Writes down what outlives the image, or answers why it can't be. Where there are no credentials nothing else would have
/// success either.
async fn remember(
    target: &dyn Target,
    version: &PointerName,
    mark: &Revocation,
) -> Result<Option<String>, TargetError> {
    match target.mark_revoked(version, mark).await {
        Ok(()) => Ok(None),
        Err(error @ TargetError::Credentials { .. }) => Err(error),
        Err(error) => Ok(Some(error.to_string())),
    }
}

/// Moves of channels to one of these images that still may happen. One whose time is over is finished by nobody: the image
/// is revoked.
async fn moving(
    target: &dyn Target,
    recipes: &BTreeSet<RecipeName>,
    revoked: &[Revoked],
) -> Result<Vec<Underway>, TargetError> {
    let mut found = Vec::new();
    for recipe in recipes {
        let underway = target.underway(recipe).await?.into_iter();
        found.extend(underway.filter(|u| !u.over && revoked.iter().any(|revoked| revoked.image == u.image)));
    }
    Ok(found)
}

/// All images that were built on this one, and on those, nearest first.
pub fn built_on<'a>(images: &'a [Image], first: &Image) -> Vec<&'a Image> {
    built_on_bases(images, base_id(first).into_iter().collect(), Some(&first.id))
}

fn built_on_bases<'a>(images: &'a [Image], mut bases: Vec<String>, first: Option<&ImageId>) -> Vec<&'a Image> {
    let mut found: Vec<&Image> = Vec::new();
    while let Some(base) = bases.pop() {
        for image in images.iter().filter(|image| image.tags.get(tags::BASE) == Some(&base)) {
            if Some(&image.id) != first && !found.iter().any(|other| other.id == image.id) {
                found.push(image);
                bases.extend(base_id(image));
            }
        }
    }
    found
}

/// How images that were built on one that is gone call it: its version's pointer says which build has written it, and a
/// build's id holds the beginning of its plan's digest.
async fn bases_of_gone(
    target: &dyn Target,
    images: &[Image],
    name: &PointerName,
    version: Version,
) -> Result<Vec<String>, ReleaseError> {
    let history = history(target, name).await?;
    let build = history.moves.iter().find_map(|moved| moved.note.as_ref()?.why.as_deref()?.strip_prefix("build "));
    // `<recipe>-<digest>-<attempt>`
    let Some(digest) = build.and_then(|build| build.rsplit('-').nth(1)) else { return Ok(Vec::new()) };
    let begins = format!("image:{}:{digest}", name.recipe);
    let forced = format!("+{version}");
    // The same plan can have given another image, which is still there.
    let there: Vec<String> = images.iter().filter_map(base_id).collect();
    let is_its = |base: &&String| {
        base.starts_with(&begins) && !there.contains(base) && (!base.contains('+') || base.ends_with(&forced))
    };
    let mut bases: Vec<String> =
        images.iter().filter_map(|image| image.tags.get(tags::BASE)).filter(is_its).cloned().collect();
    bases.sort();
    bases.dedup();
    Ok(bases)
}

/// How images that were built on this one call it: by its plan, and by its version where it was built although nothing
/// had changed.
fn base_id(image: &Image) -> Option<String> {
    let owner = tags::owner(&image.tags)?;
    let forced = if image.tags.contains_key(tags::FORCED) { format!("+{}", owner.version) } else { String::new() };
    Some(format!("image:{}:{}{forced}", owner.recipe, owner.digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Digest;

    fn image(id: u32, recipe: &str, content: &str, base: &str, forced: bool) -> Image {
        let mut tags: Tags = [
            (tags::RECIPE, recipe.to_owned()),
            (tags::VERSION, format!("1.0.{id}")),
            (tags::DIGEST, Digest::of(content).to_string()),
            (tags::BUILD, format!("{recipe}-{id}")),
            (tags::BASE, base.to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        if forced {
            tags.insert(tags::FORCED.into(), "true".into());
        }
        let id = format!("img-{id:08x}").parse().unwrap();
        Image { id, name: String::new(), tags, available: true, failed: None, created_at: String::new(), public: false }
    }

    #[test]
    fn images_on_images_are_found_to_the_last_and_a_forced_one_has_its_own() {
        let base = |recipe: &str, content: &str| format!("image:{recipe}:{}", Digest::of(content));
        let images = vec![
            image(1, "base", "a", "host:0", false),
            image(2, "base", "a", "host:0", true),
            image(3, "web", "b", &base("base", "a"), false),
            image(4, "web", "c", &format!("{}+1.0.2", base("base", "a")), false),
            image(5, "shop", "d", &base("web", "b"), false),
            image(6, "other", "e", "host:0", false),
        ];
        let ids = |first: usize| -> Vec<String> {
            built_on(&images, &images[first]).iter().map(|image| image.id.to_string()).collect()
        };
        assert_eq!(ids(0), ["img-00000003", "img-00000005"]);
        assert_eq!(ids(1), ["img-00000004"]);
        assert_eq!(ids(5), [] as [String; 0]);
    }
}
