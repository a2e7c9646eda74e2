//! Removes what nothing keeps. Just before each removal it is looked again, and written down what is about to happen.

use super::decide::{Reason, Verdict, decide};
use super::survey::{Item, Wanted, survey};
use crate::identity::RecipeName;
use crate::pipeline::clock;
use crate::pipeline::folder::{LockAttempt, RecipeLock, StateFolder};
use crate::pipeline::journal::{Journal, What};
use crate::recipe::Factory;
use crate::target::{Retirement, Shelf, Target, TargetError, WayOut};
use std::collections::BTreeMap;
use std::io;

/// What became of an image that was to go.
#[derive(Debug)]
pub enum Ended {
    /// It is gone.
    Removed,
    /// It stays: someone has begun to use it.
    Kept(Vec<Reason>),
    /// It could not be removed. The same command again goes on from there.
    Failed(TargetError),
}

/// Why nothing more could be done at all.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    /// The target did not answer.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The state folder can't be used.
    #[error("the state folder: {0}")]
    State(#[from] io::Error),
}

/// The locks of recipes, and who has those that could not be had.
pub type Locks = (Vec<RecipeLock>, BTreeMap<RecipeName, String>);

/// Becomes the one who works on these recipes, as far as nobody else does.
pub fn lock(state: &StateFolder, recipes: &[RecipeName]) -> io::Result<Locks> {
    let (mut taken, mut busy) = (Vec::new(), BTreeMap::new());
    for recipe in recipes {
        match state.try_lock(recipe)? {
            LockAttempt::Taken(lock) => taken.push(lock),
            LockAttempt::Held(holder) => drop(busy.insert(recipe.clone(), holder)),
        }
    }
    Ok((taken, busy))
}

/// Removes these images, as far as nothing keeps them at that moment.
pub async fn carry_out(
    target: &dyn Target,
    (shelf, way_out): (&dyn Shelf, &dyn WayOut),
    (state, factory): (&StateFolder, &Factory),
    items: &[Item],
    busy: &BTreeMap<RecipeName, String>,
) -> Result<Vec<Ended>, RetireError> {
    let by = target.who().await?;
    let mut ended = Vec::new();
    for item in items {
        let recipe = item.name.recipe.clone();
        let wanted = Wanted { factory, recipes: std::slice::from_ref(&recipe), only: Some(&item.image), busy };
        let Some(now) = survey(target, shelf, &wanted).await?.pop() else {
            // Another run was quicker.
            ended.push(Ended::Removed);
            continue;
        };
        if let Verdict::Keep(reasons) = decide(&now.facts, now.retention.as_ref(), target.now()) {
            ended.push(Ended::Kept(reasons));
            continue;
        }
        let mut journal = Journal::open(&state.make_retirement(&item.image)?)?;
        let intent = |call: &str| What::Intent {
            step: "retire".into(),
            call: call.into(),
            resource: format!("{} ({} {})", item.image, recipe, item.version),
        };
        let retirement = Retirement {
            name: item.name.clone(),
            image: item.image.clone(),
            by: by.clone(),
            at: clock::rfc3339(target.now()),
            removed_at: None,
        };
        journal.write(intent("begin"))?;
        let removed = match way_out.begin(&retirement).await {
            Ok(begun) => {
                journal.write(intent("remove"))?;
                way_out.remove(&begun).await
            }
            Err(error) => Err(error),
        };
        ended.push(match removed {
            Ok(()) => {
                journal.write(What::Ended { outcome: "removed".into() })?;
                Ended::Removed
            }
            // A channel was moved to it after the last look.
            Err(TargetError::Conflict { what, .. }) => {
                Ended::Kept(vec![Reason { kind: "channel", by: Some(what), why: "it names it now".into() }])
            }
            Err(error) => Ended::Failed(error),
        });
    }
    Ok(ended)
}
