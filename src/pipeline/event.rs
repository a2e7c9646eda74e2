//! What the pipeline tells while it works. The pipeline prints nothing; a sink turns events into bars, lines or JSON.

use crate::hardening::Tally;
use crate::identity::{BuildId, Digest, ImageId, RecipeName, TargetKind, Version};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Something that happened. As JSON, `event` holds the name (`step-started`) and the fields stand beside it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A build begins, or goes on after an interruption.
    BuildStarted {
        /// The build.
        build: BuildId,
        /// Its recipe.
        recipe: RecipeName,
        /// The version that the image gets.
        version: Version,
        /// The plan's digest.
        digest: Digest,
        /// Where it runs.
        target: TargetKind,
    },
    /// Nothing to do: a verified image of this digest exists.
    UpToDate {
        /// The recipe.
        recipe: RecipeName,
        /// The image.
        image: ImageId,
        /// Its version.
        version: Version,
        /// The plan's digest.
        digest: Digest,
    },
    /// Another process builds this recipe; this one waits for it.
    Waiting {
        /// The recipe.
        recipe: RecipeName,
        /// Who holds it, for people: `process 4711 on builder-2, for 12 s`.
        holder: String,
    },
    /// A step begins.
    StepStarted {
        /// The build.
        build: BuildId,
        /// The step.
        step: &'static str,
    },
    /// A part of a step begins: one control, one package group, one test.
    StepProgress {
        /// The build.
        build: BuildId,
        /// The step.
        step: &'static str,
        /// Parts done.
        done: usize,
        /// All parts; 0 where that is not known.
        total: usize,
        /// The part at hand.
        detail: String,
    },
    /// A step has ended well.
    StepFinished {
        /// The build.
        build: BuildId,
        /// The step.
        step: &'static str,
        /// Time it took, in milliseconds.
        ms: u64,
        /// It had been done before an interruption; now it was only looked at.
        repeated: bool,
    },
    /// A step has failed; the build ends.
    StepFailed {
        /// The build.
        build: BuildId,
        /// The step.
        step: &'static str,
        /// What went wrong.
        failure: Failure,
    },
    /// Something that people should know and that stops nothing.
    Notice {
        /// The build that it is about; none where it is about all.
        build: Option<BuildId>,
        /// One sentence.
        text: String,
    },
    /// A roll-out went a step on with a group.
    RolloutStep {
        /// The recipe.
        recipe: RecipeName,
        /// The channel whose image goes out; as it was asked for.
        channel: String,
        /// The Auto Scaling group; none where it is about all.
        group: Option<String>,
        /// One sentence.
        text: String,
    },
    /// A build has ended, well or not.
    BuildFinished(Box<BuildResult>),
}

/// What went wrong, to what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What went wrong, in one sentence: `control ssh-root-login-disabled could not be applied: exit status 2`.
    pub what: String,
    /// What it happened to: `control/ssh-root-login-disabled/apply`, `group/nginx/packages`, an image, a builder.
    pub resource: String,
    /// The last lines that the failed command printed.
    pub last_lines: Vec<String>,
    /// Where its whole output is.
    pub log: Option<PathBuf>,
    /// The next command to type.
    pub next: String,
}

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A new image, verified and published.
    Built,
    /// The image exists already.
    UpToDate,
    /// A step failed.
    Failed,
    /// The image exists but does not meet the recipe's gate; no pointer names it.
    Refused,
}

/// The result of one build, as `cli.md` fixes it. Fields that don't apply are null; those from `reasons` on are left
/// out where they are empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BuildResult {
    /// The recipe.
    pub recipe: RecipeName,
    /// The image's version; none where the build failed before it had one.
    pub version: Option<Version>,
    /// The plan's digest; none where the build failed before there was a plan.
    pub digest: Option<Digest>,
    /// How it ended.
    pub outcome: Outcome,
    /// The image, where there is one.
    pub image: Option<ImageId>,
    /// Where it ran.
    pub target: TargetKind,
    /// The build; for an image that was up to date, the one that made it, where that is known.
    pub build: Option<BuildId>,
    /// Controls per status.
    pub controls: Tally,
    /// The score, 0 to 100.
    pub score: Option<f64>,
    /// Wall time in seconds.
    pub duration_s: f64,
    /// Calls made to the target.
    pub calls: u64,
    /// Why it was built, or why there was nothing to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// What the recipe says and most likely does not mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What the gate asked for and did not get.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmet: Vec<String>,
    /// Why its image, of which nothing has changed, must not be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
    /// Who revoked it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_by: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl Outcome {
    /// The word that results carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Built => "built",
            Outcome::UpToDate => "up-to-date",
            Outcome::Failed => "failed",
            Outcome::Refused => "refused",
        }
    }
}

/// Where events go. Builds that run side by side share one sink.
pub trait Sink: Send + Sync {
    /// Takes one event. It may not fail and may not block for long: a reader that went away stops no build.
    fn event(&self, event: &Event);

    /// Nothing more comes: leave the terminal as it was found. For the way out of a program that was interrupted;
    /// dropping the sink does the same.
    fn close(&self) {}
}
