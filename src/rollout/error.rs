//! Why a roll-out could not be begun.

use super::still::Still;
use crate::identity::{Channel, ImageId, RecipeName, Region, TargetKind, Version};
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
        "there is no Auto Scaling group {} in {}; nothing was changed\n  \
         aws autoscaling describe-auto-scaling-groups{} lists those there are; groups in a region that the channel reaches are \
         rolled with --region REGION, those of other accounts can't be rolled from here",
        line(&names.join(", ")), here(region.as_ref()), option(region.as_ref())
    )]
    NoGroup {
        /// Which.
        names: Vec<String>,
        /// Where it was looked, where that is known.
        region: Option<Region>,
    },
    /// A group that is named twice.
    #[error("the group {} is named twice", line(.0))]
    Twice(String),
    /// What the channel names is revoked, and is in groups or on its way there.
    #[error("{refusal}{}", still.iter().map(Still::told).collect::<String>())]
    StillOut {
        /// That it is revoked.
        refusal: ReleaseError,
        /// Where it is.
        still: Vec<Still>,
    },
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
    /// The channel has no image in that region.
    #[error("{channel} does not reach {region}, so no image of it is there\n  {}", to(channel, reached))]
    NotReached {
        /// The channel.
        channel: Channel,
        /// The region.
        region: Region,
        /// Where it reaches beside home.
        reached: Vec<Region>,
    },
    /// Another region is not where home is.
    #[error(
        "{channel} of {recipe} names {there} in {}, and {home} at home: nothing goes out there until both name the same\n  \
         amifactory verify {recipe} names what is wrong and the command that mends it", place(region.as_ref())
    )]
    Behind {
        /// The recipe.
        recipe: RecipeName,
        /// The channel.
        channel: Channel,
        /// The region.
        region: Option<Region>,
        /// What it names there.
        there: Version,
        /// What it names at home.
        home: Version,
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

fn to(channel: &Channel, regions: &[Region]) -> String {
    let all: Vec<&str> = regions.iter().map(Region::as_str).collect();
    match all.as_slice() {
        [] => format!("give it some in amifactory.yaml: {{name: {channel}, regions: […]}}"),
        all => format!("it reaches {}; more in amifactory.yaml", all.join(", ")),
    }
}

fn here(region: Option<&Region>) -> String {
    region.map_or("this region and account".to_owned(), |region| format!("{region} of this account"))
}

fn option(region: Option<&Region>) -> String {
    region.map(|region| format!(" --region {region}")).unwrap_or_default()
}

fn place(region: Option<&Region>) -> &str {
    region.map_or("that region", Region::as_str)
}

pub(super) fn opening(opens: Option<OffsetDateTime>) -> String {
    opens.map_or_else(|| "never".to_owned(), rfc3339)
}
