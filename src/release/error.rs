//! Why a release verb did not do what it was asked.

use super::note::TooLong;
use crate::identity::{Arch, Channel, ImageId, RecipeName, Region, TargetKind, Version};
use crate::report::visible::{self, line};
use crate::target::{Pin, PointerName, TargetError, Underway};

/// Why a release verb did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The target could not do what it was asked.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// There is no such channel.
    #[error("there is no channel `{channel}`\n  {help}")]
    NoChannel {
        /// What was asked for.
        channel: String,
        /// The nearest, or all.
        help: String,
    },
    /// The recipe has no image here.
    #[error(
        "{recipe} has no image on the target {target}\n  amifactory build {recipe} --target {target} makes one{}",
        rehearsal(*target)
    )]
    NoImage {
        /// The recipe.
        recipe: RecipeName,
        /// Where was looked.
        target: TargetKind,
    },
    /// There never was such a version here.
    #[error("{recipe} has no version {version} on the target {target}\n  {help}{}", rehearsal(*target))]
    NoVersion {
        /// The recipe.
        recipe: RecipeName,
        /// What was asked for.
        version: Version,
        /// Where was looked.
        target: TargetKind,
        /// Those there are.
        help: String,
    },
    /// The channel names nothing yet.
    #[error("channel {channel} of {recipe} names nothing yet\n  {help}")]
    Empty {
        /// The recipe.
        recipe: RecipeName,
        /// The channel.
        channel: Channel,
        /// What to do.
        help: String,
    },
    /// The recipe has images for several architectures.
    #[error("{recipe} has images for several architectures\n  say which: {}", several(archs))]
    SeveralArchitectures {
        /// The recipe.
        recipe: RecipeName,
        /// Which.
        archs: Vec<Arch>,
    },
    /// Images come to the first channel by builds.
    #[error(
        "builds publish to {channel}, the first channel: which of them is it to name?\n  \
         name the version: amifactory promote {recipe}@VERSION --to {channel}"
    )]
    FirstChannel {
        /// The recipe.
        recipe: RecipeName,
        /// The channel.
        channel: Channel,
    },
    /// The image was revoked.
    #[error("{recipe} {version} is revoked: {}\n  {help}", line(reason))]
    Revoked {
        /// The recipe.
        recipe: RecipeName,
        /// Its version.
        version: Version,
        /// Why.
        reason: String,
        /// What to do.
        help: String,
    },
    /// The channel is held.
    #[error(
        "channel {channel} of {recipe} is pinned by {} {}: {}\n  \
         nobody moves it until then, or until: amifactory unpin {recipe} --channel {channel}", line(&pin.by), pin.end(), line(&pin.why)
    )]
    Pinned {
        /// The recipe.
        recipe: RecipeName,
        /// The channel.
        channel: Channel,
        /// By whom, why, until when.
        pin: Box<Pin>,
    },
    /// The channel is held from now on, but someone began to move it before that.
    #[error(
        "{name} is pinned, but {} began to move it to {} at {} and has not ended: it may still move until {}\n  \
         `amifactory history {}` shows what came of it; the pin stays",
        line(&underway.by), underway.image, underway.since, underway.until, name.recipe
    )]
    PinnedUnderway {
        /// The channel's pointer.
        name: Box<PointerName>,
        /// The move.
        underway: Box<Underway>,
    },
    /// The channel is not held.
    #[error("channel {channel} of {recipe} is not pinned")]
    NotPinned {
        /// The recipe.
        recipe: RecipeName,
        /// The channel.
        channel: Channel,
    },
    /// The image is gone, or can't be used.
    #[error("{recipe} {version} can't be used: its image {image} {what}\n  {help}")]
    Gone {
        /// The recipe.
        recipe: RecipeName,
        /// Its version.
        version: Version,
        /// Its image.
        image: ImageId,
        /// What is wrong with it.
        what: &'static str,
        /// What to do.
        help: String,
    },
    /// A pointer was written by hand: what it names is something else.
    #[error(
        "{recipe} {version} can't be used: the image {image} that its pointer names {}\n  \
         amifactory verify {recipe} says which pointer that is and how to put it right",
        visible::line(is)
    )]
    AnotherImage {
        /// The recipe.
        recipe: RecipeName,
        /// The version.
        version: Version,
        /// What the pointer names.
        image: ImageId,
        /// What that is.
        is: String,
    },
    /// A channel would go to an image that it never named, and no gate would be asked.
    #[error(
        "{channel} has never named {recipe} {version}, so that is no way back: its gates have not been asked\n  \
         amifactory promote {recipe}@{version} --to {channel} asks them; \
         --why REASON goes there all the same, and the reason is kept as an override"
    )]
    NeverNamed {
        /// The recipe.
        recipe: RecipeName,
        /// The version.
        version: Version,
        /// The channel.
        channel: Channel,
    },
    /// The record of a channel is accepted where the channel is, and nowhere else.
    #[error(
        "{channel} of {recipe} names {version}, and its record is accepted only with what it names, not with {asked}\n  \
         first accept it there: amifactory rollback {recipe} --channel {channel} --accept-break --why REASON; then go to {asked}"
    )]
    AcceptMoves {
        /// The recipe.
        recipe: RecipeName,
        /// The channel.
        channel: Channel,
        /// The version that was asked for.
        asked: Version,
        /// What the channel names.
        version: Version,
    },
    /// What was shown is no longer what would be done.
    #[error(
        "{recipe} {version} was not moved to {channel}: {what} since it was shown\n  run the same command again to decide anew"
    )]
    Changed {
        /// The recipe.
        recipe: RecipeName,
        /// The version.
        version: Version,
        /// The channel.
        channel: Channel,
        /// What has changed.
        what: String,
    },
    /// There is nothing to go back to step by step.
    #[error("{}", nothing_before(recipe, channel, named))]
    NothingBefore {
        /// The recipe.
        recipe: RecipeName,
        /// The channel.
        channel: Channel,
        /// What else it has named that can be used, last named first.
        named: Vec<Version>,
    },
    /// The factory goes nowhere.
    #[error("{what}\n  {help}")]
    NoReach {
        /// What can't be distributed.
        what: String,
        /// What to do.
        help: String,
    },
    /// The program does not run where images are built.
    #[error("images go out from {home}, and {}\n  {}", elsewhere(here.as_ref(), *target), to_home(home, *target))]
    NotHome {
        /// `distribution: {{home: …}}`
        home: Region,
        /// Where the program is.
        here: Option<Region>,
        /// The target.
        target: TargetKind,
    },
    /// The note does not fit.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// Text that can't be kept.
    #[error("{option}: {what}")]
    Text {
        /// Which option.
        option: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

/// How many versions a refusal lists.
const LISTED: usize = 8;

fn nothing_before(recipe: &RecipeName, channel: &Channel, named: &[Version]) -> String {
    let back = format!("amifactory rollback {recipe} --channel {channel} --to");
    let [last, ..] = named else {
        return format!(
            "channel {channel} of {recipe} has named no other image that still is there and is not revoked\n  \
             a version that it never named needs a reason: {back} VERSION --why REASON"
        );
    };
    let each: Vec<String> = named.iter().take(LISTED).map(|version| format!("--to {version}")).collect();
    let more = if named.len() > LISTED { ", and older ones" } else { "" };
    format!(
        "channel {channel} of {recipe} has gone back to the first image of its way, and no step back is left\n  \
         name one of those that it has named and that can be used ({}{more}): {back} {last}; a version that it never \
         named needs --why REASON",
        each.join(", ")
    )
}

fn rehearsal(target: TargetKind) -> &'static str {
    match target {
        TargetKind::Local => "",
        _ => "; what was built with --target local is a rehearsal, and stays in local channels",
    }
}

fn elsewhere(here: Option<&Region>, target: TargetKind) -> String {
    here.map_or_else(|| format!("the target is {target}"), |here| format!("this is {here}"))
}

fn to_home(home: &Region, target: TargetKind) -> String {
    match target {
        TargetKind::Local => "a local image is a rehearsal, and stays here: --target aws".to_owned(),
        TargetKind::Aws | TargetKind::ImageBuilder => {
            format!("set AWS_REGION={home}, or `distribution: {{home: …}}` in amifactory.yaml")
        }
    }
}

fn several(archs: &[Arch]) -> String {
    archs.iter().map(|arch| format!("--arch {arch}")).collect::<Vec<_>>().join(" or ")
}

/// What kind of failure it is, for exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The input names what is not there.
    Input,
    /// It must not be done.
    Refused,
    /// It was tried and failed.
    Failed,
}

impl ReleaseError {
    /// What kind of failure it is.
    pub fn class(&self) -> Class {
        match self {
            ReleaseError::Target(TargetError::Held { .. } | TargetError::Revoked { .. }) => Class::Refused,
            ReleaseError::Target(_)
            | ReleaseError::Gone { .. }
            | ReleaseError::AnotherImage { .. }
            | ReleaseError::Changed { .. }
            | ReleaseError::PinnedUnderway { .. } => Class::Failed,
            ReleaseError::Revoked { .. }
            | ReleaseError::Pinned { .. }
            | ReleaseError::NeverNamed { .. }
            | ReleaseError::NothingBefore { .. } => Class::Refused,
            _ => Class::Input,
        }
    }
}

/// Words that stand for a text in what the program prints: whoever copies a command has to put the text itself there.
const PLACEHOLDERS: [&str; 5] = ["REASON", "TEXT", "NAME", "WHY", "…"];

/// Text that goes into a record: one line that can be seen.
pub fn one_line(option: &'static str, text: &str, most: usize) -> Result<String, ReleaseError> {
    let text = text.trim();
    let what = if text.is_empty() {
        let what = if option == "--approved-by" { "the name of who said yes" } else { "a reason" };
        format!("expected {what}, found nothing")
    } else if PLACEHOLDERS.contains(&text) {
        format!("`{text}` stands for the text itself: write that in its place")
    } else if text.chars().any(|c| c.is_control() || crate::source::is_invisible(c)) {
        "expected one line of text without control characters".to_owned()
    } else if text.chars().count() > most {
        format!("at most {most} characters are kept, found {}", text.chars().count())
    } else {
        return Ok(text.to_owned());
    };
    Err(ReleaseError::Text { option, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_text_is_no_text() {
        for text in PLACEHOLDERS {
            let error = one_line("--override", &format!(" {text} "), 1000).unwrap_err().to_string();
            assert_eq!(error, format!("--override: `{text}` stands for the text itself: write that in its place"));
        }
        assert_eq!(one_line("--override", "a REASON of mine", 1000).unwrap(), "a REASON of mine");
    }

    #[test]
    fn a_refused_rollback_names_the_versions_it_could_go_to() {
        let told = |named: &[&str]| {
            let named = named.iter().map(|version| version.parse().unwrap()).collect();
            let (recipe, channel) = ("web".parse().unwrap(), "prod".parse().unwrap());
            ReleaseError::NothingBefore { recipe, channel, named }.to_string()
        };
        insta::assert_snapshot!([told(&["1.0.4", "1.0.3"]), told(&[])].join("\n"));
    }

    #[test]
    fn what_others_wrote_stays_on_its_line() {
        let evil = || "x\u{1b}[2K\n  all is well".to_owned();
        let (recipe, version): (RecipeName, Version) = ("web".parse().unwrap(), "1.0.0".parse().unwrap());
        let pin = Pin { by: evil(), why: evil(), at: String::new(), until: None, lifted: None };
        let channel: Channel = "prod".parse().unwrap();
        let what = || "channel prod".to_owned();
        let errors: [ReleaseError; 5] = [
            ReleaseError::Revoked { recipe: recipe.clone(), version, reason: evil(), help: String::new() },
            ReleaseError::Pinned { recipe, channel, pin: Box::new(pin) },
            TargetError::Held { what: what(), by: evil(), why: evil() }.into(),
            TargetError::Busy {
                name: Box::new(PointerName {
                    recipe: "web".parse().unwrap(),
                    arch: Arch::X86_64,
                    slot: crate::target::Slot::Channel("prod".parse().unwrap()),
                }),
                from: None,
                to: "ami-00000001".parse().unwrap(),
                version: None,
                by: evil(),
                until: String::new(),
            }
            .into(),
            TargetError::Overtaken { what: what(), by: evil(), found: evil() }.into(),
        ];
        for error in errors {
            let text = error.to_string();
            assert!(!text.contains('\u{1b}') && text.lines().count() == 2, "{text:?}");
        }
    }
}
