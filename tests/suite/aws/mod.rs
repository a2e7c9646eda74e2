//! The AWS target against the fake AWS.

mod build;
mod factory;
mod hostile;
mod weather;
pub mod wire;
