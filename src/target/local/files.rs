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
pub const OPERATION: sandbox::Operation = sandbox::Operation { name: "files", run: helper };

impl Files {
    /// `exe` is this very program: it is its own helper.
    pub fn new(exe: PathBuf) -> Files {
        Files { exe, ordinary: !nix::unistd::Uid::effective().is_root() }
    }

    /// Everything in this process, whoever runs it: for tests of trees that are its own.
    #[cfg(test)]
    pub fn in_process() -> Files {
        Files { exe: PathBuf::new(), ordinary: false }
    }

    /// Performs an operation, wherever it has to be performed.
    pub fn run(&self, operation: &FileOperation) -> Result<FileOutcome, FileFailure> {
        if !self.ordinary {
            return perform(operation);
        }
        let failed = |what: &str, why: String| FileFailure::io(what, std::io::Error::other(why));
        let request =
            serde_json::to_string(operation).map_err(|error| failed("asking the helper", error.to_string()))?;
        // Always called from a thread that may block.
        let answer = tokio::runtime::Handle::current()
            .block_on(sandbox::run_in_user_namespace(&self.exe, &OPERATION, &[request]))
            .map_err(|error| failed("running the helper", error.to_string()))?;
        serde_json::from_str::<Result<FileOutcome, FileFailure>>(&answer)
            .map_err(|error| failed("reading the helper's answer", error.to_string()))?
    }

    /// How overlays of this user's sandboxes mark what they hide.
    pub fn overlay(&self) -> OverlayXattrs {
        if self.ordinary { OverlayXattrs::User } else { OverlayXattrs::Trusted }
    }
}

/// What the helper process does with a request.
fn helper(arguments: &[String]) -> Result<String, String> {
    let [request] = arguments else { return Err("expected one request".into()) };
    let operation: FileOperation = serde_json::from_str(request).map_err(|error| error.to_string())?;
    serde_json::to_string(&perform(&operation)).map_err(|error| error.to_string())
}
