//! All integration tests in one binary: each binary links everything again.

mod crash;
mod hostile_yaml;
<<<<<<< HEAD
mod simulated;
=======
mod recipes;

/// Says loudly that a test could not run here; where nothing may be skipped, fails.
pub fn skipped(name: &str, why: &str) {
    assert!(std::env::var_os("AMIFACTORY_NO_SKIPS").is_none_or(|value| value != "1"), "{name} could not run: {why}");
    eprintln!("SKIPPED {name}: {why}");
}
>>>>>>> recipe
