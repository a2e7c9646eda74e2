//! All integration tests in one binary: each binary links everything again.

mod crash;
mod hostile_yaml;
mod recipes;
mod reports;
mod simulated;
mod skip;
