//! Rolling images out: Auto Scaling groups, the versions of the launch templates that they launch from, and the refreshes
//! that replace their instances. What a target shows and does; what is to be done is decided in [`crate::rollout`].

use super::{Tags, TargetError};
use crate::identity::{Arch, Digest, ImageId};
use async_trait::async_trait;
use std::time::Duration;
use time::OffsetDateTime;

/// From what a group launches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaunchSource {
    /// A version of a launch template.
    Template(TemplateRef),
    /// The same, in a policy of mixed instances.
    Mixed {
        /// The policy's own.
        template: TemplateRef,
        /// Overrides that name an image or a template themselves, in words.
        own: Vec<String>,
    },
    /// A launch configuration.
    Configuration(String),
    /// Nothing that is understood.
    Nothing,
}

/// A version of a launch template, as something names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TemplateRef {
    /// The template's id, or its name where no id is given.
    pub template: String,
    /// A number, `$Latest`, `$Default`; empty is the default.
    pub version: String,
}

impl TemplateRef {
    /// Its number, where it names one.
    pub fn number(&self) -> Option<i64> {
        self.version.parse().ok()
    }
}

/// An instance of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// What it was launched from, where that was a template.
    pub template: Option<TemplateRef>,
    /// Why a refresh would wait for it, in words.
    pub held: Option<&'static str>,
}

/// An Auto Scaling group as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalingGroup {
    /// Its name.
    pub name: String,
    /// Its region; empty where that is not told.
    pub region: String,
    /// From what it launches.
    pub source: LaunchSource,
    /// Its instances.
    pub members: Vec<Member>,
    /// Processes that are suspended.
    pub suspended: Vec<String>,
    /// Instances that wait in its warm pool; none where it has no pool.
    pub warm: Option<Vec<Member>>,
    /// How long a new instance is left alone before it counts, where the group says so.
    pub warmup: Option<Duration>,
}

impl ScalingGroup {
    /// The version of a template that it launches from.
    pub fn template(&self) -> Option<&TemplateRef> {
        match &self.source {
            LaunchSource::Template(named) | LaunchSource::Mixed { template: named, .. } => Some(named),
            LaunchSource::Configuration(_) | LaunchSource::Nothing => None,
        }
    }
}

/// A version of a launch template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateVersion {
    /// Its number.
    pub number: i64,
    /// What it says of its image: an id, `resolve:ssm:…`; none where it has none.
    pub image: Option<String>,
    /// Its description; empty where it has none.
    pub description: String,
    /// Who has made it.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
    /// Whether it is the template's default.
    pub is_default: bool,
    /// All that it says but for the image: equal where two versions differ in that alone.
    pub but_image: Digest,
}

/// A group that launches from a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateUser {
    /// The group.
    pub group: String,
    /// What it names.
    pub named: TemplateRef,
    /// Where it names that.
    pub at: NamedAt,
}

/// Where a group names a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NamedAt {
    /// As its own.
    Own,
    /// In its policy of mixed instances.
    Mixed,
    /// In an override of that.
    Override,
}

/// An image that something launches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSeen {
    /// Its architecture, where it is one of ours.
    pub arch: Option<Arch>,
    /// Its state, in the service's words: only `available` can be launched.
    pub state: String,
    /// Its tags, as this account sees them.
    pub tags: Tags,
}

/// How far a refresh is (Auto Scaling API reference, `InstanceRefresh`, "Status").
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefreshState {
    /// Not begun yet.
    Pending,
    /// Instances are replaced, or it waits at a checkpoint.
    InProgress,
    /// All are replaced, and it waits whether they stay well.
    Baking,
    /// Done.
    Successful,
    /// On its way to failed.
    Failing,
    /// It failed, and what it has replaced stays.
    Failed,
    /// On its way to cancelled.
    Cancelling,
    /// Someone cancelled it, and what it has replaced stays.
    Cancelled,
    /// What it has replaced is replaced once more.
    RollbackInProgress,
    /// That failed.
    RollbackFailed,
    /// All is as it was before it.
    RollbackSuccessful,
    /// Something that this program does not know.
    Unknown,
}

impl RefreshState {
    /// Whether nothing more comes of it.
    pub const fn is_over(self) -> bool {
        use RefreshState::{Cancelled, Failed, RollbackFailed, RollbackSuccessful, Successful};
        matches!(self, Successful | Failed | Cancelled | RollbackFailed | RollbackSuccessful)
    }

    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            RefreshState::Pending => "pending",
            RefreshState::InProgress => "in progress",
            RefreshState::Baking => "baking",
            RefreshState::Successful => "successful",
            RefreshState::Failing => "failing",
            RefreshState::Failed => "failed",
            RefreshState::Cancelling => "being cancelled",
            RefreshState::Cancelled => "cancelled",
            RefreshState::RollbackInProgress => "being rolled back",
            RefreshState::RollbackFailed => "rollback failed",
            RefreshState::RollbackSuccessful => "rolled back",
            RefreshState::Unknown => "in a state that this program does not know",
        }
    }
}

/// A refresh of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refresh {
    /// Its id.
    pub id: String,
    /// How far it is.
    pub state: RefreshState,
    /// Why it is so, in the service's words; empty where it says nothing.
    pub reason: String,
    /// How many of a hundred instances are replaced.
    pub percent: u8,
    /// How many are left.
    pub left: u32,
    /// When it began.
    pub started: Option<OffsetDateTime>,
    /// When it ended.
    pub ended: Option<OffsetDateTime>,
    /// What it brings the group to, where it says so.
    pub desired: Option<TemplateRef>,
    /// How it replaces instances; none where it does not say.
    pub pace: Option<Pace>,
}

/// How instances are replaced. Bounds: Auto Scaling API reference, `RefreshPreferences`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// So many of a hundred stay in service: 0 to 100.
    pub least: u8,
    /// So many of a hundred are there at most: 100 to 200.
    pub most: u8,
    /// Percentages at which it waits, ascending, without the last 100.
    pub checkpoints: Vec<u8>,
    /// How long it waits there.
    pub delay: Duration,
    /// How long it waits at the end.
    pub bake: Duration,
    /// How long a new instance is left alone; none: as the group says.
    pub warmup: Option<Duration>,
    /// CloudWatch alarms that end it.
    pub alarms: Vec<String>,
    /// Whether AWS brings the group back by itself where it fails.
    pub comes_back: bool,
}

/// A version that is to be made: all as in the source, but for the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion {
    /// The template.
    pub template: String,
    /// The version that it is made from.
    pub source: i64,
    /// Its image.
    pub image: ImageId,
    /// Its description, at most 255 characters.
    pub description: String,
    /// The same for the same version: a second call answers with what the first has made.
    pub token: String,
}

/// What came of beginning a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It has begun: its id. It may not show yet.
    Yes(String),
    /// One is in flight already: perhaps an earlier call's, whose reply was lost.
    Another,
    /// The service does not know the version, in its words: a new one is not known everywhere at once.
    NotKnown(String),
    /// Nothing that could be understood came back, or that there are too many calls: it may have begun or not. Why.
    Unheard(String),
}

/// What came of turning a refresh round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turned {
    /// It goes back.
    Yes,
    /// None is in flight any more.
    Over,
    /// As with [`Begun::Unheard`].
    Unheard(String),
}

/// How a CloudWatch alarm stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmSeen {
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: AlarmState,
}

/// How a CloudWatch alarm stands (CloudWatch API reference, `MetricAlarm`, "StateValue").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    /// All is well.
    Quiet,
    /// It rings.
    Rings,
    /// It has nothing to tell that from.
    NoData,
}

/// Where images can be rolled out.
#[async_trait]
pub trait Rollouts: Send + Sync {
    /// These groups; those that do not exist are left out.
    async fn groups(&self, names: &[String]) -> Result<Vec<ScalingGroup>, TargetError>;
    /// All versions of a template; none where it does not exist.
    async fn versions(&self, template: &str) -> Result<Vec<TemplateVersion>, TargetError>;
    /// All groups of this account and region, with each template that they name; several rows where one names several.
    async fn users(&self) -> Result<Vec<TemplateUser>, TargetError>;
    /// An image; none where it is not seen from here.
    async fn image_seen(&self, image: &str) -> Result<Option<ImageSeen>, TargetError>;
    /// Makes a version, or answers with the one that this token made. The template's default stays as it is.
    async fn create_version(&self, wanted: &NewVersion) -> Result<i64, TargetError>;
    /// A group's refreshes as far back as they are kept, the newest first.
    async fn refreshes(&self, group: &str) -> Result<Vec<Refresh>, TargetError>;
    /// The alarms of these names as they are now; those that do not exist are left out.
    async fn alarms(&self, names: &[String]) -> Result<Vec<AlarmSeen>, TargetError>;
    /// Begins to bring a group to a numbered version of its template. A policy of mixed instances keeps all else. It is
    /// asked for once: what was decided before is not what an answer minutes later may be given to.
    async fn refresh(&self, group: &str, to: &TemplateRef, pace: &Pace) -> Result<Begun, TargetError>;
    /// Has a refresh in flight replace once more what it has replaced. It is asked for once, too.
    async fn go_back(&self, group: &str) -> Result<Turned, TargetError>;
}
