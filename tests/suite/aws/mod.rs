//! The AWS target against the fake AWS.

mod build;
mod factory;
pub mod wire;
