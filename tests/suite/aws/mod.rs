//! The AWS target against the fake AWS.

mod build;
mod calls;
pub mod crash;
mod distribution;
mod elsewhere;
mod factory;
mod fleet;
mod hostile;
pub mod ladder;
mod live;
pub mod loopback;
mod many;
mod readme;
pub mod retire;
mod rollout;
mod scale;
mod sigkill;
mod unreached;
mod waits;
mod weather;
pub mod wire;
