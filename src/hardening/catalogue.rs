//! The names that recipes may use: controls, profiles and parameters.

use super::control::ControlParameter;
use crate::identity::Slug;
use std::collections::{BTreeMap, BTreeSet};

/// All names of a hardening library, for checking recipes against.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Slugs of all controls.
    pub controls: BTreeSet<Slug>,
    /// Names of all profiles.
    pub profiles: BTreeSet<String>,
    /// Parameters of all controls.
    pub parameters: BTreeMap<String, ControlParameter>,
}
