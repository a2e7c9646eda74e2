//! The AWS target against the fake AWS.

mod build;
mod calls;
pub mod crash;
mod distribution;
pub mod elsewhere;
mod factory;
mod fleet;
mod holds;
mod hostile;
pub mod ladder;
mod left_locks;
mod live;
pub mod loopback;
mod many;
mod readme;
pub mod retire;
mod retire_forged;
mod retire_places;
mod retire_shared;
mod rollout;
mod scale;
mod scaling;
mod sigkill;
mod unreached;
mod waits;
mod weather;
pub mod wire;
