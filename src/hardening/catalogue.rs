//! What the hardening library knows, by name: enough to check a recipe against it.

use crate::identity::Slug;
use crate::recipe::ParameterKind;
use std::collections::{BTreeMap, BTreeSet};

/// The names that recipes and package groups may use.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// All controls.
    pub controls: BTreeSet<Slug>,
    /// All profiles.
    pub profiles: BTreeSet<String>,
    /// All parameters of controls, with their types.
    pub parameters: BTreeMap<String, ParameterKind>,
}
