//! Retirement, as a target offers it: what uses its images, and the way by which they go.

use super::{Image, PointerName, TargetError};
use crate::identity::{ImageId, RecipeName};
use crate::recipe::OtherService;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What keeps an image's version taken, and tells what became of it. It is written before anything happens to the image,
/// and outlives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retirement {
    /// The version's pointer.
    pub name: PointerName,
    /// Its image.
    pub image: ImageId,
    /// Who retired it.
    pub by: String,
    /// When it began, RFC 3339.
    pub at: String,
    /// When nothing was left of the image, RFC 3339; none until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<String>,
}

/// Something outside of this factory's own pointers that uses an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Use {
    /// What kind of thing it is: `builder`.
    pub kind: &'static str,
    /// Its name or ARN.
    pub id: String,
}

/// Something that could not be read, so that it may use any image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unread {
    /// What.
    pub what: String,
    /// Why, and what to do.
    pub why: String,
    /// The service, where a factory can say that nobody uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<OtherService>,
}

/// What uses images, as far as that could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    /// By image; those that nothing uses are left out.
    pub uses: BTreeMap<ImageId, Vec<Use>>,
    /// What could not be read: as long as there is any, no image is free.
    pub unread: Vec<Unread>,
}

/// A target's images on their way out.
#[async_trait]
pub trait Shelf: Send + Sync {
    /// What uses these images at this moment.
    async fn uses(&self, images: &[Image]) -> Result<Uses, TargetError>;
    /// How many bytes each image gives back when it goes; those of which that can't be said are left out.
    async fn sizes(&self, images: &[Image]) -> Result<BTreeMap<ImageId, u64>, TargetError>;
    /// All retirements of a recipe, those that have ended too.
    async fn retirements(&self, recipe: &RecipeName) -> Result<Vec<Retirement>, TargetError>;
    /// The way out; none where it only tells what keeps images.
    fn way_out(&self) -> Option<&dyn WayOut> {
        None
    }
}

/// The way out for images that nothing keeps.
#[async_trait]
pub trait WayOut: Send + Sync {
    /// Writes down that an image is retired. One that is written down already stays, and is the answer.
    async fn begin(&self, retirement: &Retirement) -> Result<Retirement, TargetError>;
    /// Removes an image whose retirement is written down, and all its parts, and writes that down too. Refused where
    /// something names it at this moment. Removing what is gone is success.
    async fn remove(&self, retirement: &Retirement) -> Result<(), TargetError>;
}
