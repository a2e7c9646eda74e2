//! A digest of the fleet as it is sent: a subject and a body for mail and chat, JSON for machines. Deterministic, and of
//! bounded length whatever the fleet holds.

mod message;

pub use message::{SUBJECT, body, json, subject};

#[cfg(test)]
mod tests;
