//! Hardening: controls, profiles, waivers, and the evidence that audits leave.

mod catalogue;
mod evidence;
pub mod shell;

pub use catalogue::Catalogue;
pub use evidence::{Applied, Audit, AuditKind, Check, ControlEvidence, Status, Tally};

/// Placeholder until the library lands.
#[derive(Debug, Clone)]
pub struct SelectedControl;
/// Placeholder
pub fn evidence(
    _: &[SelectedControl],
    _: &[crate::plan::StepResult],
    _: &[crate::plan::StepResult],
    _: &[crate::plan::StepResult],
    _: bool,
) -> Vec<ControlEvidence> {
    Vec::new()
}
/// Placeholder
pub mod gate {
    /// Placeholder
    pub fn judge(_: &crate::recipe::Gate, _: &[super::ControlEvidence], _: time::Date) -> Vec<String> {
        Vec::new()
    }
}
