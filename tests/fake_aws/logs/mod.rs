//! CloudWatch Logs: nothing of it is known yet; every call is answered as unknown.

use super::World;
use super::reply::{Failure, Incoming, Reply};
use super::settings::Settings;
use super::throttle::Limit;

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
