//! tests

mod hostile_yaml;
