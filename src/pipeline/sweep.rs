//! Sweep: find and remove what a dead build left behind, from the target's own tags. No journal is needed.

use super::folder::{LockAttempt, RecipeLock, StateFolder};
use super::journal::{Journal, What};
use super::published;
use super::tags::{self, ImageState, Owner};
use crate::identity::{BuildId, BuilderId, ImageId, RecipeName};
use crate::target::{Image, Orphan, Slot, Target, TargetError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Something left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOver {
    /// What it is.
    #[serde(flatten)]
    pub resource: Resource,
    /// The build that it belongs to; none where its tags don't say.
    pub build: Option<BuildId>,
    /// The recipe, where its tags say.
    pub recipe: Option<RecipeName>,
    /// When it was made, RFC 3339; empty where that is not known.
    pub created_at: String,
    /// Who is working on it now; such a thing is not removed.
    pub in_use_by: Option<String>,
    /// The part, where it is one.
    #[serde(skip)]
    pub orphan: Option<Orphan>,
}

/// The kinds of thing that a build can leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Resource {
    /// A builder.
    Builder(BuilderId),
    /// An image that no pointer names: never verified, or verified and not published.
    Image(ImageId),
    /// A part of a builder or an image, left by itself.
    Part(String),
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Resource::Builder(id) => write!(f, "builder {id}"),
            Resource::Image(id) => write!(f, "unpublished image {id}"),
            Resource::Part(id) => write!(f, "{id}"),
        }
    }
}

/// Why a sweep could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The target did not answer.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The state folder can't be used.
    #[error("the state folder: {0}")]
    State(#[from] std::io::Error),
}

/// All that is left over now, by build.
pub async fn find(target: &dyn Target, state: &StateFolder) -> Result<Vec<LeftOver>, SweepError> {
    let builders = target.builders().await?.into_iter().map(|b| (Resource::Builder(b.id), b.tags, b.created_at));
    let images = published::all(target).await?;
    let mut left = Vec::new();
    for image in &images {
        if is_left_over(target, image).await? {
            left.push(image.clone());
        }
    }
    if !left.is_empty() {
        let named = named_by_any(target, &images).await?;
        left.retain(|image| !named.contains(&image.id));
    }
    let left = left.into_iter().map(|image| (Resource::Image(image.id), image.tags, image.created_at));
    let mut found = Vec::new();
    let mut holders: BTreeMap<RecipeName, Option<String>> = BTreeMap::new();
    let parts = target.orphans().await?.into_iter().map(|orphan| {
        let resource = Resource::Part(format!("{} {}", orphan.kind, orphan.id));
        (resource, orphan.tags.clone(), orphan.created_at.clone(), Some(orphan))
    });
    let whole = builders.chain(left).map(|(resource, tags, created_at)| (resource, tags, created_at, None));
    for (resource, tags, created_at, orphan) in whole.chain(parts) {
        let owner = tags::owner(&tags);
        let in_use_by = match &owner {
            Some(Owner { recipe, .. }) => match holders.get(recipe) {
                Some(holder) => holder.clone(),
                None => {
                    let holder = match state.try_lock(recipe)? {
                        LockAttempt::Taken(_) => None,
                        LockAttempt::Held(holder) => Some(holder),
                    };
                    holders.insert(recipe.clone(), holder.clone());
                    holder
                }
            },
            None => None,
        };
        let (build, recipe) = owner.map(|owner| (owner.build, owner.recipe)).unzip();
        found.push(LeftOver { resource, build, recipe, created_at, in_use_by, orphan });
    }
    // What is no build's stays in the order in which the target lets it go.
    let place = |left: &LeftOver| (left.build.clone(), left.build.as_ref().map(|_| left.resource.to_string()));
    found.sort_by_key(place);
    Ok(found)
}

/// A part, as something left behind.
pub fn part(orphan: Orphan) -> LeftOver {
    let resource = Resource::Part(format!("{} {}", orphan.kind, orphan.id));
    let created_at = orphan.created_at.clone();
    LeftOver { resource, build: None, recipe: None, created_at, in_use_by: None, orphan: Some(orphan) }
}

/// By when every builder has ended itself, where a factory says nothing else (`aws: expires`).
pub const SURELY_DEAD: Duration = Duration::from_secs(6 * 3600);

/// The builds whose things another machine may be at work on, on a target that several machines use: this state folder
/// does not know them, so its locks say nothing, and the newest of what they have is younger than `age`. A builder of
/// a build that everyone has forgotten ends itself in the end, so with an age like that nothing is lost but time.
pub fn perhaps_alive(found: &[LeftOver], state: &StateFolder, age: Duration, now: OffsetDateTime) -> BTreeSet<BuildId> {
    let young = |left: &&LeftOver| match OffsetDateTime::parse(&left.created_at, &Rfc3339) {
        Ok(created) => now - created < age,
        // Where the time is not known there was none yet.
        Err(_) => !age.is_zero(),
    };
    let builds = found.iter().filter(young).filter_map(|left| left.build.clone());
    builds.filter(|build| !state.build(build).is_dir()).collect()
}

/// Whether an image belongs to a build that did not come to its end, and nobody can have seen it: no pointer names it,
/// and no channel ever did.
async fn is_left_over(target: &dyn Target, image: &Image) -> Result<bool, TargetError> {
    match (ImageState::of(&image.tags), tags::owner(&image.tags)) {
        (ImageState::Published, _) => Ok(false),
        (_, None) => Ok(true),
        (_, Some(owner)) => Ok(!was_named(target, &owner.recipe, &image.id).await?),
    }
}

/// What any pointer of these images' recipes names. Tags can be edited by whoever may tag, so nothing that they say makes
/// an image that a pointer names look left over; its name is its build's for ever, and says its recipe too.
async fn named_by_any(target: &dyn Target, images: &[Image]) -> Result<BTreeSet<ImageId>, TargetError> {
    let mut named = BTreeSet::new();
    for recipe in images.iter().flat_map(recipes_of).collect::<BTreeSet<_>>() {
        let pointers = target.pointers_told_apart(&recipe).await?;
        named.extend(pointers.readable.into_iter().map(|pointer| pointer.image));
        named.extend(pointers.damaged.into_iter().filter_map(|damaged| damaged.last).map(|pointer| pointer.image));
    }
    Ok(named)
}

/// The recipes that an image may be of: the one that its tag says, and the one that its name does, which is its build's:
/// `<recipe>-<digest>-<number>`.
fn recipes_of(image: &Image) -> BTreeSet<RecipeName> {
    let by_tag = image.tags.get(tags::RECIPE).and_then(|recipe| recipe.parse().ok());
    let by_name = image.name.rsplitn(3, '-').nth(2).and_then(|recipe| recipe.parse().ok());
    by_tag.into_iter().chain(by_name).collect()
}

/// Whether any pointer of the recipe names the image, or a channel has done so: a version's pointer that someone has
/// removed or overwritten takes its image from nobody who runs it, and channels may go back to it.
pub async fn was_named(target: &dyn Target, recipe: &RecipeName, image: &ImageId) -> Result<bool, TargetError> {
    let pointers = target.pointers(recipe).await?;
    if pointers.iter().any(|pointer| pointer.image == *image) {
        return Ok(true);
    }
    for pointer in pointers.iter().filter(|pointer| matches!(pointer.name.slot, Slot::Channel(_))) {
        if target.history(&pointer.name).await?.iter().any(|entry| entry.image == image.as_str()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a sweep has done.
#[derive(Debug, Default)]
pub struct Swept {
    /// What is gone.
    pub removed: Vec<LeftOver>,
    /// What could not be removed, and why.
    pub failed: Vec<(LeftOver, TargetError)>,
}

/// Removes what [`find`] found, except what someone is working on. Answers with what was removed. What can't be removed
/// keeps nothing else; the first such error is told in the end.
///
/// Each recipe's lock is held while its things go: a build that starts meanwhile waits.
pub async fn remove(
    target: &dyn Target,
    state: &StateFolder,
    found: Vec<LeftOver>,
) -> Result<Vec<LeftOver>, SweepError> {
    let swept = remove_each(target, state, found).await?;
    match swept.failed.into_iter().next() {
        Some((_, error)) => Err(error.into()),
        None => Ok(swept.removed),
    }
}

/// The same, with all that could not be removed. Only credentials that are not accepted end it at once: then nothing can
/// be removed.
pub async fn remove_each(target: &dyn Target, state: &StateFolder, found: Vec<LeftOver>) -> Result<Swept, SweepError> {
    let mut locks: BTreeMap<RecipeName, RecipeLock> = BTreeMap::new();
    let mut busy: BTreeSet<RecipeName> = BTreeSet::new();
    let mut swept = Swept::default();
    for left_over in found {
        if let Some(recipe) = &left_over.recipe {
            if !locks.contains_key(recipe) && !busy.contains(recipe) {
                match state.try_lock(recipe)? {
                    LockAttempt::Taken(lock) => drop(locks.insert(recipe.clone(), lock)),
                    LockAttempt::Held(_) => drop(busy.insert(recipe.clone())),
                }
            }
            if busy.contains(recipe) {
                continue;
            }
        }
        match remove_one(target, &left_over).await {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error @ TargetError::Credentials { .. }) => return Err(error.into()),
            Err(error) => {
                swept.failed.push((left_over, error));
                continue;
            }
        }
        if let Some(build) = &left_over.build {
            let folder = state.build(build);
            if folder.is_dir() {
                Journal::open(&folder)?.write(What::Ended { outcome: "swept".into() })?;
            }
        }
        swept.removed.push(left_over);
    }
    Ok(swept)
}

/// False where it is nothing to remove any more.
async fn remove_one(target: &dyn Target, left_over: &LeftOver) -> Result<bool, TargetError> {
    match &left_over.resource {
        Resource::Builder(id) => target.terminate(id).await?,
        Resource::Part(_) => {
            if let Some(orphan) = &left_over.orphan {
                target.remove_orphan(orphan).await?;
            }
        }
        Resource::Image(id) => {
            // Between the look and now, a build may have finished it.
            let images = target.images().await?;
            let Some(still) = images.iter().find(|image| image.id == *id) else { return Ok(false) };
            if !is_left_over(target, still).await?
                || named_by_any(target, std::slice::from_ref(still)).await?.contains(id)
            {
                return Ok(false);
            }
            target.delete_image(id).await?;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_machine_began_lately_may_be_alive() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(folder.path()).unwrap();
        let left = |build: &str, created_at: &str| LeftOver {
            resource: Resource::Builder("i-0123456789abcdef0".parse().unwrap()),
            build: Some(build.parse().unwrap()),
            recipe: Some("web".parse().unwrap()),
            created_at: created_at.into(),
            in_use_by: None,
            orphan: None,
        };
        let (old, young, ours) = ("web-000000000001-1", "web-000000000002-1", "web-000000000003-1");
        state.make_build(&ours.parse().unwrap()).unwrap();
        let found = [
            left(old, "2026-11-20T01:00:00Z"),
            left(young, "2026-11-20T01:00:00Z"),
            // The newest of what a build has is what counts.
            left(young, "2026-11-20T11:50:00Z"),
            left(ours, "2026-11-20T11:50:00Z"),
        ];
        let now = time::macros::datetime!(2026-11-20 12:00 UTC);
        let builds = |age| perhaps_alive(&found, &state, age, now);
        assert_eq!(builds(SURELY_DEAD), [young.parse().unwrap()].into());
        assert_eq!(builds(Duration::from_secs(300)), BTreeSet::new());
        assert_eq!(perhaps_alive(&[left(young, "")], &state, Duration::ZERO, now), BTreeSet::new());
        assert_eq!(perhaps_alive(&[left(young, "")], &state, SURELY_DEAD, now).len(), 1);
    }
}
