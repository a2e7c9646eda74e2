//! The AWS target against the fake AWS.

mod build;
mod crash;
mod factory;
mod sigkill;
pub mod wire;
