//! Resume: builds that were begun and not ended are finished, or cleaned up where their recipe has moved on.

use super::folder::{LockAttempt, StateFolder};
use super::journal::{self, Journal, What};
use super::prepare::{Planner, PrepareError};
use super::published;
use super::sweep::{self, SweepError};
use super::tags::{self, ImageState};
use crate::identity::{BuildId, Digest, RecipeName};
use crate::recipe::Factory;
use crate::target::Target;
use std::collections::BTreeMap;

/// A build that was begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Its id.
    pub build: BuildId,
    /// Its recipe.
    pub recipe: RecipeName,
    /// Its plan.
    pub digest: Digest,
    /// What becomes of it.
    pub fate: Fate,
    /// Why it is perhaps not this factory's to finish or to clean up; none where it is its own.
    pub theirs: Option<Theirs>,
}

/// Why a build is another factory's, or may be: several can build in one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Theirs {
    /// Its tags say who answers for it, and amifactory.yaml says someone else, or nobody.
    Owner(String),
    /// This factory has no such recipe, this machine did not begin it, and its tags don't say that it is ours.
    Recipe,
}

/// What becomes of an unfinished build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Its recipe still plans the same: it is gone on with.
    Finish,
    /// Its recipe has changed or is gone: what it left is removed. Says why.
    Remove(String),
    /// Its recipe can't be planned at the moment: its base is not to be had, or the target does not answer. It is left
    /// as it is. Says why.
    Keep(String),
    /// It left nothing: only its journal is closed.
    Close,
}

/// All unfinished builds: from what is in the target, and from journals that were not closed. What belongs to a recipe
/// that is there but has mistakes is kept until they are mended.
pub async fn find(
    target: &dyn Target,
    state: &StateFolder,
    factory: &Factory,
    planner: &Planner<'_>,
    is_broken: &(dyn Fn(&RecipeName) -> bool + Sync),
) -> Result<Vec<Unfinished>, SweepError> {
    let mut begun: BTreeMap<BuildId, (RecipeName, Digest, Option<String>)> = BTreeMap::new();
    let builders = target.builders().await?.into_iter().map(|builder| builder.tags);
    // A build that died between its pointers has its channel yet to move.
    let channel = |recipe: &RecipeName| factory.recipes.get(recipe).and_then(|recipe| recipe.publish.clone());
    let images = published::ended(target, &channel).await?.into_iter();
    let images = images.filter(|image| ImageState::of(&image.tags) != ImageState::Published).map(|image| image.tags);
    for (owner, answers) in
        builders.chain(images).filter_map(|tags| Some((tags::owner(&tags)?, tags.get(tags::OWNER).cloned())))
    {
        begun.insert(owner.build, (owner.recipe, owner.digest, answers));
    }
    let mut found = Vec::new();
    for build in state.builds()? {
        let entries = journal::read(&state.build(&build))?;
        if begun.contains_key(&build) || journal::has_ended(&entries) {
            continue;
        }
        let owner = entries.iter().find_map(|entry| match &entry.what {
            What::Begun { recipe, digest, .. } => Some((recipe.parse().ok()?, digest.parse().ok()?)),
            _ => None,
        });
        if let Some((recipe, digest)) = owner {
            found.push(Unfinished { build, recipe, digest, fate: Fate::Close, theirs: None });
        }
    }
    for (build, (recipe, digest, answers)) in begun {
        let is_known = state.build(&build).is_dir();
        let theirs = theirs(factory, &recipe, answers.as_deref(), is_known || !target.is_remote());
        let fate = if is_broken(&recipe) {
            Fate::Keep(format!("recipe {recipe} has mistakes: amifactory validate {recipe}"))
        } else {
            fate(factory, planner, &recipe, &digest).await
        };
        found.push(Unfinished { build, recipe, digest, fate, theirs });
    }
    found.sort_by(|a, b| a.build.cmp(&b.build));
    Ok(found)
}

/// Why a build is not this factory's, as far as that shows. What this machine began is its own.
fn theirs(factory: &Factory, recipe: &RecipeName, answers: Option<&str>, is_own: bool) -> Option<Theirs> {
    let ours = match factory.recipes.get(recipe) {
        Some(recipe) => recipe.aws.owner.as_deref(),
        None => factory.aws.owner.as_deref(),
    };
    match answers {
        _ if is_own => None,
        Some(answers) if ours != Some(answers) => Some(Theirs::Owner(answers.to_owned())),
        None if !factory.recipes.contains_key(recipe) => Some(Theirs::Recipe),
        _ => None,
    }
}

async fn fate(factory: &Factory, planner: &Planner<'_>, recipe: &RecipeName, digest: &Digest) -> Fate {
    if !factory.recipes.contains_key(recipe) {
        return Fate::Remove(format!("there is no recipe {recipe} any more"));
    }
    match planner.prepare(recipe).await {
        Ok(prepared) if prepared.plan.digest == *digest => Fate::Finish,
        Ok(_) => Fate::Remove(format!("{recipe} has changed since it was begun")),
        Err(error @ PrepareError::Target(_)) => Fate::Keep(error.to_string()),
        Err(error) => Fate::Remove(format!("{recipe} can't be planned any more: {error}")),
    }
}

/// What became of an unfinished build that could not be finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// Nothing of it is left.
    Removed,
    /// Its image has been tested and a pointer names it already, or has: it stays, and its builders are gone.
    Kept,
    /// Someone is working on its recipe: nothing was done. Says who.
    Busy(String),
}

/// Closes the journal of a build that left nothing, unless someone works on its recipe: then it may have just begun.
pub fn close(state: &StateFolder, unfinished: &Unfinished) -> Result<(), SweepError> {
    if let LockAttempt::Taken(_lock) = state.try_lock(&unfinished.recipe)? {
        let mut journal = Journal::open(&state.build(&unfinished.build))?;
        journal.write(What::Ended { outcome: "nothing was left".into() })?;
    }
    Ok(())
}

/// Removes what is left of a build that can't be finished. An image that a pointer names already has been tested and
/// may be in use: it is published as it is.
pub async fn settle(target: &dyn Target, state: &StateFolder, unfinished: &Unfinished) -> Result<Settled, SweepError> {
    let left = sweep::find(target, state).await?;
    let left: Vec<_> = left.into_iter().filter(|left| left.build.as_ref() == Some(&unfinished.build)).collect();
    let (asked, removed) = (left.len(), sweep::remove(target, state, left).await?.len());
    let lock = match state.try_lock(&unfinished.recipe)? {
        LockAttempt::Taken(lock) if removed == asked => lock,
        LockAttempt::Taken(_) => return Ok(Settled::Busy("another process".into())),
        LockAttempt::Held(holder) => return Ok(Settled::Busy(holder)),
    };
    let images = target.images().await?;
    let image = images.iter().find(|image| image.name == unfinished.build.as_str());
    let settled = match image.filter(|image| ImageState::of(&image.tags) == ImageState::Verified) {
        Some(image) if sweep::was_named(target, &unfinished.recipe, &image.id).await? => {
            let published = [(tags::STATE.into(), ImageState::Published.as_str().into())].into();
            target.tag_image(&image.id, &published).await?;
            Settled::Kept
        }
        _ => Settled::Removed,
    };
    drop(lock);
    Ok(settled)
}
