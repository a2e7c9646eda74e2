//! Hardening: controls, profiles, waivers, and the evidence that audits leave.
//!
//! A [`Library`] is read from `hardening/`; [`select`] picks what a recipe asks for and says of each control what is to
//! be done with it; [`apply_steps`], [`audit_steps`] and [`seal_steps`] turn that into steps of bundles; what those
//! answer becomes [`ControlEvidence`], which [`gate::judge`] holds against the recipe's gate.

mod benchmark;
mod catalogue;
mod contract;
mod control;
mod coverage;
mod evidence;
mod form;
mod functions;
pub mod gate;
mod library;
mod mutation;
mod primitive;
mod read;
mod read_primitive;
mod seal;
mod select;
pub mod shell;
mod steps;
mod value;
mod verdict;

pub use benchmark::{Recommendation, family as benchmark_family, id_order};
pub use catalogue::Catalogue;
pub use contract::{Contract, Finding, Outcome, Part, seen};
pub use control::{AppliesWhen, Breaks, Choice, Control, ControlParameter, Ensure, Phase, Profile};
pub use coverage::{Covered, Standing, coverage, page as coverage_page};
pub use evidence::{Applied, Audit, AuditKind, Check, ControlEvidence, Status, Tally};
pub use form::Form;
pub use library::Library;
pub use mutation::mutation;
pub use primitive::{AbsolutePath, AccountsCheck, Mode, NftablesPart, Primitive, Separator, Verb, Word};
pub use seal::seal_steps;
pub use select::{Disposition, SelectError, SelectedAudit, SelectedControl, select};
pub use steps::{apply_steps, audit_steps};
pub use value::{Compare, Expected, Value, Values};
pub use verdict::evidence;
