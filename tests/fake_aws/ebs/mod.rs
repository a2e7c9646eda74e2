//! EBS direct APIs: nothing of it is known yet; every call is answered as unknown.

use super::World;
use super::reply::{Failure, Incoming, Reply};
use super::settings::Settings;
use super::throttle::Limit;
use tokio::time::Instant;

#[derive(Debug, Clone)]
pub struct State;

impl State {
    pub fn new(_settings: &Settings) -> State {
        State
    }
}

pub fn handle(_world: &mut World, call: &Incoming<'_>) -> Reply {
    Err(Failure::unknown("UnknownOperationException", call.action))
}

/// No documented bucket.
pub fn limit(_action: &str) -> Limit {
    Limit { bucket: "", size: 100.0, refill: 50.0 }
}

/// What is due by now.
pub fn settle(_world: &mut World, _now: Instant) {}

/// The name of the operation behind a method and a path.
pub fn action(_method: &str, _path: &str) -> &'static str {
    "Unknown"
}
