//! Why a roll-out could not be begun.

use crate::identity::{Channel, ImageId, RecipeName, TargetKind, Version};
use crate::pipeline::clock::rfc3339;
use crate::release::ReleaseError;
use crate::report::visible::line;
use crate::target::TargetError;
use time::OffsetDateTime;

/// Why a roll-out could not be begun.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    /// What the channel names can't be used.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The target failed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// There are no groups there.
    #[error("the target {0} has no Auto Scaling groups\n  --target aws rolls images out")]
    NoGroups(TargetKind),
    /// No group is named.
    #[error(
        "which groups? None is named\n  --group NAME, or `rollout: {{waves: {{{0}: [[NAME]]}}}}` in amifactory.yaml"
    )]
    NoneNamed(RecipeName),
    /// A group that does not exist.
    #[error(
        "there is no Auto Scaling group {} in this region and account; nothing was changed\n  \
         aws autoscaling describe-auto-scaling-groups lists those there are", line(&.0.join(", "))
    )]
    NoGroup(Vec<String>),
    /// A group that is named twice.
    #[error("the group {} is named twice", line(.0))]
    Twice(String),
    /// The image was never started and tested.
    #[error("{recipe} {version} was not started and tested: {image}\n  build another version, and promote that")]
    NotTested {
        /// The recipe.
        recipe: RecipeName,
        /// Its version.
        version: Version,
        /// Its image.
        image: ImageId,
    },
    /// The channel was pointed at the image past its gates.
    #[error(
        "{why}: what {channel} of {recipe} names is not rolled out\n  amifactory history {recipe} shows who; \
         amifactory rollback {recipe} --channel {channel} brings it back to one of its own"
    )]
    Doubt {
        /// The recipe.
        recipe: RecipeName,
        /// The channel.
        channel: Channel,
        /// Why.
        why: String,
    },
    /// The window is closed.
    #[error(
        "outside of the maintenance window ({window}) nothing is begun\n  it opens {}; --now REASON does it now: the reason \
         stands in the version that is made, and in the log", opening(*opens)
    )]
    Closed {
        /// The window.
        window: String,
        /// When it opens.
        opens: Option<OffsetDateTime>,
    },
}

pub(super) fn opening(opens: Option<OffsetDateTime>) -> String {
    opens.map_or_else(|| "never".to_owned(), rfc3339)
}
