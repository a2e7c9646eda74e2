//! The AWS target against the fake AWS.

mod build;
mod calls;
mod factory;
mod waits;
mod readme;
pub mod wire;
