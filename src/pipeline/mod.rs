//! The pipeline: takes a plan through its steps on a target, and tells what happens as typed events.

mod event;

pub use event::{BuildResult, Event, Failure, Outcome, Sink};
