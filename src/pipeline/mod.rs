//! The pipeline: takes a plan through its steps on a target, and tells what happens as typed events.
//!
//! [`engine`] runs the [`steps`]; [`journal`] and [`tags`] are what a build leaves behind so that it can be found;
//! [`sweep`] finds what a dead build left.

pub mod adopt;
pub mod build;
pub mod clock;
pub mod engine;
pub mod error;
mod event;
pub mod evidence;
pub mod folder;
pub mod ids;
pub mod journal;
pub mod packages;
pub mod prepare;
pub mod published;
mod result;
pub mod resume;
pub mod schedule;
pub mod schedules;
pub mod steps;
pub mod sweep;
pub mod tags;
pub mod underway;
pub mod wait;

pub use engine::{BuildOptions, Built, Engine};
pub use error::BuildError;
pub use event::{BuildResult, Event, Failure, Outcome, Sink};
pub use folder::{LockAttempt, RecipeLock, StateFolder};
