//! The commands that SSM carries, run by real shells in a folder that stands for a builder's disk.

mod builder;
mod hostile;
mod large;
mod normal;
mod restart;
mod runner;
mod secret;
mod shipped;

pub use builder::{Builder, bundle, step};
pub use large::noise;
