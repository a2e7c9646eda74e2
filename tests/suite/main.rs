//! All integration tests in one binary: each binary links everything again.

mod crash;
mod simulated;
