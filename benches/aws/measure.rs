//! Runs of programs: wall, processor time, peak memory. The system keeps peak memory per parent, for its largest child:
//! so a fresh process of this program runs each.

use crate::Failure;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

pub const MEASURE: &str = "measure";

/// What one or several programs took.
#[derive(Debug, Default)]
pub struct Took {
    pub wall_s: f64,
    /// All processes together, theirs included.
    pub cpu_s: f64,
    /// In bytes: the peak of each program's largest process, added up.
    pub memory: f64,
    /// Those that did not succeed: the first error that each told of.
    pub failed: Vec<String>,
}

/// Programs that run at once.
pub struct Running {
    began: Instant,
    children: Vec<Child>,
}

impl Running {
    /// Starts all of them.
    pub fn start(commands: Vec<Command>) -> Result<Running, Failure> {
        let began = Instant::now();
        let mut children = Vec::new();
        for command in commands {
            let mut measuring = Command::new(std::env::current_exe()?);
            measuring.arg(MEASURE).arg(command.get_program()).args(command.get_args());
            for (name, value) in command.get_envs() {
                match value {
                    Some(value) => measuring.env(name, value),
                    None => measuring.env_remove(name),
                };
            }
            if let Some(folder) = command.get_current_dir() {
                measuring.current_dir(folder);
            }
            children.push(measuring.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
        }
        Ok(Running { began, children })
    }

    /// Waits for all.
    pub fn end(self) -> Result<Took, Failure> {
        let mut all = Took::default();
        for mut child in self.children {
            let mut text = String::new();
            if let Some(mut stdout) = child.stdout.take() {
                stdout.read_to_string(&mut text)?;
            }
            let (numbers, why) = text.split_once('\n').unwrap_or((&text, ""));
            if !child.wait()?.success() {
                all.failed.push(why.trim().to_owned());
            }
            let numbers: Vec<f64> = numbers.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
            let [wall_s, cpu_s, memory] = numbers[..] else { return Err("a measurement has three numbers".into()) };
            // Each says when it ended by how long it took: those that are read late are not late.
            all.wall_s = all.wall_s.max(wall_s);
            all.cpu_s += cpu_s;
            all.memory += memory;
        }
        all.wall_s = all.wall_s.min(self.began.elapsed().as_secs_f64());
        Ok(all)
    }
}

/// Runs a program; prints seconds, processor seconds and bytes, and then, where it failed, the first error it told of.
pub fn child(program: &str, arguments: &[&str]) -> Result<(), Failure> {
    let began = Instant::now();
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
    let wall = began.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    println!("{wall} {} {}", seconds(&usage), usage.max_rss() as f64 * 1024.0);
    if output.status.success() {
        return Ok(());
    }
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text);
    let first = text.lines().find(|line| line.to_ascii_lowercase().contains("error")).or(text.lines().last());
    println!("{}", first.unwrap_or("it told of none"));
    std::process::exit(1);
}

fn seconds(usage: &Usage) -> f64 {
    let times = [usage.user_time(), usage.system_time()];
    times.into_iter().map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6).sum()
}
