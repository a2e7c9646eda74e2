//! Why a group can't be rolled, and what to do about it.

use crate::identity::Arch;
use crate::report::visible::line;
use crate::target::RefreshState;

/// Why a group can't be rolled. What groups and templates are named by is what others wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No launch template.
    #[error(
        "it launches from the launch configuration {}, which can't be changed\n  \
         give it a launch template, by its number: aws autoscaling update-auto-scaling-group --launch-template …", line(.0)
    )]
    Configuration(String),
    /// Nothing that is understood.
    #[error("it names nothing that it would launch from\n  give it a launch template, by its number")]
    Nothing,
    /// Its version is no number.
    #[error(
        "it launches from version {version} of {}, which is no number: AWS could not roll that back\n  \
         name the number that this is now: aws autoscaling update-auto-scaling-group --launch-template …",
        line(template)
    )]
    NotNumbered {
        /// The template.
        template: String,
        /// `$Latest`, `$Default`.
        version: String,
    },
    /// The version is not there.
    #[error("version {version} of {}, from which it launches, does not exist\n  name one that does", line(template))]
    NoVersion {
        /// The template.
        template: String,
        /// The number.
        version: i64,
    },
    /// The version has no image.
    #[error("version {version} of {} names no image\n  make a version that does, and name that", line(template))]
    NoImage {
        /// The template.
        template: String,
        /// The number.
        version: i64,
    },
    /// The image is looked up at each launch.
    #[error(
        "its template has the image looked up at each launch ({}): AWS could not roll that back\n  \
         make a version of the template that names the image's id, and have the group name that", line(.0)
    )]
    Resolved(String),
    /// Overrides bring their own image.
    #[error(
        "overrides of its mixed instances don't launch from the group's own template: {}\n  \
         take the images and templates out of the overrides", line(&.0.join(", "))
    )]
    Overrides(Vec<String>),
    /// Someone else's refresh.
    #[error(
        "a refresh that goes elsewhere is {} in it ({percent} %, {})\n  wait for its end, or cancel it: aws autoscaling \
         cancel-instance-refresh", state.as_str(), line(to)
    )]
    Busy {
        /// How far.
        state: RefreshState,
        /// How many of a hundred.
        percent: u8,
        /// What it goes to.
        to: String,
    },
    /// A refresh would stand still.
    #[error(
        "its processes {} are suspended, so that a refresh would stand still\n  aws autoscaling resume-processes", line(&.0.join(", "))
    )]
    Suspended(Vec<String>),
    /// A refresh would wait for an instance.
    #[error(
        "its instance {} {why}: a refresh would wait for it, and fail\n  take that away, and run this again",
        line(id)
    )]
    Held {
        /// The instance.
        id: String,
        /// Why.
        why: &'static str,
    },
    /// Another architecture.
    #[error("its image is of {its}, and this one of {ours}\n  roll the image of its architecture: --arch {its}")]
    Architecture {
        /// What it runs.
        its: Arch,
        /// What would be rolled.
        ours: Arch,
    },
    /// The last try failed.
    #[error(
        "the last roll-out of this image to it is over and had no success: {}{}\n  \
         find out why; --retry tries it again", state.as_str(), said(reason)
    )]
    FailedBefore {
        /// How it ended.
        state: RefreshState,
        /// Why.
        reason: String,
    },
    /// There is nothing to go back to.
    #[error(
        "what it launches from was not made by a roll-out\n  amifactory rollback moves the channel, rollout follows it"
    )]
    NothingBefore,
    /// The image that it would go back to is gone.
    #[error("version {version} names {}, which is gone or can't be used\n  roll another image out", line(image))]
    ImageGone {
        /// The version.
        version: i64,
        /// Its image.
        image: String,
    },
}

/// The service's words, where there are some.
pub(super) fn said(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({})", line(reason)) }
}
