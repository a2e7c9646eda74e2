//! Images: one for each build of a recipe. What an image was made by is kept as it was then.

mod create;
mod end;
mod list;
mod show;

use super::super::agents::Stop;
use super::super::ec2::{Home, Tags, Timeline};
use super::arn::Version;
use super::workflows::Workflow;
use serde_json::Value;
use tokio::time::Instant;

pub use create::{NEEDS, Order, begin, create, order};
pub use end::{cancel, delete};
pub use list::{all, list, list_builds, summary};
pub use show::{get, newest, shown};

/// A build and what came of it.
#[derive(Debug, Clone)]
pub struct Image {
    pub home: Home,
    pub arn: String,
    /// The recipe's.
    pub name: String,
    pub version: Version,
    pub build: u32,
    pub recipe: Value,
    pub infrastructure: Value,
    pub distribution: Option<Value>,
    pub tests: Value,
    pub metadata: bool,
    pub pipeline: Option<String>,
    /// `executionRole`, `workflows`, `loggingConfiguration`.
    pub more: Value,
    pub log_group: String,
    pub tags: Tags,
    pub created: Instant,
    pub visible: Instant,
    pub serial: u64,
    pub state: Timeline<State>,
    pub os_version: Option<String>,
    /// Known when all of them are there.
    pub amis: Vec<Ami>,
    pub workflows: Vec<Workflow>,
    /// Somebody has asked for its end.
    pub cancelled: bool,
    /// Ends what runs on its instances.
    pub stop: Stop,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub status: &'static str,
    pub reason: Option<String>,
    /// `failureContext`
    pub failure: Option<Value>,
}

/// An AMI that a build has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ami {
    pub region: String,
    pub id: String,
    pub name: String,
    pub description: String,
}

impl State {
    pub fn of(status: &'static str) -> State {
        State { status, reason: None, failure: None }
    }

    /// Nothing comes after it.
    pub fn is_over(&self) -> bool {
        matches!(self.status, "AVAILABLE" | "FAILED" | "CANCELLED")
    }
}

impl Image {
    /// The ARN without the build number.
    pub fn version_arn(&self) -> &str {
        self.arn.rsplit_once('/').map_or(self.arn.as_str(), |(version, _)| version)
    }

    pub fn is_over(&self, now: Instant) -> bool {
        self.state.at(now).is_over()
    }

    /// The name of its log stream.
    pub fn log_stream(&self) -> String {
        format!("{}/{}", self.version, self.build)
    }
}
