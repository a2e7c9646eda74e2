//! The fleet for other programs: a table for spreadsheets, metrics for Prometheus.

mod csv;
mod prometheus;

pub use csv::csv;
pub use prometheus::prometheus;
