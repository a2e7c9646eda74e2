//! What people are told of the fleet: what is new, worse or resolved since they were last told, and nothing else.
//!
//! | module | holds |
//! |---|---|
//! | [`item`] | pure: what can be told, each with a fingerprint that ages and counts don't change |
//! | [`memory`] | pure: what was told last, and how it is written down |
//! | [`digest`] | pure: the difference between the two |
//! | [`metrics`] | pure: a few numbers of each check, and alarms for when there are none |
//! | [`tickets`] | keeps items in OpsCenter in step with that |
//! | [`left`] | what is open there and nobody's any more |
//! | [`tell`] | tells each audience, and remembers that it did |
//!
//! # What holds here
//!
//! - What an audience was told lies in Parameter Store (`/amifactory/_notify/<audience>.<way>/`), written after it
//!   was sent: a digest is the difference to that, by fingerprints without ages and counts (`fleet/notify/`). A
//!   memory that is not whole is told, and replaced.

pub mod digest;
pub mod item;
pub mod left;
pub mod memory;
pub mod metrics;
pub mod tell;
pub mod tickets;

#[cfg(test)]
pub(crate) mod tests;
