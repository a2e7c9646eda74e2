//! The names that recipes may use: controls, profiles and parameters.

use super::control::ControlParameter;
use crate::identity::Slug;
use std::collections::{BTreeMap, BTreeSet};

/// All names of a hardening library, for checking recipes against.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// Slugs of all controls.
    pub controls: BTreeSet<Slug>,
    /// Benchmark ids, each with the controls that have it, as `slug (benchmark)`.
    pub ids: BTreeMap<String, Vec<String>>,
    /// All profiles, each with its controls.
    pub profiles: BTreeMap<String, BTreeSet<Slug>>,
    /// Parameters of all controls, with the values that they take.
    pub parameters: BTreeMap<String, ControlParameter>,
}
