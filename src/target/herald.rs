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

/// Something that people are to do, in OpsCenter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// What it is about: of one key only one is open.
    pub key: String,
    /// Where.
    pub place: String,
    /// On one line, at most 1024 characters.
    pub title: String,
    /// In Markdown, at most 2048 characters.
    pub description: String,
    /// From 1, the worst, to 4.
    pub severity: u8,
    /// What it is about, by ARNs.
    pub resources: Vec<String>,
}

/// One that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTicket {
    /// Its id.
    pub id: String,
    /// Its key.
    pub key: String,
    /// Where what it is about is.
    pub place: String,
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
    /// Items that are open, or that someone works on, and whose keys begin with this.
    async fn open_tickets(&self, prefix: &str) -> Result<Vec<OpenTicket>, TargetError>;
    /// Opens an item, or brings the one up to date that is open under its key.
    async fn open_ticket(&self, ticket: &Ticket) -> Result<(), TargetError>;
    /// Says of an item that it is resolved. One that is gone is fine.
    async fn resolve_ticket(&self, id: &str) -> Result<(), TargetError>;
}
