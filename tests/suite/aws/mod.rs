//! The AWS target against the fake AWS.

mod build;
mod calls;
mod factory;
mod hostile;
mod readme;
mod waits;
mod weather;
pub mod wire;
