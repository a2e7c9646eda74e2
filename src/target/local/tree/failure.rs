//! Why an operation on a file tree failed, in a form that can cross a process boundary.

use crate::target::TargetError;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Why an operation on a file tree failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum FileFailure {
    /// The system refused.
    #[error("{what}: {message}")]
    Io {
        /// What was being done, to which file.
        what: String,
        /// The system's error number, where there is one.
        errno: Option<i32>,
        /// What the system said.
        message: String,
    },
    /// What was read is broken, hostile, or more than is allowed.
    #[error("{why}\n  {help}")]
    Refused {
        /// What is wrong, with the name of the entry.
        why: String,
        /// What to do.
        help: String,
    },
}

impl FileFailure {
    pub(crate) fn io(what: impl Into<String>, error: impl Into<std::io::Error>) -> Self {
        let error = error.into();
        FileFailure::Io { what: what.into(), errno: error.raw_os_error(), message: error.to_string() }
    }

    pub(crate) fn refused(why: impl Into<String>, help: impl Into<String>) -> Self {
        FileFailure::Refused { why: why.into(), help: help.into() }
    }

    /// As the failure of a base.
    pub fn of_base(self, base: &str) -> TargetError {
        match self {
            FileFailure::Io { what, errno, message } => {
                TargetError::Io { what: format!("base {base}: {what}"), source: source(errno, message) }
            }
            FileFailure::Refused { why, help } => TargetError::Base { base: base.to_owned(), what: why, help },
        }
    }

    /// As damage to something that is stored.
    pub fn of_stored(self, path: &Path) -> TargetError {
        match self {
            FileFailure::Io { what, errno, message } => TargetError::Io { what, source: source(errno, message) },
            FileFailure::Refused { why, help } => TargetError::Damaged { what: path.display().to_string(), why, help },
        }
    }
}

fn source(errno: Option<i32>, message: String) -> std::io::Error {
    errno.map_or_else(|| std::io::Error::other(message), std::io::Error::from_raw_os_error)
}

/// A name from a tree or an archive for people: control characters, which could act on a terminal, are escaped.
pub(crate) fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().fold(String::with_capacity(name.len()), |mut text, c| {
        if c.is_control() {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
        text
    })
}
