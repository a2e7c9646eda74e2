//! Evidence: per control what was expected, what was observed, before and after, and the status and score that follow.

use crate::identity::{RecipeName, Slug};
use crate::recipe::Waiver;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an audit says of a control. Only `pass` counts as passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Everything observed is as expected.
    Pass,
    /// Something observed is not as expected.
    Fail,
    /// The audit itself broke.
    Error,
    /// Not looked at, or can't be told here.
    Unknown,
    /// What the control is about does not exist in this image.
    NotApplicable,
    /// A person has to look.
    Manual,
    /// Not met, on record, until a date. What the audit saw stands beside it.
    Waived,
}

impl Status {
    /// As people read it.
    pub const fn words(self) -> &'static str {
        match self {
            Status::Pass => "pass",
            Status::Fail => "fail",
            Status::Error => "error",
            Status::Unknown => "unknown",
            Status::NotApplicable => "not applicable",
            Status::Manual => "manual",
            Status::Waived => "waived",
        }
    }
}

/// When an audit's answer is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditKind {
    /// Of files and packages: true of the image at rest.
    Persisted,
    /// Of the running system: true only after a boot.
    Runtime,
}

/// One look at one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was looked at: `/etc/ssh/sshd_config PermitRootLogin`.
    pub what: String,
    /// What it should be.
    pub expected: String,
    /// What it was.
    pub observed: String,
    /// Pass, fail, error, unknown or not applicable.
    pub status: Status,
}

/// One run of a control's audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// What was run: the primitive with its values, or the name of the script.
    pub ran: String,
    /// Persisted or runtime.
    pub kind: AuditKind,
    /// The outcome of all checks together.
    pub status: Status,
    /// Each look.
    pub checks: Vec<Check>,
    /// The last lines of what the audit printed beside its checks; empty mostly.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
}

/// All that is known of one control in one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControlEvidence {
    /// Which control.
    pub slug: Slug,
    /// Its title.
    pub title: String,
    /// Why it is there.
    pub rationale: String,
    /// Benchmark ids: `{"cis-al2023-1.0.0": "1.1.1.3"}`.
    pub ids: BTreeMap<String, String>,
    /// Benchmark level, 1 or 2.
    pub level: u8,
    /// The section of the benchmark, 1 to 6.
    pub section: u8,
    /// The gate asks for it.
    pub required: bool,
    /// What applying it can break, each as `network: how`; empty where it was not applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaks: Vec<String>,
    /// The status that counts.
    pub status: Status,
    /// Why, where the status alone does not say: the reason of a waiver, of not-applicable, of unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The waiver, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Waiver>,
    /// Where there is one: the recipes below that have applied it all the same, the nearest first. It stays applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applied_below: Vec<RecipeName>,
    /// Audits before anything was applied.
    pub before: Vec<Audit>,
    /// What applying it said: exit status and last lines. None where there was nothing to apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<Applied>,
    /// Audits in the started image.
    pub after: Vec<Audit>,
}

/// How applying a control went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Exit status of the apply step; 0 is success.
    pub exit: i32,
    /// Time it took, in milliseconds.
    pub ms: u64,
    /// Its last lines.
    pub output: String,
}

/// Counts per status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Controls that pass.
    pub pass: u32,
    /// Controls that fail.
    pub fail: u32,
    /// Controls whose audit broke.
    pub error: u32,
    /// Controls that could not be told.
    pub unknown: u32,
    /// Controls about things that are not there.
    pub not_applicable: u32,
    /// Controls that a person must look at.
    pub manual: u32,
    /// Controls waived.
    pub waived: u32,
}

impl Tally {
    /// Counts these.
    pub fn of<'a>(statuses: impl IntoIterator<Item = &'a Status>) -> Tally {
        let mut tally = Tally::default();
        for status in statuses {
            *match status {
                Status::Pass => &mut tally.pass,
                Status::Fail => &mut tally.fail,
                Status::Error => &mut tally.error,
                Status::Unknown => &mut tally.unknown,
                Status::NotApplicable => &mut tally.not_applicable,
                Status::Manual => &mut tally.manual,
                Status::Waived => &mut tally.waived,
            } += 1;
        }
        tally
    }

    /// `100 × pass / (pass + fail)`, one decimal; none where nothing passed or failed.
    pub fn score(&self) -> Option<f64> {
        let judged = self.pass + self.fail;
        (judged > 0).then(|| (f64::from(self.pass) * 1000.0 / f64::from(judged)).round() / 10.0)
    }

    /// The share of all controls that passed or failed, in percent: how much the score speaks for.
    pub fn coverage(&self) -> Option<f64> {
        let all = self.pass + self.fail + self.error + self.unknown + self.not_applicable + self.manual + self.waived;
        (all > 0).then(|| (f64::from(self.pass + self.fail) * 1000.0 / f64::from(all)).round() / 10.0)
    }
}
