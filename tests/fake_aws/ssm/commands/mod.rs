//! Run Command: what was sent, and what became of it on each instance.

pub mod api;
mod filters;
pub mod life;
pub mod send;
mod templating;
mod truncate;

use crate_agents::Stop;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

use super::super::agents as crate_agents;

/// The only document here.
pub const DOCUMENT: &str = "AWS-RunShellScript";
/// Its only plugin, as `GetCommandInvocation` names it.
pub const PLUGIN: &str = "aws:runShellScript";
/// Where output goes when no log group is named: "Configuring CloudWatch Logs for Run Command" in the user guide.
pub const LOG_GROUP: &str = "/aws/ssm/AWS-RunShellScript";

/// One account's commands in one region, oldest first.
#[derive(Debug, Default)]
pub struct Commands {
    pub all: Vec<Command>,
}

impl Commands {
    pub fn get(&self, id: &str) -> Option<&Command> {
        self.all.iter().find(|command| command.id == id)
    }

    pub fn invocation(&mut self, id: &str, instance: &str) -> Option<&mut Invocation> {
        self.all.iter_mut().find(|command| command.id == id)?.invocations.get_mut(instance)
    }
}

#[derive(Debug)]
pub struct Command {
    pub id: String,
    pub comment: String,
    pub parameters: BTreeMap<String, Vec<String>>,
    pub instance_ids: Vec<String>,
    pub targets: serde_json::Value,
    pub requested: Instant,
    /// From when on reads see it.
    pub visible: Instant,
    pub delivery_timeout: Duration,
    pub execution_timeout: Duration,
    pub log_group: Option<String>,
    pub script: String,
    pub working_directory: Option<String>,
    pub invocations: BTreeMap<String, Invocation>,
}

/// A command on one instance.
#[derive(Debug)]
pub struct Invocation {
    pub status: Status,
    /// −1 until it has started.
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub started: Option<Instant>,
    pub ended: Option<Instant>,
    /// Kills what runs.
    pub stop: Stop,
    /// How often the script was begun: more than once after reboots.
    pub runs: u32,
}

impl Invocation {
    pub fn new() -> Invocation {
        Invocation {
            status: Status::Pending,
            code: -1,
            stdout: Vec::new(),
            stderr: Vec::new(),
            started: None,
            ended: None,
            stop: Stop::default(),
            runs: 0,
        }
    }

    pub fn end(&mut self, status: Status, at: Instant) {
        self.status = status;
        self.ended = Some(at);
    }
}

/// The states of the user guide's "Understanding command statuses".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Pending,
    Delayed,
    InProgress,
    Cancelling,
    Success,
    Failed,
    Cancelled,
    ExecutionTimedOut,
    DeliveryTimedOut,
    Undeliverable,
    Terminated,
}

impl Status {
    pub fn has_ended(self) -> bool {
        !matches!(self, Status::Pending | Status::Delayed | Status::InProgress | Status::Cancelling)
    }

    /// The `StatusDetails`.
    pub fn details(self) -> &'static str {
        match self {
            Status::Pending => "Pending",
            Status::Delayed => "Delayed",
            Status::InProgress => "InProgress",
            Status::Cancelling => "Cancelling",
            Status::Success => "Success",
            Status::Failed => "Failed",
            Status::Cancelled => "Cancelled",
            Status::ExecutionTimedOut => "ExecutionTimedOut",
            Status::DeliveryTimedOut => "DeliveryTimedOut",
            Status::Undeliverable => "Undeliverable",
            Status::Terminated => "Terminated",
        }
    }

    /// The `Status`, which knows fewer.
    pub fn name(self) -> &'static str {
        match self {
            Status::ExecutionTimedOut | Status::DeliveryTimedOut => "TimedOut",
            Status::Undeliverable | Status::Terminated => "Failed",
            other => other.details(),
        }
    }
}

impl Command {
    /// The command's own state: that of all its invocations together.
    pub fn status(&self) -> Status {
        let any = |status| self.invocations.values().any(|invocation| invocation.status == status);
        let all_ended = self.invocations.values().all(|invocation| invocation.status.has_ended());
        if !all_ended {
            let begun = self.invocations.values().any(|invocation| invocation.status != Status::Pending);
            return match () {
                () if any(Status::Cancelling) => Status::Cancelling,
                () if begun => Status::InProgress,
                () => Status::Pending,
            };
        }
        let worst = [
            Status::Cancelled,
            Status::ExecutionTimedOut,
            Status::Failed,
            Status::Terminated,
            Status::Undeliverable,
            Status::DeliveryTimedOut,
        ];
        worst.into_iter().find(|status| any(*status)).unwrap_or(Status::Success)
    }

    /// When it no longer counts as running, whatever its instances say.
    pub fn expires(&self) -> Instant {
        self.requested + self.delivery_timeout + self.execution_timeout
    }
}
