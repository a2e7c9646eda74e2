//! Why a group can't be rolled, and what to do about it.

use crate::hardening::shell;
use crate::identity::Arch;
use crate::report::visible::line;
use crate::target::RefreshState;

/// Why a group can't be rolled. What groups and templates are named by is what others wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No launch template.
    #[error(
        "it launches from the launch configuration {}, which can't be changed\n  \
         give it a launch template, by its number: aws autoscaling update-auto-scaling-group {} --launch-template …",
        line(name),
        line(at)
    )]
    Configuration {
        /// The configuration.
        name: String,
        /// Which group, for a command of AWS's own.
        at: String,
    },
    /// Nothing that is understood.
    #[error("it names nothing that it would launch from\n  give it a launch template, by its number")]
    Nothing,
    /// Its version is no number.
    #[error(
        "it launches from version {version} of {}, which is no number: AWS could not roll that back\n  {}",
        line(template), by_number(template, *number, at, *is_mixed)
    )]
    NotNumbered {
        /// The template.
        template: String,
        /// `$Latest`, `$Default`.
        version: String,
        /// The number that this is now.
        number: Option<i64>,
        /// Which group, for a command of AWS's own.
        at: String,
        /// Whether it stands in a policy of mixed instances.
        is_mixed: bool,
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
         cancel-instance-refresh {}", state.as_str(), line(to), line(at)
    )]
    Busy {
        /// How far.
        state: RefreshState,
        /// How many of a hundred.
        percent: u8,
        /// What it goes to.
        to: String,
        /// Which group, for a command of AWS's own.
        at: String,
    },
    /// A refresh would stand still.
    #[error(
        "its processes {} are suspended: a refresh would stand still, or bring instances that nobody reaches\n  \
         aws autoscaling resume-processes {} --scaling-processes {}",
        line(&processes.join(", ")), line(at), line(&processes.join(" "))
    )]
    Suspended {
        /// Which.
        processes: Vec<String>,
        /// Which group, for a command of AWS's own.
        at: String,
    },
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
    /// An alarm that is to watch over it rings already.
    #[error(
        "CloudWatch alarms that watch over it ring already: {}; a refresh would go back at once\n  \
         find out why they ring, and roll it out when they are quiet", line(&.0.join(", "))
    )]
    Ringing(Vec<String>),
    /// An alarm that is to watch over it is not there.
    #[error(
        "CloudWatch alarms that are to watch over it are not in this region and account: {}\n  \
         declare them, or take them out of `rollout: {{alarms: …}}` in amifactory.yaml", line(&.0.join(", "))
    )]
    NoAlarm(Vec<String>),
    /// There is nothing to go back to.
    #[error(
        "what it launches from was not made by a roll-out\n  amifactory rollback moves the channel, rollout follows it"
    )]
    NothingBefore,
    /// Whether it is back already can't be told.
    #[error(
        "whether it is back already can't be told: version {version} was made over version {current}, from which it \
         launches, and AWS keeps refreshes for six weeks\n  \
         delete version {version} where no roll-out used it, and it goes back to version {before}"
    )]
    Forgotten {
        /// The version that was made over the one that it launches from.
        version: i64,
        /// The one that it launches from.
        current: i64,
        /// The one that this was made over.
        before: i64,
    },
    /// The image that it would go back to is gone.
    #[error("version {version} names {}, which is {}\n  roll another image out", line(image), line(state))]
    ImageGone {
        /// The version.
        version: i64,
        /// Its image.
        image: String,
        /// How it stands.
        state: String,
    },
    /// The image that it would go back to may not be used.
    #[error("version {version} names {}, which may not be used: {}", line(image), why)]
    Unfit {
        /// The version.
        version: i64,
        /// Its image.
        image: String,
        /// Why, and what to do.
        why: String,
    },
    /// Another group would take the new version at its next launch.
    #[error(
        "{} of {}, and would launch the new version at once, outside of waves and alarms\n  \
         name a number there: aws autoscaling update-auto-scaling-group --launch-template …",
        line(&latest(.others)), line(template)
    )]
    Shared {
        /// The template.
        template: String,
        /// The groups.
        others: Vec<String>,
    },
    /// Another hand was there since it was shown.
    #[error("it has changed since it was shown: {0}\n  run the same command again, and look at what it shows")]
    Changed(String),
}

fn latest(others: &[String]) -> String {
    let (verb, groups) = if others.len() == 1 { ("launches", "group") } else { ("launch", "groups") };
    format!("the {groups} {} {verb} from $Latest", others.join(", "))
}

fn by_number(template: &str, number: Option<i64>, at: &str, is_mixed: bool) -> String {
    let Some(number) = number else { return "name the number that this is now".to_owned() };
    if is_mixed {
        return format!("name the number that this is now, {number}, in its policy of mixed instances");
    }
    let key = if template.starts_with("lt-") { "LaunchTemplateId" } else { "LaunchTemplateName" };
    let template = shell::shown(&format!("{key}={template},Version={number}"));
    let command = format!("aws autoscaling update-auto-scaling-group {at} --launch-template {template}");
    format!("name the number that this is now: {}", line(&command))
}

/// The service's words, where there are some.
pub(super) fn said(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({})", line(reason)) }
}
