//! EC2.

use super::World;
use super::params::Params;
use super::reply::{Failure, Incoming, Reply};
use super::settings::Settings;
use super::throttle::Limit;
use tokio::time::Instant;

#[derive(Debug, Clone)]
pub struct State;

impl State {
    pub fn new(_settings: &Settings, _random: &mut fastrand::Rng) -> State {
        State
    }
}

pub fn handle(_world: &mut World, call: &Incoming<'_>) -> Reply {
    Err(Failure::unknown("InvalidAction", call.action))
}

/// Whether a describe call names ids, filters or a page size.
pub fn is_filtered(_params: &Params) -> bool {
    true
}

pub fn limit(_action: &str, _filtered: bool) -> Limit {
    Limit { bucket: "", size: 100.0, refill: 20.0 }
}

/// What is due by now.
pub fn settle(_world: &mut World, _now: Instant) {}
