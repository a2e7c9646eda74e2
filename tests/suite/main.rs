//! tests

mod corpus;
mod hostile_yaml;
mod recipes;
mod schema;
mod speed;

/// Says loudly that a test could not run here; where nothing may be skipped, fails.
pub fn skipped(name: &str, why: &str) {
    assert!(std::env::var_os("AMIFACTORY_NO_SKIPS").is_none_or(|value| value != "1"), "{name} could not run: {why}");
    eprintln!("SKIPPED {name}: {why}");
}
