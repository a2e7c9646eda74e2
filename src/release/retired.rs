//! What is told of a version whose image was removed because nothing used it any more.

use crate::identity::{RecipeName, Version};
use crate::report::visible;
use crate::target::{Retirement, Slot, Target, TargetError};

/// When and by whom a version was retired, on whichever architecture; none where it was not, or the target keeps no
/// record of that.
pub async fn told(target: &dyn Target, recipe: &RecipeName, version: Version) -> Result<Option<String>, TargetError> {
    let Some(shelf) = target.shelf() else { return Ok(None) };
    let found = shelf.retirements(recipe).await?;
    Ok(found.iter().find(|found| found.name.slot == Slot::Version(version)).map(|found| sentence(found, version)))
}

fn sentence(retirement: &Retirement, version: Version) -> String {
    let Retirement { name, image, by, at, removed_at, .. } = retirement;
    let (recipe, by) = (&name.recipe, visible::line(by));
    match removed_at {
        Some(removed) => format!(
            "{recipe} {version} was retired by {by} at {removed}: its image {image} is removed, and the version stays taken"
        ),
        None => format!(
            "{recipe} {version} is being retired by {by} since {at}; amifactory retire {recipe} --apply finishes that"
        ),
    }
}
