//! Tests that need more than a plain user and crates say loudly when they can't run; CI makes that a failure.

/// Says loudly that a test could not run here; where nothing may be skipped, fails.
pub fn skipped(name: &str, why: &str) {
    assert!(std::env::var_os("AMIFACTORY_NO_SKIPS").is_none_or(|value| value != "1"), "{name} could not run: {why}");
    eprintln!("SKIPPED {name}: {why}");
}

/// Whether this is root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}
