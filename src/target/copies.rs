//! Copies of images in other regions, and who may use them.

use super::Tags;
use crate::identity::{AccountId, ImageId, OrganizationArn, OrganizationalUnitArn, Region};

/// What a copy is made of.
#[derive(Debug, Clone)]
pub struct CopyRequest {
    /// The image that is copied.
    pub source: ImageId,
    /// Where that is.
    pub from: Region,
    /// The copy's name: the same name never gives two images in one region.
    pub name: String,
    /// The copy's tags, on the image and all its parts, from the first moment.
    pub tags: Tags,
    /// The key that it is encrypted with; none: the account's default key for EBS.
    pub kms_key: Option<String>,
    /// Counts from 1: the first answers with what an earlier run has begun, those after it begin anew.
    pub attempt: u32,
}

/// Who else may use an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audience {
    /// These accounts, which may read its snapshots too.
    pub accounts: Vec<AccountId>,
    /// All accounts of these organizations.
    pub organizations: Vec<OrganizationArn>,
    /// All accounts of these units.
    pub organizational_units: Vec<OrganizationalUnitArn>,
}

impl Audience {
    /// Whether nobody else may.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.organizations.is_empty() && self.organizational_units.is_empty()
    }
}

/// One of the snapshots that an image is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its id.
    pub snapshot: String,
    /// Whether it can be read.
    pub complete: bool,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The key that it is encrypted with.
    pub kms_key: Option<String>,
}
