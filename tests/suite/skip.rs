//! Tests that need more than a plain user and crates say loudly when they can't run; CI makes that a failure.

use std::io::Write;

/// Says loudly that a test could not run here; where nothing may be skipped, fails.
pub fn skipped(name: &str, why: &str) {
    assert!(std::env::var_os("AMIFACTORY_NO_SKIPS").is_none_or(|value| value != "1"), "{name} could not run: {why}");
    say(&format!("SKIPPED {name}: {why}"));
}

/// Tells whoever runs the tests, also where the test passes: output of tests that pass is kept back otherwise.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Whether this is root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The function is a program of its own, behind a feature.
#[cfg(not(feature = "lambda"))]
#[test]
fn the_lambda_function_is_tested_too() {
    skipped("lambda", "it needs --features lambda");
}
