//! File operations on trees whose files belong to an ordinary user's sub-ids: only root of a user namespace with
//! the same mapping can remove, pack or unpack them.

use super::control::{self, Message};
use super::error::{Failure, FailureKind};
use super::{SandboxError, entry, run, supervisor, user};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use tokio::process::Command;

/// An operation that runs with the sandbox's ids. Its text answer is up to it.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Unique; the helper process finds it by this name.
    pub name: &'static str,
    /// What it does.
    pub run: fn(&[String]) -> Result<String, String>,
}

/// Removes the trees that it is given. Those that are gone are no failure.
pub const REMOVE_TREE: Operation = Operation { name: "remove-tree", run: remove_trees };

fn remove_trees(paths: &[String]) -> Result<String, String> {
    for path in paths {
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(format!("{path}: {error}")),
            _ => {}
        }
    }
    Ok(String::new())
}

/// Runs an operation as root of a user namespace with the ids that sandboxes use; as root, here and now. The
/// operation must be among those that `main` gives to `sandbox_main`.
pub async fn run_in_user_namespace(
    exe: &Path,
    operation: &Operation,
    arguments: &[String],
) -> Result<String, SandboxError> {
    let failed = |why: String| SandboxError::Operation { operation: operation.name.to_owned(), why };
    if !user::is_ordinary() {
        let (run, arguments) = (operation.run, arguments.to_vec());
        let done = tokio::task::spawn_blocking(move || run(&arguments)).await;
        return done.map_err(|error| failed(error.to_string()))?.map_err(failed);
    }
    user::check(false)?;
    let mut command = Command::new(exe);
    command.arg(entry::OPERATE).stdout(Stdio::null()).stderr(Stdio::null());
    let (mut child, socket) = run::start(command, exe)?;
    socket.send(&Message::Operate(operation.name.to_owned(), arguments.to_vec())).await?;
    let answer = loop {
        match socket.receive().await? {
            Some((Message::MapIds, _)) => {
                let pid = child.id().ok_or_else(|| failed("the helper process is gone".into()))?;
                user::map_ids(pid).await?;
                socket.send(&Message::Mapped).await?;
            }
            Some((Message::Operated(answer), _)) => break answer.map_err(failed),
            Some((Message::Failed(failure), _)) => break Err(failure.into_error()),
            Some(_) => {}
            None => break Err(failed("the helper process died".into())),
        }
    };
    let _ = child.wait().await;
    answer
}

/// The helper process's whole life.
pub(super) fn main(operations: &[Operation]) -> ExitCode {
    let Ok(above) = control::above() else { return ExitCode::FAILURE };
    let answer = match control::receive(&above) {
        Ok(Some((Message::Operate(name, arguments), _))) => match supervisor::enter_user_namespace(&above) {
            Ok(true) => match operations.iter().chain([&REMOVE_TREE]).find(|operation| operation.name == name) {
                Some(operation) => Message::Operated((operation.run)(&arguments)),
                None => Message::Failed(Failure::new(FailureKind::SetUp, format!("no operation is called {name}"))),
            },
            Ok(false) => return ExitCode::FAILURE,
            Err(failure) => Message::Failed(failure),
        },
        _ => return ExitCode::FAILURE,
    };
    match control::send(&above, &answer, None) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
