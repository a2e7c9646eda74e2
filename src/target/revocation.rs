//! What outlives an image that must not be used any more: why that is so, beside the pointers of its version.

use super::{PointerName, TargetError};
use crate::identity::ImageId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// That a version must not be used. The image says so in its own tags too, as long as it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Its image.
    pub image: ImageId,
    /// Why.
    pub reason: String,
    /// Who revoked it.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
}

/// Those of a recipe, by the pointers of their versions; what someone has damaged beside those that can be read.
pub type Revocations = BTreeMap<PointerName, Result<Revocation, TargetError>>;

impl Revocation {
    /// What is wrong with one that can be parsed, and that none of ours ever is.
    pub fn flaw(&self) -> Option<&'static str> {
        if self.reason.trim().is_empty() {
            return Some("it gives no reason");
        }
        super::moment(&self.at).is_none().then_some("its date is none")
    }
}
