//! The record that travels with an image: what it is, what it was made of, and the evidence.

use crate::hardening::{ControlEvidence, Tally};
use crate::identity::{Arch, BuildId, Digest, GroupName, OsFamily, RecipeName, TargetKind, Version};
use crate::recipe::Gate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All that is known of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// The recipe.
    pub recipe: RecipeName,
    /// The recipe's one-line description.
    pub description: String,
    /// The version.
    pub version: Version,
    /// The plan's digest.
    pub digest: Digest,
    /// The build that made it.
    pub build: BuildId,
    /// Where it was made.
    pub target: TargetKind,
    /// What it was made from.
    pub base: BaseRecord,
    /// Package groups, in order.
    pub groups: Vec<GroupRecord>,
    /// The hardening profile, where there is one.
    pub profile: Option<String>,
    /// Every control, by section and id.
    pub controls: Vec<ControlEvidence>,
    /// Counts per status.
    pub tally: Tally,
    /// Counts per status, for each benchmark level.
    pub tally_by_level: BTreeMap<u8, Tally>,
    /// The score, 0 to 100.
    pub score: Option<f64>,
    /// The score of the base before anything was applied.
    pub score_before: Option<f64>,
    /// The gate and whether it was met.
    pub gate: GateRecord,
    /// Health checks and tests in the started image.
    pub tests: Vec<TestRecord>,
    /// Installed packages, by name.
    pub packages: Vec<Package>,
    /// Who made it, when, with what.
    pub provenance: Provenance,
}

/// What an image was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseRecord {
    /// Unique for the content.
    pub id: String,
    /// For people.
    pub description: String,
    /// The OS family.
    pub family: OsFamily,
    /// The OS's own name for itself.
    pub os_name: String,
    /// The architecture.
    pub arch: Arch,
}

/// A package group in an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord {
    /// Its name.
    pub name: GroupName,
    /// Its version.
    pub version: Version,
    /// What it installs.
    pub packages: Vec<String>,
}

/// The gate and how it was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateRecord {
    /// What was asked.
    pub gate: Gate,
    /// What was not met; empty where the gate is passed.
    pub unmet: Vec<String>,
}

/// One health check or test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRecord {
    /// What it shows: the group's name and "health", or the test's own name.
    pub name: String,
    /// Exit status; 0 is success.
    pub exit: i32,
    /// Time it took, in milliseconds.
    pub ms: u64,
    /// Its last lines.
    pub output: String,
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version, as its package manager writes it.
    pub version: String,
    /// Its architecture, as its package manager writes it.
    pub arch: String,
    /// `deb` or `rpm`.
    pub kind: String,
}

/// Who made an image, when, with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// amifactory's own version.
    pub tool: String,
    /// When the build started, RFC 3339, UTC.
    pub started_at: String,
    /// When the image was verified, RFC 3339, UTC; empty until then.
    pub finished_at: String,
    /// What decided the image: component to digest, as in the plan.
    pub inputs: BTreeMap<String, String>,
}
