//! Hardening: controls, profiles, waivers, and the evidence that audits leave.

mod evidence;

pub use evidence::{Applied, Audit, AuditKind, Check, ControlEvidence, Status, Tally};
