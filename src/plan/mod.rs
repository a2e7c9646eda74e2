//! Plans: recipe, base and hardening resolved to concrete bytes and ids. Pure data; no I/O here.

mod bundle;

pub use bundle::{Bundle, BundleStep, OnFailure, StepResult, TAIL_BYTES};
