//! Making a plan: pure data in, pure data out.

use super::model::{Inputs, Plan, PlannedGroup};
use super::{advice, bundles, explain};
use crate::hardening::shell::NulError;
use crate::hardening::{self, Library, SelectError, SelectedControl};
use crate::identity::{Digest, GroupName, OsFamily, RecipeName, TargetKind};
use crate::recipe::{
    BaseSpec, ExtraVolume, Factory, Group, GroupUse, ImpliedException, NetworkAccess, ParameterValue, Recipe,
    TemplateError, Volume,
};
use crate::target::ResolvedBase;
use std::collections::{BTreeMap, BTreeSet};

/// Why a recipe does not fit its base.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A package group does not know the base's OS family.
    #[error(
        "recipe {recipe}: package group {group} has no packages for {family}, which its base is\n  \
         add `{family}:` under `packages:` of recipes/groups/{group}.yaml (it has: {supported})"
    )]
    FamilyNotSupported {
        /// The recipe.
        recipe: RecipeName,
        /// The group.
        group: GroupName,
        /// The base's family.
        family: OsFamily,
        /// What the group knows.
        supported: String,
    },
    /// A template can't be filled in.
    #[error("recipe {recipe}: {what}: {source}")]
    Template {
        /// The recipe.
        recipe: RecipeName,
        /// Which template.
        what: String,
        /// Why.
        source: TemplateError,
    },
    /// Controls can't be selected.
    #[error("recipe {recipe}: {}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
    Select {
        /// The recipe.
        recipe: RecipeName,
        /// Why, all of it.
        errors: Vec<SelectError>,
    },
    /// Something that no shell can carry.
    #[error("recipe {recipe}: the {bundle} bundle: {source}")]
    Unquotable {
        /// The recipe.
        recipe: RecipeName,
        /// Which bundle.
        bundle: &'static str,
        /// Why.
        source: NulError,
    },
    /// Something that validation should have found.
    #[error("recipe {recipe} names {what}, which does not exist\n  `amifactory validate` shows where")]
    Missing {
        /// The recipe.
        recipe: RecipeName,
        /// What it names.
        what: String,
    },
}

/// A group with its values, ready to be rendered.
pub struct ReadyGroup<'a> {
    /// The group.
    pub group: &'a Group,
    /// All its parameters' values: given ones over defaults.
    pub values: BTreeMap<String, ParameterValue>,
}

/// Makes the plan of a recipe on a base that this target resolved.
pub fn make(
    factory: &Factory,
    library: &Library,
    recipe: &Recipe,
    base: ResolvedBase,
    target: TargetKind,
) -> Result<Plan, PlanError> {
    let own = ready(factory, recipe, base.family)?;
    let below = groups_below(factory, recipe, base.family)?;
    let implied: Vec<ImpliedException> =
        own.iter().chain(&below).flat_map(|ready| ready.group.implies.iter().cloned()).collect();
    let mut controls = match &recipe.hardening {
        Some(spec) => hardening::select(library, spec, base.family, &implied, &recipe.gate.required)
            .map_err(|errors| PlanError::Select { recipe: recipe.name.clone(), errors })?,
        None => Vec::new(),
    };
    let mut applied_below = advice::waived_but_applied(factory, library, recipe, base.family);
    for control in &mut controls {
        control.applied_below = applied_below.remove(&control.control.slug).unwrap_or_default();
    }
    let bundles = bundles::render(library, recipe, &own, &below, &controls, base.family)?;
    let mut network: BTreeSet<NetworkAccess> =
        own.iter().flat_map(|ready| ready.group.network.iter().cloned()).collect();
    network.extend(recipe.hardening.iter().flat_map(|spec| spec.network.iter().flatten().cloned()));
    // In the started image the health checks of the groups below run too.
    let checked = below.iter().filter(|ready| ready.group.health.is_some());
    let secrets: BTreeSet<String> =
        own.iter().chain(checked).flat_map(|ready| ready.group.secrets.iter().cloned()).collect();
    let groups = own.iter().map(|ready| planned(ready, base.family)).collect();
    let mut aws = recipe.aws.clone();
    if matches!(recipe.base, BaseSpec::Recipe { .. }) {
        // They come with the image below.
        aws.volumes.clear();
    }
    let mut inputs = inputs(library, recipe, &base, &own, &below, &controls, &bundles);
    if target != TargetKind::Local {
        inputs.0.extend(volume(&recipe.aws.volume));
        inputs.0.extend(aws.volumes.iter().map(extra_volume));
    }
    Ok(Plan {
        recipe: recipe.name.clone(),
        description: recipe.description.clone(),
        version: recipe.version,
        groups,
        profile: recipe.hardening.as_ref().map(|spec| spec.profile.clone()),
        network: network.into_iter().collect(),
        secrets: secrets.into_iter().collect(),
        gate: recipe.gate.clone(),
        publish: recipe.publish.clone(),
        limits: recipe.limits,
        aws,
        digest: inputs.digest(),
        inputs,
        controls,
        bundles,
        base,
    })
}

fn ready<'a>(factory: &'a Factory, recipe: &Recipe, family: OsFamily) -> Result<Vec<ReadyGroup<'a>>, PlanError> {
    recipe.groups.iter().map(|used| ready_group(factory, recipe, used, family)).collect()
}

fn ready_group<'a>(
    factory: &'a Factory,
    recipe: &Recipe,
    used: &GroupUse,
    family: OsFamily,
) -> Result<ReadyGroup<'a>, PlanError> {
    let group = factory.groups.get(&used.name).ok_or_else(|| PlanError::Missing {
        recipe: recipe.name.clone(),
        what: format!("package group {}", used.name),
    })?;
    if !group.packages.contains_key(&family) {
        let supported: Vec<&str> = group.packages.keys().map(|family| family.as_str()).collect();
        return Err(PlanError::FamilyNotSupported {
            recipe: recipe.name.clone(),
            group: group.name.clone(),
            family,
            supported: supported.join(", "),
        });
    }
    let defaults = group.parameters.iter().filter_map(|(name, p)| Some((name.clone(), p.default.clone()?)));
    let values = defaults.chain(used.parameters.clone()).collect();
    Ok(ReadyGroup { group, values })
}

/// The groups of the recipes that this one builds on: they are in the image, with what they imply and their health.
fn groups_below<'a>(factory: &'a Factory, recipe: &Recipe, family: OsFamily) -> Result<Vec<ReadyGroup<'a>>, PlanError> {
    let mut all = Vec::new();
    let mut base = &recipe.base;
    // Validation has made sure that no recipe builds on itself; the count bounds what it may have missed.
    for _ in 0..factory.recipes.len() {
        let BaseSpec::Recipe { recipe: parent, .. } = base else { break };
        let parent = factory
            .recipes
            .get(parent)
            .ok_or_else(|| PlanError::Missing { recipe: recipe.name.clone(), what: format!("recipe {parent}") })?;
        all.extend(ready(factory, parent, family)?);
        base = &parent.base;
    }
    Ok(all)
}

fn planned(ready: &ReadyGroup<'_>, family: OsFamily) -> PlannedGroup {
    PlannedGroup {
        name: ready.group.name.clone(),
        version: ready.group.version,
        packages: ready.group.packages.get(&family).cloned().unwrap_or_default(),
        parameters: ready.values.clone(),
    }
}

/// All that decides the image's content, by component.
fn inputs(
    library: &Library,
    recipe: &Recipe,
    base: &ResolvedBase,
    own: &[ReadyGroup<'_>],
    below: &[ReadyGroup<'_>],
    controls: &[SelectedControl],
    bundles: &super::Bundles,
) -> Inputs {
    let mut inputs = BTreeMap::new();
    if base.parts.is_empty() {
        inputs.insert("base".to_owned(), format!("{} {}", base.description, readable_id(&base.id)));
    } else {
        inputs.insert("base".to_owned(), base.description.clone());
        inputs.extend(base.parts.iter().map(|(part, digest)| (format!("base/{part}"), format!("sha256:{digest}"))));
    }
    inputs.insert("arch".to_owned(), base.arch.to_string());
    for ready in own {
        let group = ready.group;
        // Titles are for people; all else of a step is content.
        let steps = bundles::of_group(ready, base.family).unwrap_or_default();
        let steps: Vec<_> = steps.iter().map(|step| (&step.id, &step.body, step.timeout, step.on_failure)).collect();
        let identity = format!("{} sha256:{}", group.version, Digest::of(format!("{steps:?}{:?}", group.network)));
        inputs.insert(format!("group/{}", group.name), identity);
        for (name, value) in &ready.values {
            inputs.insert(format!("parameter/{}/{name}", group.name), one_line(&value.to_string()));
        }
    }
    for ready in below.iter().chain(own) {
        if let Some(health) = bundles::health(ready).ok().flatten() {
            let health = Digest::of(format!("{}{:?}", health.body, health.timeout));
            let identity = format!("{} sha256:{health}", ready.group.version);
            inputs.insert(format!("health/{}", ready.group.name), identity);
        }
    }
    for control in controls {
        inputs
            .insert(format!("control/{}", control.control.slug), format!("sha256:{}", Digest::of(control.canonical())));
    }
    let reached: Vec<&NetworkAccess> = recipe.hardening.iter().flat_map(|spec| spec.network.iter().flatten()).collect();
    if !reached.is_empty() {
        inputs.insert("hardening/network".to_owned(), format!("sha256:{}", Digest::of(format!("{reached:?}"))));
    }
    for (number, test) in recipe.tests.iter().enumerate() {
        let script = bundles::test_script(recipe, number).unwrap_or_default();
        let identity = format!("sha256:{}", Digest::of(format!("{script}{:?}", test.script.timeout)));
        inputs.insert(format!("test/{}", one_line(&test.name)), identity);
    }
    // What carries the steps decides as well: the runner, the primitives, the seal.
    inputs.insert("tool".to_owned(), format!("sha256:{}", library.functions_digest()));
    inputs.insert("seal".to_owned(), format!("sha256:{}", bundles.seal.digest));
    // The very bytes that run: the order of groups, tests and controls decides too, and so does how they are put
    // together.
    for (name, bundle) in [("apply", &bundles.apply), ("boot-test", &bundles.boot_test)] {
        inputs.insert(format!("{}{name}", explain::ORDER), format!("sha256:{}", bundle.digest));
    }
    Inputs(inputs)
}

/// What the volume decides of an image on AWS, which is made of the builder's own.
fn volume(volume: &Volume) -> impl Iterator<Item = (String, String)> {
    let size = volume.size_gib.map(|size| ("volume/size".to_owned(), format!("{size} GiB")));
    let key = volume.kms_key.as_ref().map(|key| ("volume/kms_key".to_owned(), key.clone()));
    size.into_iter().chain(key)
}

fn extra_volume(volume: &ExtraVolume) -> (String, String) {
    let what = format!("{} GiB {}", volume.size_gib, volume.fstab_options());
    (format!("volume{}", volume.mount.as_str()), what)
}

/// `host:<digest>` as `sha256:<digest>`, so that only what people can read is shown of it.
fn readable_id(id: &str) -> String {
    match id.rsplit_once(':') {
        Some((kind, digest)) => format!("sha256:{digest} {kind}"),
        None => format!("sha256:{id}"),
    }
}

/// Identities stand one to a line.
fn one_line(text: &str) -> String {
    text.escape_default().collect()
}
