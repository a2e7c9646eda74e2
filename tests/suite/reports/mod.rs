//! What people and machines read, as snapshots.

mod dump;
mod files;
pub mod fixture;
mod page;
mod sinks;
mod terminal;
