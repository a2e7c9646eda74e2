//! What a plan is: everything that a build needs, decided before anything starts.

use super::Bundle;
use crate::hardening::SelectedControl;
use crate::identity::{Digest, GroupName, RecipeName, Version, VersionLine};
use crate::recipe::{AwsSettings, Gate, Limits, NetworkAccess, ParameterValue};
use crate::target::ResolvedBase;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Recipe, base and hardening resolved to concrete bytes and ids.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The recipe.
    pub recipe: RecipeName,
    /// Its one-line description.
    pub description: String,
    /// Its version line.
    pub version: VersionLine,
    /// What the builder starts from, resolved.
    pub base: ResolvedBase,
    /// Package groups, in order.
    pub groups: Vec<PlannedGroup>,
    /// The hardening profile's name.
    pub profile: Option<String>,
    /// Controls with their parameters and what becomes of each.
    pub controls: Vec<SelectedControl>,
    /// What runs on the builder and in the started image.
    pub bundles: Bundles,
    /// What the apply bundle may reach.
    pub network: Vec<NetworkAccess>,
    /// SSM parameters that scripts of its groups fetch on the builder.
    pub secrets: Vec<String>,
    /// What the image must reach before a pointer names it.
    pub gate: Gate,
    /// The channel that the image goes to.
    pub publish: Option<crate::identity::Channel>,
    /// What one build may use.
    pub limits: Limits,
    /// How its builders run on AWS.
    pub aws: AwsSettings,
    /// All that decides the image's content: component to digest or id. [`Plan::digest`] is over exactly this.
    pub inputs: Inputs,
    /// The identity of the image.
    pub digest: Digest,
}

/// The three scripts of a build. Each is one round trip.
#[derive(Debug, Clone)]
pub struct Bundles {
    /// Audits of the bare base, then packages, group steps and controls.
    pub apply: Bundle,
    /// Audits of what came of it, the list of packages, then the seal.
    pub seal: Bundle,
    /// In the started image: audits, health checks, tests.
    pub boot_test: Bundle,
}

/// A package group, resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedGroup {
    /// Its name.
    pub name: GroupName,
    /// Its version.
    pub version: Version,
    /// Its packages for the base's family.
    pub packages: Vec<String>,
    /// Its parameters' values.
    pub parameters: BTreeMap<String, ParameterValue>,
}

/// Component (`base`, `group/nginx`, `control/<slug>`, `tool`) to what identifies its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Inputs(pub BTreeMap<String, String>);

impl Inputs {
    /// sha256 over the canonical form: one line `component<TAB>identity` each, by component.
    pub fn digest(&self) -> Digest {
        let mut canonical = String::new();
        for (component, identity) in &self.0 {
            canonical.push_str(component);
            canonical.push('\t');
            canonical.push_str(identity);
            canonical.push('\n');
        }
        Digest::of(canonical)
    }
}
