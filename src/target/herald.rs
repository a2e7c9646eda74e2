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
    /// What of it has to stay true while nothing else changes, in letters and digits; it is shown with the open one.
    pub stamp: String,
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
    /// Its stamp; empty where it has none.
    pub stamp: String,
}

/// A number, by its metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The metric's name.
    pub name: &'static str,
    /// What it is of.
    pub dimensions: Vec<(&'static str, String)>,
    /// The number.
    pub value: f64,
}

/// An alarm over one of our metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// What it means, for people.
    pub description: String,
    /// The metric; empty where it is not one of ours.
    pub metric: String,
    /// Whose: nothing where the factory has no name.
    pub dimensions: Vec<(String, String)>,
    /// Whether the sum of a period counts, or else its maximum.
    pub is_sum: bool,
    /// Whether it rings below the threshold, or else above it.
    pub is_below: bool,
    /// Where it rings.
    pub threshold: f64,
    /// Of a period, in seconds.
    pub period: i32,
    /// How many periods in a row it takes.
    pub periods: i32,
    /// Whether it rings where there is no number at all.
    pub breaching: bool,
    /// What is told then, by ARNs.
    pub actions: Vec<String>,
    /// Whether anything is told then at all, and it counts all numbers of all periods: actions can be switched off, and an
    /// alarm can look at some unit alone or be content with some periods.
    pub is_whole: bool,
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
    /// Whether a webhook's settings are in order, as far as that can be told without a request. The address is told to nobody.
    fn check(&self, hook: &Hook) -> Result<(), TargetError>;
    /// Items that are open, or that someone works on, and whose keys begin with this.
    async fn open_tickets(&self, prefix: &str) -> Result<Vec<OpenTicket>, TargetError>;
    /// Opens an item, or brings the one up to date that is open under its key.
    async fn open_ticket(&self, ticket: &Ticket) -> Result<(), TargetError>;
    /// Brings the item of this id up to date, whatever its key. One that is gone is fine.
    async fn update_ticket(&self, id: &str, ticket: &Ticket) -> Result<(), TargetError>;
    /// Says of an item that it is resolved. One that is gone is fine.
    async fn resolve_ticket(&self, id: &str) -> Result<(), TargetError>;
    /// Puts metrics.
    async fn measure(&self, points: &[Point]) -> Result<(), TargetError>;
    /// The alarms whose names begin with this, as they are.
    async fn alarms(&self, prefix: &str) -> Result<Vec<Alarm>, TargetError>;
    /// Declares an alarm, over what has its name.
    async fn put_alarm(&self, alarm: &Alarm) -> Result<(), TargetError>;
}
