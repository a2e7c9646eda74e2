//! What was called, for tests to look at.

use serde_json::Value;
use tokio::time::Instant;

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    pub at: Instant,
    /// `ec2`, `ssm`, `sts`, `servicequotas`, `logs`, `ebs`, `imagebuilder`.
    pub service: &'static str,
    pub action: String,
    pub region: String,
    /// The access key id that signed it.
    pub key: String,
    pub outcome: Outcome,
    /// Ids of what was made or changed.
    pub resources: Vec<String>,
    /// The IAM actions that it needed: `ec2:RunInstances`, `iam:PassRole`.
    pub permissions: Vec<String>,
    /// The request: the JSON body, or an object of the query's parameters.
    pub params: Value,
}

/// How a call ended for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    /// The error's code.
    Error(String),
    /// Dropped before the effect.
    Reset,
    /// Dropped after the effect.
    ReplyLost,
}

/// A call that the fake does not know. Tests fail on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCall {
    pub service: String,
    pub action: String,
}
