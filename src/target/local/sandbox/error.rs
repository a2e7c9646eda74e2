//! Why a sandbox could not run, and what to do. Failures cross process borders as [`Failure`].

use crate::target::TargetError;
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;

/// Why a sandbox could not run. How a script ended is not an error: that is `Exit`.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// This machine does not let this user make namespaces.
    #[error("this user can't make namespaces here: {why}\n  {help}")]
    NoNamespaces {
        /// What says no.
        why: String,
        /// What to do.
        help: String,
    },
    /// An ordinary user has no range of ids to map.
    #[error("a sandbox needs a range of user ids: {why}\n  {help}")]
    NoSubordinateIds {
        /// What is missing.
        why: String,
        /// What to do.
        help: String,
    },
    /// `base: host` as an ordinary user.
    #[error(
        "`base: host` needs root: this machine's files belong to users that an ordinary user can't map\n  run it with \
         sudo, or use a root filesystem as the base, such as one that mmdebstrap makes"
    )]
    HostNeedsRoot,
    /// The folder can't be the upper layer of an overlay.
    #[error(
        "{} is on {filesystem}, which can't hold the changes of an overlay\n  use --state DIR with a folder on ext4, xfs, \
         btrfs or tmpfs", path.display()
    )]
    UpperFilesystem {
        /// The folder.
        path: PathBuf,
        /// What kind of filesystem it is on.
        filesystem: String,
    },
    /// Other users could run setuid files that steps leave in the upper.
    #[error(
        "other users can enter {}, and could run setuid files that steps make there\n  chmod 700 the state folder",
        path.display()
    )]
    Exposed {
        /// The upper.
        path: PathBuf,
    },
    /// The base or a layer can't be used.
    #[error("{what}\n  {help}")]
    Base {
        /// What is wrong with it.
        what: String,
        /// What to do.
        help: String,
    },
    /// The kernel refused a step of the set-up.
    #[error("the sandbox could not be set up: {what}: {source}\n  {help}")]
    SetUp {
        /// What was being done.
        what: String,
        /// What the kernel said.
        source: io::Error,
        /// What to do.
        help: String,
    },
    /// A process of the sandbox went away without a word.
    #[error("the sandbox died: {what}\n  run the build again; if it happens again, look at the kernel log (dmesg)")]
    Died {
        /// What is known.
        what: String,
    },
    /// A file or process of this machine.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, to what.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file operation in the user namespace failed.
    #[error("{operation}: {why}")]
    Operation {
        /// Which one.
        operation: String,
        /// What it said.
        why: String,
    },
}

impl From<SandboxError> for TargetError {
    fn from(error: SandboxError) -> TargetError {
        match error {
            SandboxError::Io { what, source } => TargetError::Io { what, source },
            other => {
                let text = other.to_string();
                let (what, help) = text.split_once("\n  ").unwrap_or((&text, "run `amifactory doctor`"));
                TargetError::Unsupported { what: what.to_owned(), help: help.to_owned() }
            }
        }
    }
}

/// What a failure is about; decides the advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum FailureKind {
    /// Making namespaces.
    Namespaces,
    /// Mounting the overlay.
    Overlay,
    /// What the base holds.
    Base,
    /// Anything else in the set-up.
    SetUp,
    /// A process died.
    Died,
}

/// A failure on its way from one process to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    pub kind: FailureKind,
    pub what: String,
    pub errno: i32,
}

impl Failure {
    pub fn new(kind: FailureKind, what: impl Into<String>) -> Failure {
        Failure { kind, what: what.into(), errno: 0 }
    }

    /// The same failure under another heading.
    pub fn of_kind(mut self, kind: FailureKind) -> Failure {
        self.kind = kind;
        self
    }

    pub fn into_error(self) -> SandboxError {
        let source = io::Error::from_raw_os_error(self.errno);
        match self.kind {
            FailureKind::Namespaces => SandboxError::NoNamespaces {
                why: format!("{}: {source}", self.what),
                help: super::user::namespace_advice(),
            },
            FailureKind::Overlay => SandboxError::SetUp {
                what: self.what,
                source,
                help: "if the state folder is on a network, FUSE or overlay filesystem, use --state DIR with a folder \
                       on ext4, xfs, btrfs or tmpfs; `dmesg` shows what overlayfs itself says"
                    .into(),
            },
            FailureKind::Base => {
                let what = if self.errno == 0 { self.what } else { format!("{}: {source}", self.what) };
                SandboxError::Base { what, help: "use a base that holds a whole root filesystem".into() }
            }
            FailureKind::SetUp => {
                let help = if self.errno == Errno::EPERM as i32 || self.errno == Errno::EACCES as i32 {
                    "inside a container, allow it namespaces and mounts (such as --privileged), or run on the machine \
                     itself"
                } else {
                    "run `amifactory doctor`"
                };
                SandboxError::SetUp { what: self.what, source, help: help.into() }
            }
            FailureKind::Died => SandboxError::Died { what: self.what },
        }
    }
}

/// Says what was being done when a system call failed.
pub(super) trait Doing<T> {
    /// Turns the error into a [`Failure`] that names what was being done.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T> Doing<T> for nix::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|errno| Failure { kind: FailureKind::SetUp, what: what(), errno: errno as i32 })
    }
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| match error.raw_os_error() {
            Some(errno) => Failure { kind: FailureKind::SetUp, what: what(), errno },
            None => Failure { kind: FailureKind::SetUp, what: format!("{} ({error})", what()), errno: 0 },
        })
    }
}
