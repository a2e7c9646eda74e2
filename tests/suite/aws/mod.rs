//! The AWS target against the fake AWS.

mod build;
mod calls;
mod factory;
mod waits;
pub mod wire;
