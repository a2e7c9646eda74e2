//! How people are told something, as a target offers it, and what it keeps of that between runs.

use super::TargetError;
use crate::identity::TopicArn;
use crate::recipe::Hook;
use async_trait::async_trait;

/// What was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Nothing was ever kept under this name.
    Nothing,
    /// This was.
    Text(String),
    /// Something is there that is not whole; why. Keeping something new replaces it.
    Damaged(String),
}

/// Tells, and remembers.
#[async_trait]
pub trait Herald: Send + Sync {
    /// What was kept under a name: letters, digits and `-`.
    async fn recall(&self, name: &str) -> Result<Kept, TargetError>;
    /// Keeps a text of the letters of base64 and `.`. A run that dies on the way leaves what was kept before, or something
    /// that is damaged: never a mixture that passes for whole.
    async fn remember(&self, name: &str, text: &str) -> Result<(), TargetError>;
    /// Writes to a topic. It may arrive twice.
    async fn publish(&self, topic: &TopicArn, subject: &str, body: &str) -> Result<(), TargetError>;
    /// Posts JSON to a webhook. It may arrive twice. The address is told to nobody.
    async fn post(&self, hook: &Hook, json: &str) -> Result<(), TargetError>;
}
