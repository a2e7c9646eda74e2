//! Plans: recipe, base and hardening resolved to concrete bytes and ids. Pure data; no I/O here.

mod bundle;

pub use bundle::{Bundle, BundleStep, OnFailure, RunLine, StepResult, TAIL_BYTES, parse_line, step_output};
