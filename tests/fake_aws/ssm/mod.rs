//! Systems Manager: nothing of it is known yet; every call is answered as unknown.

use super::reply::{Failure, Incoming, Reply};
use super::settings::Settings;
use super::throttle::Limit;
use super::{Fake, World};
use tokio::time::Instant;

#[derive(Debug, Clone)]
pub struct State;

impl State {
    pub fn new(_settings: &Settings) -> State {
        State
    }
}

pub fn handle(_fake: &Fake, _world: &mut World, call: &Incoming<'_>) -> Reply {
    Err(Failure::unknown("UnknownOperationException", call.action))
}

/// No documented bucket.
pub fn limit(_action: &str) -> Limit {
    Limit { bucket: "", size: 100.0, refill: 50.0 }
}

/// What is due by now.
pub fn settle(_world: &mut World, _now: Instant) {}
