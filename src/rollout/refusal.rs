//! Why a group can't be rolled, and what to do about it.

use super::mends::{self, Place};
use crate::identity::{Arch, Channel, ImageId, RecipeName, Version};
use crate::pipeline::clock::rfc3339;
use crate::report::visible::line;
use crate::target::RefreshState;
use time::OffsetDateTime;

/// Why a group can't be rolled. What groups and templates are named by is what others wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No launch template.
    #[error(
        "it launches from the launch configuration {}, which can't be changed\n  give it a launch template; look that \
         through before the second command: a spot price and a tenancy are not in it\n  {}",
        line(name),
        configuration(name, at)
    )]
    Configuration {
        /// The configuration.
        name: String,
        /// Which group, for a command of AWS's own.
        at: Place,
    },
    /// Nothing that is understood.
    #[error("it names nothing that it would launch from\n  give it a launch template, by its number")]
    Nothing,
    /// Its version is no number.
    #[error(
        "it launches from version {version} of {}, which is no number: AWS could not roll that back\n  \
         name the number that this is now{}",
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
        at: Place,
        /// Whether it stands in a policy of mixed instances.
        is_mixed: bool,
    },
    /// The version is not there.
    #[error(
        "version {version} of {}, from which it launches, does not exist\n  name one that does{}",
        line(template), by_number(template, *latest, at, *is_mixed)
    )]
    NoVersion {
        /// The template.
        template: String,
        /// The number.
        version: i64,
        /// The newest that there is.
        latest: Option<i64>,
        /// Which group, for a command of AWS's own.
        at: Place,
        /// Whether it stands in a policy of mixed instances.
        is_mixed: bool,
    },
    /// The version to which it would go back is not there.
    #[error("version {version}, to which it would go back, does not exist any more\n  roll another image out")]
    NothingThere {
        /// The number.
        version: i64,
    },
    /// The version has no image.
    #[error(
        "version {version} of {} names no image\n  make a version that does, and name that: {}", line(template),
        line(&mends::with_image(at, template, *version, image.as_str(), *is_mixed))
    )]
    NoImage {
        /// The template.
        template: String,
        /// The number.
        version: i64,
        /// An image that it could name.
        image: ImageId,
        /// Which group, for a command of AWS's own.
        at: Place,
        /// Whether it stands in a policy of mixed instances.
        is_mixed: bool,
    },
    /// The image is looked up at each launch.
    #[error(
        "version {version} of {} has the image looked up at each launch (resolve:ssm:{}): AWS could not roll that back\n  \
         make a version that names the image that this is now by its id, and name that: {}",
        line(template), line(parameter),
        line(&mends::with_image(at, template, *version, &mends::resolved(at, parameter), *is_mixed))
    )]
    Resolved {
        /// The template.
        template: String,
        /// The number.
        version: i64,
        /// The parameter that is asked.
        parameter: String,
        /// Which group, for a command of AWS's own.
        at: Place,
        /// Whether it stands in a policy of mixed instances.
        is_mixed: bool,
    },
    /// The same, and what is looked up is the channel that is to be rolled out.
    #[error(
        "it looks up at each launch what {channel} names ({}): AWS could not roll that back\n  a plain refresh brings it \
         what {channel} names now: {}\n  and what it named before, after {moves_back}",
        line(image),
        line(refresh)
    )]
    OurPointer {
        /// As the template says it.
        image: String,
        /// The channel.
        channel: Channel,
        /// The command that brings the channel back.
        moves_back: String,
        /// The command that refreshes it.
        refresh: String,
    },
    /// Overrides bring their own image.
    #[error(
        "overrides of its mixed instances don't launch from the group's own template: {}\n  \
         take the images and templates out of the overrides: {}", line(&own.join(", ")), line(&mends::plain_overrides(at))
    )]
    Overrides {
        /// Which, in words.
        own: Vec<String>,
        /// Which group, for a command of AWS's own.
        at: Place,
    },
    /// Someone else's refresh.
    #[error(
        "a refresh that goes elsewhere is {} in it ({percent} %, {})\n  wait for its end, or cancel it: aws autoscaling \
         cancel-instance-refresh {}", state.as_str(), line(to), line(&at.named())
    )]
    Busy {
        /// How far.
        state: RefreshState,
        /// How many of a hundred.
        percent: u8,
        /// What it goes to.
        to: String,
        /// Which group, for a command of AWS's own.
        at: Place,
    },
    /// A refresh brings what must not be used.
    #[error(
        "a refresh brings it {}, which is revoked ({}): {}, {percent} %\n  don't wait for its end; this turns it round: {}",
        line(what), line(why), state.as_str(), line(back)
    )]
    BringsRevoked {
        /// Which image that is.
        what: String,
        /// Why it was revoked.
        why: String,
        /// How far.
        state: RefreshState,
        /// How many of a hundred.
        percent: u8,
        /// The command that turns it round.
        back: String,
    },
    /// It goes back.
    #[error(
        "it is on its way back to version {to}, over which a roll-out had gone: that refresh is {} ({percent} %)\n  \
         wait for its end; this watches it: {}", state.as_str(), line(watch)
    )]
    OnItsWayBack {
        /// How far.
        state: RefreshState,
        /// How many of a hundred.
        percent: u8,
        /// The version.
        to: i64,
        /// The command that watches it.
        watch: String,
    },
    /// A refresh would stand still.
    #[error(
        "its processes {} are suspended: a refresh would stand still, or bring instances that nobody reaches\n  \
         aws autoscaling resume-processes {} --scaling-processes {}",
        line(&processes.join(", ")), line(&at.named()), line(&processes.join(" "))
    )]
    Suspended {
        /// Which.
        processes: Vec<String>,
        /// Which group, for a command of AWS's own.
        at: Place,
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
    /// The group is another recipe's.
    #[error(
        "it runs an image of {its}, and this one is of {ours}\n  where that is what you want: {}; else roll {its} out to it",
        line(way)
    )]
    AnotherRecipe {
        /// The recipe of what it runs.
        its: RecipeName,
        /// What would be rolled.
        ours: RecipeName,
        /// The command that rolls it all the same.
        way: String,
    },
    /// Its image is gone, and is on no record.
    #[error(
        "its image {} is gone, and nobody knows whose it was: no pointer, history or retirement of {ours} names it\n  where the \
         group is to come to run {ours}: {}; where it was another recipe's: --take-over with that",
        line(image),
        line(way)
    )]
    NobodyKnowsWhose {
        /// The image.
        image: String,
        /// What would be rolled.
        ours: RecipeName,
        /// The command that rolls it all the same.
        way: String,
    },
    /// The last try failed.
    #[error(
        "the last roll-out of this image to it is over and had no success: {}{}\n  find out why: {}\n  {}--retry tries it \
         again", state.as_str(), said(reason), line(look), bad(moves_back.as_deref())
    )]
    FailedBefore {
        /// The refresh.
        id: String,
        /// How it ended.
        state: RefreshState,
        /// Why.
        reason: String,
        /// The command that says more.
        look: String,
        /// The command that brings the channel back.
        moves_back: Option<String>,
    },
    /// It was brought back from the image.
    #[error(
        "it was brought back from {version} (version {from}) to version {to}{}\n  {}--retry rolls it out all the same",
        ended_as(*state, *ended), bad(Some(moves_back))
    )]
    CameBack {
        /// The refresh that brought it back.
        id: String,
        /// How that ended.
        state: RefreshState,
        /// The version that it came from.
        from: i64,
        /// The one that it came back to.
        to: i64,
        /// What it came from.
        version: Version,
        /// When.
        ended: Option<OffsetDateTime>,
        /// The command that brings the channel back.
        moves_back: String,
    },
    /// An alarm that is to watch over it rings already.
    #[error(
        "CloudWatch alarms that watch over it ring already: {}; a refresh would go back at once\n  \
         find out why they ring, and roll it out when they are quiet; where it is what quiets them, --despite-alarms REASON \
         begins it without these", line(&.0.join(", "))
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
         name the number there that this is now:{}",
        line(&latest(others)), line(template),
        mends.iter().map(|command| format!("\n  {}", line(command))).collect::<String>()
    )]
    Shared {
        /// The template.
        template: String,
        /// The groups.
        others: Vec<String>,
        /// The command for each.
        mends: Vec<String>,
    },
    /// Another hand was there since it was shown.
    #[error("it has changed since it was shown: {0}\n  run the same command again, and look at what it shows")]
    Changed(String),
}

fn latest(others: &[String]) -> String {
    let (verb, groups) = if others.len() == 1 { ("launches", "group") } else { ("launch", "groups") };
    format!("the {groups} {} {verb} from $Latest", others.join(", "))
}

/// Where the number is known.
fn by_number(template: &str, number: Option<i64>, at: &Place, is_mixed: bool) -> String {
    let command = number.map(|number| mends::by_number(at, template, number, is_mixed));
    command.map(|command| format!(": {}", line(&command))).unwrap_or_default()
}

fn configuration(name: &str, at: &Place) -> String {
    let [make, take] = mends::from_configuration(at, name);
    format!("{}\n  {}", line(&make), line(&take))
}

/// What to do where the image is the reason.
fn bad(moves_back: Option<&str>) -> String {
    moves_back.map(|command| format!("{command} moves the channel, where the image is bad; ")).unwrap_or_default()
}

fn ended_as(state: RefreshState, ended: Option<OffsetDateTime>) -> String {
    let at = ended.map(|at| format!(", {}", rfc3339(at))).unwrap_or_default();
    if state == RefreshState::Successful { at } else { format!("{at}; that is {}", state.as_str()) }
}

impl Refusal {
    /// The refresh that speaks against it, where it can be tried again all the same.
    pub fn forgivable(&self) -> Option<&str> {
        match self {
            Refusal::FailedBefore { id, .. } | Refusal::CameBack { id, .. } => Some(id),
            _ => None,
        }
    }
}

/// The service's words, where there are some.
pub(super) fn said(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({})", line(reason)) }
}
