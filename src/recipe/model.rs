//! What recipes, package groups and the factory file say, once read and checked. Nothing here is resolved yet: names
//! of groups, profiles and controls are known to exist, templates are known to compile, values have their types.

use super::aws::{AwsBase, AwsSettings};
use super::{ChannelRule, Distribution, FleetPolicy, Retention, RolloutPolicy, Schedule};
use crate::identity::{Arch, Channel, GroupName, OsFamily, RecipeName, Slug, TargetKind, VersionLine};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A whole factory folder: `amifactory.yaml`, `recipes/*.yaml`, `recipes/groups/*.yaml`.
#[derive(Debug, Clone)]
pub struct Factory {
    /// From `amifactory.yaml`: the target where none is named.
    pub default_target: TargetKind,
    /// From `amifactory.yaml`: channels in the order that images pass through them.
    pub channels: Vec<ChannelRule>,
    /// From `amifactory.yaml`: how builders run on AWS. Recipes hold it with their own settings over it.
    pub aws: AwsSettings,
    /// From `amifactory.yaml`: where images go beside the home region; none where they stay.
    pub distribution: Option<Distribution>,
    /// From `amifactory.yaml`: how long images are kept; none where they stay for ever. Recipes hold it with their own
    /// over it.
    pub retention: Option<Retention>,
    /// From `amifactory.yaml`: when EC2 Image Builder builds by itself. Recipes hold it with their own over it.
    pub schedule: Option<Schedule>,
    /// From `amifactory.yaml`: how far behind fleets may be.
    pub fleet: FleetPolicy,
    /// From `amifactory.yaml`: how images are rolled out.
    pub rollout: RolloutPolicy,
    /// All recipes by name.
    pub recipes: BTreeMap<RecipeName, Recipe>,
    /// All package groups by name.
    pub groups: BTreeMap<GroupName, Group>,
}

impl Factory {
    /// The buckets that its recipes' components may go through.
    pub fn component_buckets(&self) -> BTreeSet<String> {
        let all = self.recipes.values().map(|recipe| &recipe.aws).chain([&self.aws]);
        all.filter_map(|aws| aws.component_bucket.clone()).collect()
    }
}

/// One image's description.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// `recipe:` the name, equal to the file's stem.
    pub name: RecipeName,
    /// `description:` one line for people.
    pub description: String,
    /// `version:` `major.minor` or a full version.
    pub version: VersionLine,
    /// `base:` what the image is built on.
    pub base: BaseSpec,
    /// `parameters:` of the recipe itself, usable in its group parameters and tests as `{{name}}`.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// `groups:` in the order in which they are applied.
    pub groups: Vec<GroupUse>,
    /// `hardening:` where the image is hardened.
    pub hardening: Option<HardeningSpec>,
    /// `gate:` what an image must reach before any pointer names it.
    pub gate: Gate,
    /// `tests:` run in the started image.
    pub tests: Vec<Test>,
    /// `publish:` the channel that a verified image goes to; none where only a version pointer is wanted.
    pub publish: Option<Channel>,
    /// `limits:` of one build.
    pub limits: Limits,
    /// How its builders run on AWS: `aws:` of the factory file with the recipe's own over it.
    pub aws: AwsSettings,
    /// `retention:` of the factory file with the recipe's own over it; none where images stay for ever.
    pub retention: Option<Retention>,
    /// `schedule:` of the factory file with the recipe's own over it; none where nothing is built by itself.
    pub schedule: Option<Schedule>,
}

/// What a build starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaseSpec {
    /// `base: {recipe: NAME}`: that recipe's image, built first where it is not up to date; with `channel:` the image
    /// that the channel names.
    Recipe {
        /// The other recipe.
        recipe: RecipeName,
        /// Take the image that this channel names.
        channel: Option<Channel>,
        /// With a channel: of the images that it names for several architectures, this one.
        #[serde(default)]
        arch: Option<Arch>,
    },
    /// `base: {local: …, aws: …}`: a base of its own for each target; at least one.
    Own {
        /// For the local target.
        local: Option<LocalBase>,
        /// For AWS.
        aws: Option<AwsBase>,
    },
}

impl From<LocalBase> for BaseSpec {
    fn from(local: LocalBase) -> BaseSpec {
        BaseSpec::Own { local: Some(local), aws: None }
    }
}

impl From<AwsBase> for BaseSpec {
    fn from(aws: AwsBase) -> BaseSpec {
        BaseSpec::Own { local: None, aws: Some(aws) }
    }
}

/// A base for the local target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LocalBase {
    /// `local: host`: this machine's own Linux, read-only underneath.
    Host,
    /// `local: {rootfs: DIR}`: a folder that holds a root filesystem. Relative paths start at the factory folder.
    Rootfs(String),
    /// `local: {tarball: FILE}`: a root filesystem as .tar or .tar.gz.
    Tarball(String),
    /// `local: {oci: DIR}` or `{oci: DIR:TAG}`: an OCI image layout.
    Oci(String),
}

/// A group as a recipe uses it.
#[derive(Debug, Clone)]
pub struct GroupUse {
    /// Which group.
    pub name: GroupName,
    /// Values for its parameters; templates over the recipe's own parameters are already filled in.
    pub parameters: BTreeMap<String, ParameterValue>,
}

/// A parameter's value, typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParameterValue {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
}

/// A parameter's declaration in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its type.
    pub kind: ParameterKind,
    /// Its value where a recipe gives none; without a default a recipe must give one.
    pub default: Option<ParameterValue>,
    /// One line for people.
    pub description: String,
}

/// The types that parameters have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterKind {
    /// Text without control characters.
    String,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A TCP or UDP port, 1 to 65535.
    Port,
    /// One of these words.
    Choice(Vec<String>),
}

/// A named, versioned set of packages and steps that several recipes share.
#[derive(Debug, Clone)]
pub struct Group {
    /// `group:` the name, equal to the file's stem.
    pub name: GroupName,
    /// `version:` of the group, full `major.minor.build`.
    pub version: crate::identity::Version,
    /// One line for people.
    pub description: String,
    /// Declared parameters.
    pub parameters: BTreeMap<String, Parameter>,
    /// `network:` what its packages and steps may reach; empty means nothing at all.
    pub network: Vec<NetworkAccess>,
    /// `secrets:` SSM parameters that its scripts fetch with `af_secret NAME` on the builder.
    pub secrets: Vec<String>,
    /// `packages:` by OS family. A family that is not listed is not supported by the group.
    pub packages: BTreeMap<OsFamily, Vec<String>>,
    /// `steps:` in order, after the packages.
    pub steps: Vec<GroupStep>,
    /// `health:` a script that must succeed in the started image.
    pub health: Option<Script>,
    /// `implies:` controls that can't hold where this group is installed, and why.
    pub implies: Vec<ImpliedException>,
}

/// A destination that a group may reach while it is applied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkAccess {
    /// `package-repositories`: the hosts that the base's own package manager is configured for.
    PackageRepositories,
    /// `host:port`.
    Host {
        /// A DNS name.
        host: String,
        /// A TCP port.
        port: u16,
    },
}

/// One step of a group.
#[derive(Debug, Clone)]
pub struct GroupStep {
    /// For people and logs.
    pub name: String,
    /// Only on these families; empty means on all that the group supports.
    pub families: Vec<OsFamily>,
    /// What it does.
    pub action: GroupAction,
}

/// What a group's step does.
#[derive(Debug, Clone)]
pub enum GroupAction {
    /// `run:` a POSIX sh script, a template whose values arrive shell-quoted.
    Run(Script),
    /// `file:` writes a file. `content` is a template whose values may hold no control characters.
    File {
        /// Absolute path.
        path: String,
        /// The template.
        content: String,
        /// Permission bits, such as 0o644.
        mode: u32,
        /// `user:group`.
        owner: String,
    },
    /// `enable:` a service that starts at boot.
    Enable(String),
    /// `reboot: true`: the builder restarts here and the bundle goes on after it.
    Reboot,
}

/// A POSIX sh template and how long it may run.
#[derive(Debug, Clone)]
pub struct Script {
    /// The template, not rendered.
    pub template: String,
    /// At most this long.
    pub timeout: Duration,
}

/// A control that a group makes impossible.
#[derive(Debug, Clone)]
pub struct ImpliedException {
    /// The control.
    pub control: Slug,
    /// Why.
    pub reason: String,
}

/// `hardening:` of a recipe.
#[derive(Debug, Clone)]
pub struct HardeningSpec {
    /// The profile's name.
    pub profile: String,
    /// Values for control parameters, over the profile's own.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// Controls beside the profile's.
    pub add: Vec<Slug>,
    /// Controls that this image does not meet.
    pub waivers: Vec<Waiver>,
    /// `network:` what controls may reach while they are applied; none where nothing is said of it, which means
    /// nothing at all.
    pub network: Option<Vec<NetworkAccess>>,
}

/// A control a recipe does not meet, with who answers for it and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// The control.
    pub control: Slug,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Where it is discussed.
    pub ticket: Option<String>,
    /// The last day on which it holds, `YYYY-MM-DD`.
    #[serde(with = "crate::recipe::date")]
    pub expires: time::Date,
}

/// What an image must reach before a pointer names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Gate {
    /// `minimum_score:` 0 to 100, of the score that the evidence shows.
    pub minimum_score: Option<f64>,
    /// `required:` controls that must pass or be waived.
    pub required: Vec<Slug>,
}

/// One of the recipe's own tests: a script in the started image.
#[derive(Debug, Clone)]
pub struct Test {
    /// What it shows.
    pub name: String,
    /// Success is exit status 0.
    pub script: Script,
}

/// What one build may use. Defaults are generous for an image and small for a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Longest time one bundle may run, in seconds.
    pub time_s: u64,
    /// Most processes and threads at once.
    pub processes: u64,
    /// Most memory, in bytes.
    pub memory_bytes: u64,
    /// Most that the build may write, in bytes.
    pub disk_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { time_s: 1800, processes: 1024, memory_bytes: 2 << 30, disk_bytes: 8 << 30 }
    }
}

impl std::fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ParameterValue::Boolean(value) => value.fmt(f),
            ParameterValue::Integer(value) => value.fmt(f),
            ParameterValue::Text(value) => f.write_str(value),
        }
    }
}
