//! Hostile text on its way to a builder and back, sizes past every limit, secrets.

// The world is let go by `drop` before each await, which the lint does not see: held over one, the fake would hang.
#![allow(clippy::await_holding_lock)]

mod secret;
mod size;
mod tags;
mod text;

use super::weather::place::{Place, seconds};
use std::time::Duration;

/// As in calm weather.
const CALM: Duration = seconds(300);

/// A bundle's log, as the program keeps it for people.
fn log(place: &Place, bundle: &str) -> Vec<u8> {
    let state = place.state();
    let build = state.builds().unwrap().pop().unwrap();
    std::fs::read(state.build(&build).join("log").join(format!("{bundle}.log"))).unwrap()
}
