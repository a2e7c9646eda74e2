//! tests

mod reports;
