//! Builders: how one is asked for, what it is doing, and what bundles on it answer.

use super::{ResolvedBase, Tags};
use crate::identity::{Arch, BuildId, BuilderId, Digest, ImageId};
use crate::plan::{Bundle, Bundles, StepResult};
use crate::recipe::{AwsSettings, BaseSpec, ExtraVolume, Limits, NetworkAccess};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What launching a builder needs.
#[derive(Debug, Clone)]
pub struct LaunchRequest {
    /// Deterministic for (digest, attempt, purpose): the same token never gives two builders.
    pub token: String,
    /// What it starts from.
    pub base: LaunchBase,
    /// What it may use.
    pub limits: Limits,
    /// How it runs on AWS.
    pub aws: AwsSettings,
    /// The architecture of what it starts from.
    pub arch: Arch,
    /// Counts from 1: how often this build has been begun.
    pub attempt: u32,
    /// Its tags.
    pub tags: Tags,
    /// What will run on it, where it is launched to build or to test: an engine that is handed all at once needs it now.
    pub bundles: Option<Box<Bundles>>,
}

/// What a builder starts from.
#[derive(Debug, Clone)]
pub enum LaunchBase {
    /// A resolved base; the spec says where to find it.
    Base(BaseSpec, ResolvedBase),
    /// An image of this target.
    Image(ImageId),
}

/// A builder that exists.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Builder {
    /// Its id.
    pub id: BuilderId,
    /// The token it was launched with.
    pub token: String,
    /// Its state.
    pub state: BuilderState,
    /// When it was launched, RFC 3339, UTC.
    pub created_at: String,
    /// Its tags.
    pub tags: Tags,
}

/// Where a builder is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuilderState {
    /// Being made; not yet reachable.
    Pending,
    /// Accepts commands.
    Running,
    /// On its way to [`BuilderState::Stopped`].
    Stopping,
    /// Its disk can be imaged.
    Stopped,
}

/// A bundle to run on a builder.
pub struct RunRequest<'a> {
    /// What to run. Its digest is the key under which the builder keeps the result.
    pub bundle: &'a Bundle,
    /// What it may reach.
    pub network: &'a [NetworkAccess],
    /// The build that it belongs to.
    pub build: &'a BuildId,
    /// What is to run right after it where it ends well. A target may leave that to a call of its own: it only saves
    /// the way there and back.
    pub then: Option<&'a Bundle>,
    /// Where the full output goes; that of `then` goes to a file of that bundle's name beside it.
    pub log: &'a std::path::Path,
    /// The longest time that the bundle may take, in seconds.
    pub time_s: u64,
    /// The log group that AWS writes live output to, where there is one.
    pub log_group: Option<&'a str>,
    /// The volumes that have to be mounted when the bundle runs.
    pub volumes: &'a [ExtraVolume],
    /// Called for each step as it starts and ends.
    pub watch: &'a (dyn Fn(RunEvent) + Send + Sync),
}

/// What a running bundle tells.
#[derive(Debug, Clone)]
pub enum RunEvent {
    /// A step has started.
    Started {
        /// Its id.
        step: String,
    },
    /// A step has ended.
    Ended(StepResult),
}

/// How a bundle ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResult {
    /// Digest of the bundle.
    pub bundle: Digest,
    /// One per step that ran, in order.
    pub steps: Vec<StepResult>,
    /// How the whole ended.
    pub end: RunEnd,
    /// Where the full output is, for people.
    pub log: PathBuf,
    /// Where it ran, in the target's words, where a builder's id does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// How a bundle ended as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// It ran to its end, or to a step whose failure stops it.
    Completed,
    /// It used more than its limits allow.
    LimitExceeded(String),
    /// It was killed or died.
    Died(String),
    /// An earlier run of the same bundle on this builder was cut off: what it left is not to be trusted.
    Interrupted,
}
