//! Work on file trees: in this process for root, in a user namespace for an ordinary user, whose trees belong to the
//! subordinate ids of that namespace.

use super::sandbox;
use super::tree::{FileFailure, FileOperation, FileOutcome, OverlayXattrs, perform};
use std::path::PathBuf;

/// Performs file operations.
#[derive(Debug, Clone)]
pub struct Files {
    exe: PathBuf,
    ordinary: bool,
}

/// The name under which the helper process knows file operations.
pub const OPERATION: &str = "files";

impl Files {
    /// `exe` is this very program: it is its own helper.
    pub fn new(exe: PathBuf) -> Files {
        Files { exe, ordinary: !nix::unistd::Uid::effective().is_root() }
    }

    /// Performs an operation, wherever it has to be performed.
    pub fn run(&self, operation: &FileOperation) -> Result<FileOutcome, FileFailure> {
        if !self.ordinary {
            return perform(operation);
        }
        let request = serde_json::to_vec(operation)
            .map_err(|e| FileFailure::io("asking the helper", std::io::Error::other(e)))?;
        let answer = sandbox::run_in_user_namespace(&self.exe, OPERATION, &request)
            .map_err(|error| FileFailure::io("running the helper", std::io::Error::other(error.to_string())))?;
        let answer: Result<FileOutcome, FileFailure> = serde_json::from_slice(&answer)
            .map_err(|e| FileFailure::io("reading the helper's answer", std::io::Error::other(e)))?;
        answer
    }

    /// What the helper process does with a request.
    pub fn helper(request: &[u8]) -> Vec<u8> {
        let outcome = match serde_json::from_slice::<FileOperation>(request) {
            Ok(operation) => perform(&operation),
            Err(error) => Err(FileFailure::io("reading the request", std::io::Error::other(error))),
        };
        serde_json::to_vec(&outcome).unwrap_or_default()
    }

    /// How overlays of this user's sandboxes mark what they hide.
    pub fn overlay(&self) -> OverlayXattrs {
        if self.ordinary { OverlayXattrs::User } else { OverlayXattrs::Trusted }
    }
}
