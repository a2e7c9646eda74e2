//! Restore: an image comes back from its way out, as long as it is there.

use super::carry_out::{Pen, RetireError, give_back};
use crate::identity::{ImageId, RecipeName, Version};
use crate::pipeline::clock;
use crate::pipeline::folder::StateFolder;
use crate::target::{Retirement, Rung, Shelf, Slot, Target, TargetError, WayOut};
use serde::Serialize;

/// Which image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// By its id.
    Image(ImageId),
    /// By its recipe and version, in every architecture.
    Version(RecipeName, Version),
}

/// Why an image can't be brought back.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Nothing is written down of it.
    #[error(
        "{0} is not on its way out: there is nothing to bring it back from\n  amifactory retire says of each image where it is"
    )]
    NotRetired(String),
    /// It is back already.
    #[error("{image} was brought back at {at}\n  amifactory retire says what becomes of it")]
    Back {
        /// Which.
        image: ImageId,
        /// When, RFC 3339.
        at: String,
    },
    /// It is gone, or about to.
    #[error(
        "{image} is gone: it was removed at {at}, and nothing here brings it back\n  \
         {}build it again: amifactory build {recipe} --force",
        recycle_bin(image)
    )]
    Gone {
        /// Of which recipe.
        recipe: RecipeName,
        /// Which.
        image: ImageId,
        /// Since when, RFC 3339.
        at: String,
    },
    /// Something failed on the way.
    #[error(transparent)]
    Failed(#[from] RetireError),
}

/// A Recycle Bin is EC2's, and holds AMIs.
fn recycle_bin(image: &ImageId) -> &'static str {
    match image.as_str().starts_with("ami-") {
        true => "where a Recycle Bin rule holds it, restore it there; else ",
        false => "",
    }
}

impl From<TargetError> for RestoreError {
    fn from(error: TargetError) -> Self {
        RestoreError::Failed(error.into())
    }
}

/// An image that is back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Which.
    pub image: ImageId,
    /// Of which recipe.
    pub recipe: RecipeName,
    /// Which version.
    pub version: Version,
    /// Whether nobody could launch it before.
    pub was_disabled: bool,
    /// Who can launch it again, beside its own account.
    pub permissions: Vec<String>,
}

/// Finds what is on its way out: at least one, or the reason why there is none.
pub async fn find(shelf: &dyn Shelf, recipes: &[RecipeName], wanted: &Wanted) -> Result<Vec<Retirement>, RestoreError> {
    let mut found = Vec::new();
    for recipe in recipes {
        let is_it = |retirement: &Retirement| match wanted {
            Wanted::Image(image) => retirement.image == *image,
            Wanted::Version(name, version) => recipe == name && retirement.name.slot == Slot::Version(*version),
        };
        found.extend(shelf.retirements(recipe).await?.into_iter().filter(is_it));
    }
    if found.iter().any(Retirement::is_open) {
        found.retain(Retirement::is_open);
        return Ok(found);
    }
    Err(match found.pop() {
        None => RestoreError::NotRetired(match wanted {
            Wanted::Image(image) => image.to_string(),
            Wanted::Version(recipe, version) => format!("{recipe}@{version}"),
        }),
        Some(Retirement { name, image, removed_at: Some(at), .. }) => {
            RestoreError::Gone { recipe: name.recipe, image, at }
        }
        Some(Retirement { image, restored_at, .. }) => {
            RestoreError::Back { image, at: restored_at.unwrap_or_default() }
        }
    })
}

/// Brings one back.
pub async fn restore(
    (target, way_out): (&dyn Target, &dyn WayOut),
    state: &StateFolder,
    retirement: &Retirement,
) -> Result<Restored, RestoreError> {
    let image = retirement.image.clone();
    let mut pen = Pen::open(state, retirement)?;
    match give_back((target, way_out), &mut pen, retirement).await {
        Ok(()) => {}
        Err(RetireError::Target(TargetError::NotFound { .. })) => {
            let at = clock::rfc3339(target.now());
            let recipe = retirement.name.recipe.clone();
            return Err(RestoreError::Gone { recipe, image, at: format!("{at} or before") });
        }
        Err(error) => return Err(error.into()),
    }
    let Slot::Version(version) = retirement.name.slot else {
        return Err(RestoreError::NotRetired(retirement.name.to_string()));
    };
    Ok(Restored {
        image,
        recipe: retirement.name.recipe.clone(),
        version,
        was_disabled: retirement.rung >= Rung::Disable,
        permissions: retirement.permissions.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recycle_bin_is_told_of_where_there_may_be_one() {
        let gone = |image: &str| {
            let (recipe, image, at) = ("web".parse().unwrap(), image.parse().unwrap(), "2026-11-20T00:00:00Z".into());
            RestoreError::Gone { recipe, image, at }.to_string()
        };
        insta::assert_snapshot!([gone("ami-0123456789abcdef0"), gone("img-0123456789ab")].join("\n"));
    }
}
