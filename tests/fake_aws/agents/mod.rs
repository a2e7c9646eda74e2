//! What is on an instance: its disk, and whoever runs what SendCommand carries.

mod context;
pub mod remembering;
pub mod sandbox;
pub mod shell;
mod stand_in;

use async_trait::async_trait;
use std::collections::BTreeMap;
use std::time::Duration;

pub use context::{Secret, Stop, Stream, Watch};

/// What a disk comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Disk {
    /// The fake's own base: an image of the public catalogue.
    Base,
    /// The disk frozen by [`Agent::image`] under this AMI id. A copy of an AMI names the id that it was copied from.
    Image(String),
}

/// How a script is run.
#[derive(Debug, Clone, Default)]
pub struct RunContext {
    pub region: String,
    pub account: String,
    pub command_id: String,
    pub working_directory: Option<String>,
    /// The command's execution timeout. By this machine's clock: a process knows no other.
    pub timeout: Option<Duration>,
    /// Set when the script is to be killed.
    pub stop: Stop,
    /// Hears of output while it is written, as far as the agent can tell.
    pub watch: Watch,
    /// Parameters that the instance's role may read, by name.
    pub secrets: BTreeMap<String, Secret>,
}

/// What a script has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// The timeout was reached and the script killed.
    pub timed_out: bool,
}

/// Runs scripts on disks that outlive them. The fake adds states, limits and time.
#[async_trait]
pub trait Agent: Send + Sync {
    /// For people: what really happens to a command.
    fn describe(&self) -> String;

    /// The instance's disk comes into being. Called once in an instance's life.
    async fn boot(&self, instance: &str, disk: &Disk);

    /// Runs a script as root on the instance's disk.
    async fn run(&self, instance: &str, script: &str, context: &RunContext) -> Output;

    /// Freezes the instance's disk as it is now; the instance may go on.
    async fn image(&self, instance: &str, image: &str);

    /// The instance is gone, its disk with it.
    async fn forget_instance(&self, instance: &str);

    /// The image and its snapshots are gone.
    async fn forget_image(&self, image: &str);
}

/// No agent at all: every command fails. For worlds in which nothing is run.
pub struct NoAgent;

#[async_trait]
impl Agent for NoAgent {
    fn describe(&self) -> String {
        "none: commands fail".to_owned()
    }

    async fn boot(&self, _instance: &str, _disk: &Disk) {}

    async fn run(&self, _instance: &str, _script: &str, _context: &RunContext) -> Output {
        Output { code: 127, stdout: Vec::new(), stderr: b"this world has no agent\n".to_vec(), timed_out: false }
    }

    async fn image(&self, _instance: &str, _image: &str) {}
    async fn forget_instance(&self, _instance: &str) {}
    async fn forget_image(&self, _image: &str) {}
}
