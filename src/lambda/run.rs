//! The program as a child: what it holds ends with it, and nothing of it is frozen and thawed between invocations.

use crate::job::{Job, JobError};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// So long before the function's end the program is asked to stop.
const MARGIN: Duration = Duration::from_secs(20);
/// And so long it has for that: it only leaves what the next run finds.
const POLITE: Duration = Duration::from_secs(10);

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// By itself, with its last line; null where that is no JSON.
    Exited {
        /// Its exit code; negative where a signal ended it.
        code: i32,
        /// Its result.
        result: Value,
    },
    /// It was told to stop, because the time is nearly over.
    Stopped,
}

/// From a deadline in milliseconds since 1970, as the runtime API gives it.
pub fn time_left(deadline_ms: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(deadline_ms).saturating_sub(now).saturating_sub(MARGIN)
}

/// Runs a job for at most so long. What the program logs goes to the function's log, with the names of the Elastic Common
/// Schema.
pub async fn run(job: Job, limit: Duration) -> Result<Ended, JobError> {
    // The only folder in which a function may write. It may be empty or hold what an earlier invocation left.
    let state = std::env::var_os("AMIFACTORY_STATE").unwrap_or_else(|| std::env::temp_dir().join("amifactory").into());
    let folder = ["AMIFACTORY_FACTORY", "LAMBDA_TASK_ROOT"].iter().find_map(std::env::var_os);
    let mut command = Command::new(std::env::current_exe()?);
    command.args(job.arguments()).args(["--target", "aws", "--format", "json", "--log", "-", "--state"]).arg(state);
    command.arg("--factory").arg(folder.map_or_else(|| PathBuf::from("."), PathBuf::from));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    match timeout(limit, ended(&mut child)).await {
        Ok(ended) => ended,
        Err(_) => {
            if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
                // It may have ended just now.
                let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
            }
            if timeout(POLITE, child.wait()).await.is_err() {
                child.kill().await?;
            }
            Ok(Ended::Stopped)
        }
    }
}

async fn ended(child: &mut Child) -> Result<Ended, JobError> {
    let mut last = String::new();
    if let Some(out) = child.stdout.take() {
        let mut lines = BufReader::new(out).lines();
        while let Some(line) = lines.next_line().await? {
            last = line;
        }
    }
    let status = child.wait().await?;
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().unwrap_or_else(|| -status.signal().unwrap_or_default());
    Ok(Ended::Exited { code, result: serde_json::from_str(&last).unwrap_or_default() })
}
