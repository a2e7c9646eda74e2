//! Why a build did not end with an image.

use super::event::Failure;
use crate::target::TargetError;
use std::path::PathBuf;

/// Why a build did not end with an image.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The target could not do what it was asked.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A step on the builder failed.
    #[error("{} ({})", .0.what, .0.resource)]
    Step(Box<Failure>),
    /// The image does not reach what its recipe asks for. No pointer was written.
    #[error("refused by the gate: {}", unmet.join("; "))]
    Refused {
        /// What was not met.
        unmet: Vec<String>,
        /// The image that the plan already has, where the gate was raised after it was built.
        image: Option<crate::identity::ImageId>,
        /// The record of what was found.
        record: Box<crate::target::ImageRecord>,
    },
    /// The image that it was built on was revoked while it was built. No pointer was written.
    #[error(
        "it was built on {image}, which was revoked meanwhile: {}\n  nothing was published; make another image of that \
         recipe (amifactory build RECIPE --force), then build this one on it",
        crate::report::visible::line(reason)
    )]
    BaseRevoked {
        /// The image that it was built on.
        image: crate::identity::ImageId,
        /// Why.
        reason: String,
    },
    /// The version is taken by another image.
    #[error(
        "version {version} of {recipe} already names {image}, and versions are never overwritten\n  raise `version:` in the recipe, or leave out --version to count up; a build that was cut off holds its \
         version until `amifactory resume` or `amifactory sweep --yes` has settled it"
    )]
    VersionTaken {
        /// The recipe.
        recipe: String,
        /// The version.
        version: String,
        /// What it names.
        image: String,
    },
    /// A version was asked for, but this very plan has another already.
    #[error(
        "{recipe} has version {has} of this very plan already, {what}: it can't be given {asked}\n  leave out --version, or build another image of it with --force"
    )]
    OtherVersion {
        /// The recipe.
        recipe: String,
        /// The version that was asked for.
        asked: String,
        /// The version that it has.
        has: String,
        /// Whether it is an image or a build that was begun.
        what: String,
    },
    /// Waiting for something took too long.
    #[error(
        "{what} took more than {seconds} s\n  `amifactory resume` goes on waiting; `amifactory sweep` removes what was started"
    )]
    TimedOut {
        /// What was waited for.
        what: String,
        /// For how long, in seconds.
        seconds: u64,
    },
    /// A builder was started, and nothing was ever heard of it.
    #[error(
        "{what} did not come online in {seconds} s: nothing was heard of its Systems Manager agent\n  its instance profile needs AmazonSSMManagedInstanceCore, and its subnet a way to Systems Manager (NAT, or endpoints for ssm, ssmmessages and ec2messages): amifactory doctor checks both"
    )]
    NeverOnline {
        /// The builder, and what it was started from.
        what: String,
        /// For how long it was waited for, in seconds.
        seconds: u64,
    },
    /// Images that were made of the builder failed.
    #[error("image {image} failed: {why}\n  it was made again as often as makes sense; amifactory build starts anew")]
    ImageFailed {
        /// Which.
        image: String,
        /// What the target says of it.
        why: String,
    },
    /// The builder was lost in the middle of its work: it has to be made anew.
    #[error("the builder {builder} was lost while it ran the {bundle} bundle")]
    Interrupted {
        /// Which builder.
        builder: String,
        /// What it was running.
        bundle: &'static str,
    },
    /// Another machine was first to make an image of this plan.
    #[error("build {by} has made an image of the same plan a little earlier")]
    Overtaken {
        /// The other build.
        by: String,
    },
    /// The state folder can't be used.
    #[error("{path}: {source}\n  the state folder must be writable; choose another with --state DIR", path = path.display())]
    State {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl BuildError {
    /// Makes the state folder's errors.
    pub(crate) fn state(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> BuildError {
        let path = path.into();
        move |source| BuildError::State { path, source }
    }
}
