//! The AWS target against the fake AWS.

mod build;
mod calls;
pub mod crash;
mod factory;
mod hostile;
mod live;
mod readme;
mod sigkill;
mod waits;
mod weather;
pub mod wire;
