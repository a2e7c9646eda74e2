//! The AWS target against the fake AWS.

mod build;
mod calls;
pub mod crash;
mod distribution;
mod elsewhere;
mod factory;
mod fleet;
mod hostile;
mod live;
pub mod loopback;
mod many;
mod readme;
mod retire;
mod sigkill;
mod unreached;
mod waits;
mod weather;
pub mod wire;
