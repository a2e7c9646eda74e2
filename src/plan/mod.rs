//! Plans: recipe, base and hardening resolved to concrete bytes and ids. Pure data; no I/O here.

mod advice;
mod bundle;
mod bundles;
mod describe;
mod explain;
mod make;
mod model;

pub use advice::{Advice, advice, families, far_expiries};
pub use bundle::{
    Bundle, BundleStep, OnFailure, RunLine, StepResult, TAIL_BYTES, parse_line, step_output, step_outputs, tail,
};
pub use bundles::{BOOT_FINISHED, PACKAGE_LIST};
pub use describe::describe;
pub use explain::changes;
pub use make::{PlanError, make};
pub use model::{Bundles, Inputs, Plan, PlannedGroup};
