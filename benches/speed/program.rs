//! Runs of programs, timed, and their memory.

use crate::Failure;
use crate::factory::Factory;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

/// The argument by which this program knows that it is to measure another one's memory.
const MEASURE: &str = "measure-memory";

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    pub wall: Duration,
    /// Processor time of all its processes, in seconds: it says more than the wall where others use the machine too.
    pub cpu_s: f64,
}

/// Measures what is done until [`Clock::stop`].
pub struct Clock {
    began: Instant,
    cpu_s: f64,
}

impl Clock {
    pub fn start() -> Clock {
        Clock { cpu_s: seconds_of_children(), began: Instant::now() }
    }

    pub fn stop(self) -> Took {
        let wall = self.began.elapsed();
        Took { wall, cpu_s: seconds_of_children() - self.cpu_s }
    }
}

/// Processor time of all children that have ended, with theirs.
pub fn seconds_of_children() -> f64 {
    getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0.0, |usage| seconds(&usage))
}

pub fn seconds(usage: &Usage) -> f64 {
    [usage.user_time(), usage.system_time()]
        .into_iter()
        .map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6)
        .sum()
}

/// The program that is measured, on a factory.
pub fn amifactory(factory: &Factory, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_amifactory"));
    command.args(arguments).current_dir(factory.path());
    for name in ["AMIFACTORY_STATE", "NO_COLOR", "CI"] {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end; one that fails is a failure, with its last lines.
pub fn timed(command: &mut Command) -> Result<Took, Failure> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let clock = Clock::start();
    let output = command.output()?;
    let took = clock.stop();
    succeeded(command, &output)?;
    Ok(took)
}

/// An error with the last lines of what a failed command said.
pub fn succeeded(command: &Command, output: &Output) -> Result<(), Failure> {
    if output.status.success() {
        return Ok(());
    }
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(12)..].join("\n    ");
    Err(format!("{} ended with {}\n    {last}", command.get_program().display(), output.status).into())
}

/// The most memory, in bytes, that a command had at once. The system keeps this per parent, for the largest child that
/// it ever had: so a fresh process of this program, which is small, runs it.
pub fn peak_memory(command: &Command) -> Result<f64, Failure> {
    let mut measuring = Command::new(std::env::current_exe()?);
    measuring.arg(MEASURE).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        measuring.current_dir(folder);
    }
    let output = measuring.stdin(Stdio::null()).output()?;
    succeeded(&measuring, &output)?;
    let text = String::from_utf8(output.stdout)?;
    let kilobytes: f64 = text.trim().parse()?;
    Ok(kilobytes * 1024.0)
}

/// Runs the rest of the arguments as a command and prints its peak memory in KiB, where this process was started for
/// that.
pub fn measured() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    arguments.next().filter(|first| first == MEASURE)?;
    let program = arguments.next()?;
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).status();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN);
    match (status, usage) {
        (Ok(status), Ok(usage)) if status.success() => {
            println!("{}", usage.max_rss());
            Some(ExitCode::SUCCESS)
        }
        _ => Some(ExitCode::FAILURE),
    }
}
