//! What is told of a version whose image was removed because nothing used it any more.

use super::error::ReleaseError;
use super::scene::{Candidate, Scene};
use crate::identity::{Arch, RecipeName, Version};
use crate::report::visible;
use crate::target::{Retirement, Rung, Slot, Target, TargetError};

/// When and by whom a version was retired, on whichever architecture; none where it was not, or the target keeps no
/// record of that.
pub async fn told(target: &dyn Target, recipe: &RecipeName, version: Version) -> Result<Option<String>, TargetError> {
    let Some(shelf) = target.shelf() else { return Ok(None) };
    let found = shelf.retirements(recipe).await?;
    Ok(found
        .iter()
        .find(|found| found.name.slot == Slot::Version(version) && found.restored_at.is_none())
        .map(|found| sentence(found, version)))
}

/// The image of a version that is asked for, where it is fit for use. Where it was retired, the error says so.
pub async fn usable(
    target: &dyn Target,
    scene: &Scene,
    arch: Arch,
    version: Version,
) -> Result<Candidate, ReleaseError> {
    match scene.usable(arch, version) {
        Err(ReleaseError::Gone { recipe, version, image, what, help }) => {
            // That it is gone is sure, whatever becomes of this question.
            let told = told(target, &recipe, version).await.ok().flatten();
            let help = told.map_or(help.clone(), |told| format!("{told}\n  {help}"));
            Err(ReleaseError::Gone { recipe, version, image, what, help })
        }
        read => read,
    }
}

fn sentence(retirement: &Retirement, version: Version) -> String {
    let Retirement { name, image, by, at, removed_at, .. } = retirement;
    let (recipe, by) = (&name.recipe, visible::line(by));
    match removed_at {
        Some(removed) => format!(
            "{recipe} {version} was retired by {by} at {removed}: its image {image} is removed, and the version stays taken"
        ),
        None if retirement.rung < Rung::Remove => format!(
            "{recipe} {version} is being retired by {by} since {at}; amifactory retire --restore {recipe}@{version} brings \
             it back"
        ),
        None => format!(
            "{recipe} {version} is being retired by {by} since {at}; amifactory retire {recipe} --apply finishes that"
        ),
    }
}
