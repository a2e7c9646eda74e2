//! A bundle: one portable sh script that carries many steps to a builder and answers one JSON line per step.

use crate::identity::Digest;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One step of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleStep {
    /// Unique in its bundle: `group/nginx/packages`, `control/<slug>/apply`, `control/<slug>/audit/persisted/0`,
    /// `test/<n>`.
    pub id: String,
    /// What people see while it runs.
    pub title: String,
    /// POSIX sh, all values already quoted. It runs in a subshell that has the functions of `hardening/lib`.
    pub body: String,
    /// Killed after this long. None: only the bundle's own limit holds.
    pub timeout: Option<Duration>,
    /// Whether the bundle goes on after this step failed.
    pub on_failure: OnFailure,
    /// How many bytes of the end of its output travel with its result; mostly [`TAIL_BYTES`].
    pub keep_bytes: usize,
}

/// What a failed step means for the rest of its bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The rest is not run.
    Stop,
    /// The rest is run all the same.
    Continue,
}

/// A rendered bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// What it is for: `apply`, `audit-before`, `audit-after`, `seal`, `tests`.
    pub name: &'static str,
    /// The script.
    pub script: String,
    /// Its steps' ids and titles, in order.
    pub steps: Vec<(String, String)>,
    /// sha256 of the script.
    pub digest: Digest,
}

/// What one step answered: one JSON line on the bundle's standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepResult {
    /// The step's id.
    pub step: String,
    /// Exit status; 124 where the step's time ran out.
    pub rc: i32,
    /// Wall time in milliseconds.
    pub ms: u64,
    /// The last lines of its output, as text (bytes that are not UTF-8 replaced), at most as many as the step keeps.
    pub out: String,
}

/// How much of a step's output travels with its result. The whole is in the log.
pub const TAIL_BYTES: usize = 4096;
