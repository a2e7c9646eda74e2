//! Exit codes, and the errors that end a verb.

use crate::pipeline::BuildError;
use crate::source::Diagnostic;
use crate::target::TargetError;

/// What the shell is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done, also "up to date".
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Wrong usage or input.
    Usage = 2,
    /// Refused by a gate.
    Refused = 3,
    /// Stale, or drift found.
    Stale = 4,
    /// Partly done.
    Partly = 5,
    /// Interrupted.
    Interrupted = 130,
}

/// Why a verb ended early.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The command line or the files name something that is not there, or can't be.
    #[error("{0}")]
    Usage(String),
    /// The files have mistakes.
    #[error("{} {} found; nothing was started", .0.len(), if .0.len() == 1 { "mistake" } else { "mistakes" })]
    Invalid(Vec<Diagnostic>),
    /// It was tried and failed.
    #[error("{0}")]
    Failed(String),
    /// It must not be done.
    #[error("{0}")]
    Refused(String),
}

impl CliError {
    /// What the shell is told.
    pub fn exit(&self) -> Exit {
        match self {
            CliError::Usage(_) | CliError::Invalid(_) => Exit::Usage,
            CliError::Failed(_) => Exit::Failed,
            CliError::Refused(_) => Exit::Refused,
        }
    }
}

impl From<TargetError> for CliError {
    fn from(error: TargetError) -> CliError {
        match error {
            TargetError::Unsupported { .. } | TargetError::Base { .. } => CliError::Usage(error.to_string()),
            other => CliError::Failed(other.to_string()),
        }
    }
}

impl From<BuildError> for CliError {
    fn from(error: BuildError) -> CliError {
        match error {
            BuildError::Target(error) => error.into(),
            BuildError::VersionTaken { .. } | BuildError::OtherVersion { .. } => CliError::Usage(error.to_string()),
            other => CliError::Failed(other.to_string()),
        }
    }
}

impl From<crate::pipeline::prepare::PrepareError> for CliError {
    fn from(error: crate::pipeline::prepare::PrepareError) -> CliError {
        match error {
            crate::pipeline::prepare::PrepareError::Target(error) => error.into(),
            other => CliError::Usage(other.to_string()),
        }
    }
}

impl From<crate::release::ReleaseError> for CliError {
    fn from(error: crate::release::ReleaseError) -> CliError {
        use crate::release::{Class, ReleaseError};
        match (error.class(), error) {
            (Class::Failed, ReleaseError::Target(error)) => error.into(),
            (Class::Failed, error) => CliError::Failed(error.to_string()),
            (Class::Refused, error) => CliError::Refused(error.to_string()),
            (Class::Input, error) => CliError::Usage(error.to_string()),
        }
    }
}

impl From<crate::rollout::RolloutError> for CliError {
    fn from(error: crate::rollout::RolloutError) -> CliError {
        use crate::rollout::RolloutError;
        match error {
            RolloutError::Release(error) => error.into(),
            RolloutError::Target(error) => error.into(),
            RolloutError::NotTested { .. }
            | RolloutError::Doubt { .. }
            | RolloutError::StillOut { .. }
            | RolloutError::Behind { .. }
            | RolloutError::Closed { .. } => CliError::Refused(error.to_string()),
            RolloutError::NoGroups(_)
            | RolloutError::NoneNamed(_)
            | RolloutError::NoGroup { .. }
            | RolloutError::NotReached { .. }
            | RolloutError::Twice(_) => CliError::Usage(error.to_string()),
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> CliError {
        CliError::Failed(error.to_string())
    }
}

impl From<crate::fleet::retire::RetireError> for CliError {
    fn from(error: crate::fleet::retire::RetireError) -> CliError {
        match error {
            crate::fleet::retire::RetireError::Target(error) => error.into(),
            other => CliError::Failed(other.to_string()),
        }
    }
}

impl From<crate::fleet::retire::restore::RestoreError> for CliError {
    fn from(error: crate::fleet::retire::restore::RestoreError) -> CliError {
        use crate::fleet::retire::restore::RestoreError;
        match error {
            RestoreError::Failed(error) => error.into(),
            RestoreError::NotRetired(_) | RestoreError::Back { .. } => CliError::Usage(error.to_string()),
            RestoreError::Gone { .. } => CliError::Failed(error.to_string()),
        }
    }
}

impl From<crate::pipeline::sweep::SweepError> for CliError {
    fn from(error: crate::pipeline::sweep::SweepError) -> CliError {
        CliError::Failed(error.to_string())
    }
}
