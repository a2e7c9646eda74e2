//! What outlives an image that must not be used any more: why that is so, beside the pointers of its version.

use super::{Image, PointerName, TargetError};
use crate::identity::ImageId;
use crate::pipeline::tags;
use crate::report::visible::line;
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

    /// Fails where it is of another image than its version is now: one of the two was written by hand, and nobody can tell
    /// here which.
    pub fn is_of(&self, image: &ImageId, version: &PointerName, what: String, delete: &str) -> Result<(), TargetError> {
        if self.image == *image {
            return Ok(());
        }
        Err(TargetError::Damaged {
            what,
            why: format!("it is of {} ({}), and {version} is {image}", self.image, line(&self.reason)),
            help: format!(
                "someone wrote one of the two by hand: find out who did; where it was the mark, delete it ({delete}), and \
                 revoke the version again"
            ),
        })
    }

    /// When and by whom, as the tag says it.
    pub fn signed(&self) -> String {
        format!("{} {}", self.at, self.by).chars().take(256).collect()
    }
}

/// Lets images say themselves what is written down of them. The tags of one don't say it where whoever revoked it died before
/// they were written, where someone took them off, and where it was restored. A mark counts for the image that it names: so
/// one that someone forged opens nothing. Answers with those that did not say it.
pub fn remind(images: &mut [Image], revocations: &Revocations) -> Vec<ImageId> {
    let marks: BTreeMap<&ImageId, &Revocation> =
        revocations.values().flatten().map(|mark| (&mark.image, mark)).collect();
    let mut reminded = Vec::new();
    for image in images.iter_mut().filter(|image| tags::revoked(&image.tags).is_none()) {
        let Some(mark) = marks.get(&image.id) else { continue };
        image.tags.insert(tags::REVOKED.to_owned(), mark.reason.clone());
        image.tags.insert(tags::REVOKED_BY.to_owned(), mark.signed());
        reminded.push(image.id.clone());
    }
    reminded
}
