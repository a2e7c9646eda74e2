//! What a check before any build has found.

use crate::identity::{Arch, RecipeName};
use crate::recipe::{AwsSettings, Limits};
use crate::target::LaunchBase;
use serde::Serialize;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It was seen to be right.
    Pass,
    /// It can't be known beforehand.
    Unknown,
    /// Builds go on, but not as they should.
    Warn,
    /// Builds will fail.
    Fail,
}

/// One check and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: String,
    /// How it stands.
    pub severity: Severity,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Finding {
    /// A finding without a remedy.
    pub fn new(severity: Severity, check: impl Into<String>, detail: impl Into<String>) -> Finding {
        Finding { check: check.into(), severity, detail: detail.into(), mend: None }
    }

    /// It is right.
    pub fn pass(check: impl Into<String>, detail: impl Into<String>) -> Finding {
        Finding::new(Severity::Pass, check, detail)
    }

    /// It can't be known.
    pub fn unknown(check: impl Into<String>, detail: impl Into<String>) -> Finding {
        Finding::new(Severity::Unknown, check, detail)
    }

    /// It is not as it should be.
    pub fn warn(check: impl Into<String>, detail: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding::new(Severity::Warn, check, detail).mend(mend)
    }

    /// It is wrong.
    pub fn fail(check: impl Into<String>, detail: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding::new(Severity::Fail, check, detail).mend(mend)
    }

    /// With a remedy.
    pub fn mend(mut self, mend: impl Into<String>) -> Finding {
        self.mend = Some(mend.into());
        self
    }
}

/// What a recipe will need, as far as it could be planned.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The recipe.
    pub recipe: RecipeName,
    /// How its builders run.
    pub aws: AwsSettings,
    /// What its builds may use.
    pub limits: Limits,
    /// The architecture of its base; none where the base could not be found.
    pub arch: Option<Arch>,
    /// What its builder starts from; none where that could not be found, or is an image yet to be built.
    pub base: Option<LaunchBase>,
}
