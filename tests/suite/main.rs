//! tests
mod controls;
