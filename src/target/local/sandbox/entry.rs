//! How the binary becomes one of the sandbox's processes: by a hidden first argument.

use super::{Exit, Operation, SandboxSpec, init, operation, run, supervisor};
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// The supervisor.
pub(super) const SUPERVISE: &str = "__sandbox";
/// Pid 1 of the sandbox.
pub(super) const INIT: &str = "__sandbox-init";
/// A file operation in a user namespace.
pub(super) const OPERATE: &str = "__sandbox-operate";
/// For tests only: runs the spec in a JSON file and ends with the script's status; 70 for a signal, 71 for a limit,
/// 72 for an error, each with a word on standard error.
const RUN: &str = "__sandbox-run";

/// To be called first of all in `main`, before any thread starts: where the arguments ask for one of the sandbox's
/// processes, it is that process, and this returns its exit status. None for ordinary use.
pub fn sandbox_main(mut args: impl Iterator<Item = OsString>, operations: &[Operation]) -> Option<ExitCode> {
    match args.nth(1)?.to_str()? {
        SUPERVISE => Some(supervisor::main()),
        INIT => Some(init::main()),
        OPERATE => Some(operation::main(operations)),
        RUN => Some(run_spec_file(Path::new(&args.next()?))),
        _ => None,
    }
}

fn run_spec_file(path: &Path) -> ExitCode {
    let (status, word) = match try_run_spec_file(path) {
        Ok(Exit::Code(code)) => (u8::try_from(code).unwrap_or(69), String::new()),
        Ok(Exit::Signal(signal)) => (70, format!("signal {signal}")),
        Ok(Exit::LimitExceeded(limit)) => (71, format!("limit: {limit}")),
        Err(error) => (72, format!("error: {error}")),
    };
    let _ = writeln!(std::io::stderr(), "{word}");
    ExitCode::from(status)
}

fn try_run_spec_file(path: &Path) -> Result<Exit, Box<dyn std::error::Error>> {
    let spec: SandboxSpec = serde_json::from_slice(&std::fs::read(path)?)?;
    let exe = std::env::current_exe()?;
    let print = |line: &str| {
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(run(&spec, &exe, &print))?)
}
