//! Plans: recipe, base and hardening resolved to concrete bytes and ids. Pure data; no I/O here.

mod bundle;
mod explain;
mod model;

pub use bundle::{Bundle, BundleStep, OnFailure, StepResult, TAIL_BYTES};
pub use explain::changes;
pub use model::{Bundles, Inputs, Plan, PlannedGroup};
