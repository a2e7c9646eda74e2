//! Retirement, as a target offers it: what uses its images, and the way by which they go.

use super::{Image, PointerName, TargetError};
use crate::identity::{BuildId, ImageId, RecipeName};
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
    /// The last step that was begun.
    #[serde(default)]
    pub rung: Rung,
    /// Its build: snapshots carry that as a tag, also when the image is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildId>,
    /// When it was deprecated, RFC 3339; none where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated_at: Option<String>,
    /// The date of a deprecation that someone else had given it before, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated_before: Option<String>,
    /// When it was disabled, RFC 3339; none where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<String>,
    /// Who could launch it before it was disabled, which takes that from everybody: accounts, ARNs of organizations and
    /// their units, `all`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<String>,
    /// When someone began to bring it back, RFC 3339: whoever is about to remove it sees that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restoring_at: Option<String>,
    /// When it was brought back, RFC 3339; none while it is on its way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_at: Option<String>,
    /// When nothing was left of the image, RFC 3339; none until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<String>,
}

impl Retirement {
    /// One that begins now (RFC 3339) with its first step; nothing has been done yet.
    pub fn begin(name: PointerName, image: ImageId, by: &str, at: String, rung: Rung) -> Retirement {
        Retirement {
            name,
            image,
            by: by.to_owned(),
            at,
            rung,
            build: None,
            deprecated_at: None,
            deprecated_before: None,
            disabled_at: None,
            permissions: Vec::new(),
            restoring_at: None,
            restored_at: None,
            removed_at: None,
        }
    }

    /// Whether it has neither come to its end nor been taken back.
    pub fn is_open(&self) -> bool {
        self.removed_at.is_none() && self.restored_at.is_none()
    }

    /// With these permissions beside those that are written down. They stay there until they are given back: what is read
    /// after it was disabled is nobody.
    pub fn with_permissions(mut self, permissions: Vec<String>) -> Retirement {
        self.permissions.extend(permissions);
        self.permissions.sort();
        self.permissions.dedup();
        self
    }
}

/// The steps by which an image goes, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// Whoever looks for images no longer finds it; whoever knows it can still launch it.
    Deprecate,
    /// Nobody can launch it.
    Disable,
    /// It is gone, and all its parts.
    #[default]
    Remove,
}

/// Something outside of this factory's own pointers that uses an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Use {
    /// What kind of thing it is: `builder`.
    pub kind: &'static str,
    /// Its name or ARN.
    pub id: String,
}

impl Use {
    /// An instance refresh that is under way; it is called by its group's ARN.
    pub const REFRESH: &str = "instance refresh";
    /// Of someone who may launch the image: what they do with it can't be seen.
    pub const LAUNCH_PERMISSION: &str = "launch permission";
    /// Kind: an image that was made from an instance of it.
    pub const CHILD: &str = "child image";
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
    /// By image: what keeps it from being removed, and is no use of it.
    pub held: BTreeMap<ImageId, Vec<Use>>,
    /// What could not be read: as long as there is any, no image is free.
    pub unread: Vec<Unread>,
}

/// A target's images on their way out.
#[async_trait]
pub trait Shelf: Send + Sync {
    /// What uses these images at this moment.
    async fn uses(&self, images: &[Image]) -> Result<Uses, TargetError>;
    /// The same in an account that the images are shared with, and that does not own them.
    async fn uses_of_shared(&self, images: &[Image]) -> Result<Uses, TargetError> {
        self.uses(images).await
    }
    /// How many bytes each image gives back when it goes; those of which that can't be said are left out.
    async fn sizes(&self, images: &[Image]) -> Result<BTreeMap<ImageId, u64>, TargetError>;
    /// All retirements of a recipe, those that have ended too; each as far as its image bears it out.
    async fn retirements(&self, recipe: &RecipeName) -> Result<Vec<Retirement>, TargetError>;
    /// The steps by which images go here, in their order.
    fn rungs(&self) -> &'static [Rung] {
        &[Rung::Remove]
    }
    /// The way out; none where it only tells what keeps images.
    fn way_out(&self) -> Option<&dyn WayOut> {
        None
    }
}

/// Is told of each call that changes something just before it is made.
pub type Intent<'a> = &'a mut (dyn FnMut(&str) -> Result<(), TargetError> + Send);

/// The way out for images that nothing keeps. Each of these can be done again: what is done already is success.
#[async_trait]
pub trait WayOut: Send + Sync {
    /// Adds to a retirement what the step that it says is about to take from the image.
    async fn prepare(&self, retirement: Retirement) -> Result<Retirement, TargetError> {
        Ok(retirement)
    }
    /// Writes a retirement down, over what was there.
    async fn write_down(&self, retirement: &Retirement) -> Result<(), TargetError>;
    /// Takes the step that the retirement says, and answers once that shows. The last one removes the image and all its
    /// parts, and writes that down; it is refused where something names the image at this moment.
    async fn take(&self, retirement: &Retirement, intent: Intent<'_>) -> Result<(), TargetError>;
    /// Brings an image back to what it was before it was retired, and answers once that shows.
    async fn give_back(&self, retirement: &Retirement, intent: Intent<'_>) -> Result<(), TargetError>;
}
