//! What people and machines read, as snapshots.

mod files;
pub mod fixture;
mod page;
mod sinks;
mod terminal;
