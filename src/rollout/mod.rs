//! Roll-out: Auto Scaling groups come to run the image that a channel names, wave by wave.
//!
//! | module | holds |
//! |---|---|
//! | [`goal`] | what is rolled out, and whether it may be |
//! | [`label`] | what stands in a version's description: so a group's last roll-out is found without a journal |
//! | [`decide`] | pure: what is due with a group, from what is seen of it; back, too |
//! | [`refusal`] | why a group can't be rolled, and what to do |
//! | [`mends`] | pure: the commands that make it fit |
//! | [`names`] | pure: the groups of a wave in one word |
//! | [`marks`] | whether an image is revoked, and whose one was that is gone |
//! | [`alarms`] | how the alarms stand that are to watch over it |
//! | [`still`] | where a revoked image still is, and how it is taken away |
//! | [`survey`] | looks at all groups before the first change |
//! | [`carry_out`] | one wave after the other, each group to its end |
//! | `gate` | what stands against beginning anything, asked just before each try |
//! | `tries` | how long something is tried that AWS does not say it has begun |
//! | `watch` | a refresh to its end; one that brings a revoked image is turned round |
//!
//! Nothing is kept on this machine. What is due is decided anew from what AWS shows, so the same command goes on from
//! wherever another run has died: it finds the version that was made, and watches the refresh that was begun.
//!
//! # What holds here
//!
//! - A roll-out keeps nothing on this machine: the description of a template's version says for which group and over
//!   which version it was made, its client token is a function of that, and a refresh says where it goes. So the same
//!   command goes on from anywhere. What failed in a group, or what it was brought back from, is read from its
//!   refreshes too, as long as AWS keeps them.
//! - Beginning a refresh and turning one round are the two calls that are not made again by the one owner of retries:
//!   what was decided before may not hold any more. Where no answer comes, the group is looked at anew and all that
//!   stands against it is asked again (`rollout/gate.rs`, `tries.rs`); what may have begun all the same shows, and is
//!   watched.

pub mod alarms;
pub mod carry_out;
pub mod decide;
mod error;
mod gate;
pub mod goal;
pub mod label;
pub mod marks;
pub mod mends;
pub mod names;
mod refusal;
pub mod still;
pub mod survey;
mod tries;
mod watch;

pub use carry_out::{Ended, Outcome, carry_out};
pub use error::RolloutError;
pub use goal::Goal;
pub use refusal::Refusal;
pub use survey::{Despite, GroupPlan, Request, Survey, survey};
