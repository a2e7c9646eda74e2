//! Hardening: controls, profiles, waivers, and the evidence that audits leave.

mod catalogue;
mod evidence;
pub mod shell;

pub use catalogue::Catalogue;
pub use evidence::{Applied, Audit, AuditKind, Check, ControlEvidence, Status, Tally};
