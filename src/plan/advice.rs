//! What a recipe may say and most likely does not mean: a waiver that comes too late, a value that falls back to its
//! default, controls whose packages can't be fetched. `validate`, `plan` and builds tell it; none of it is an error.

use crate::hardening::{self, Library, SelectedControl};
use crate::identity::{GroupName, OsFamily, RecipeName, Slug, TargetKind};
use crate::recipe::{BaseSpec, Factory, Group, ImpliedException, NetworkAccess, ParameterValue, Place, Recipe};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use time::Date;

/// A waiver that holds longer than this many years is nearly one for ever.
const YEARS: i32 = 2;

/// What someone should know of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The recipe.
    pub recipe: RecipeName,
    /// What in it this is about.
    pub place: Place,
    /// What is so, in one sentence without a full stop.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.message, self.help)
    }
}

/// All that is worth saying of a recipe that is built on a target for one of these OS families.
pub fn advice(
    factory: &Factory,
    library: &Library,
    recipe: &Recipe,
    families: &[OsFamily],
    target: TargetKind,
) -> Vec<Advice> {
    let below = below(factory, recipe);
    let mut all = waived_too_late(factory, library, recipe, &below, families);
    all.extend(fallen_back(factory, library, recipe, &below, families));
    // Only the sandbox keeps builders from the network.
    if target == TargetKind::Local {
        all.extend(out_of_reach(factory, library, recipe, &below, families));
    }
    all
}

/// The OS families that a recipe may turn out to be of, as far as its package groups say.
pub fn families(factory: &Factory, recipe: &Recipe) -> Vec<OsFamily> {
    let chain: Vec<&Recipe> = std::iter::once(recipe).chain(below(factory, recipe)).collect();
    let fits = |family: &OsFamily| {
        chain.iter().flat_map(|recipe| groups(factory, recipe)).all(|group| group.packages.contains_key(family))
    };
    OsFamily::ALL.iter().copied().filter(fits).collect()
}

/// Waivers that hold for longer than anyone looks ahead.
pub fn far_expiries(recipe: &Recipe, today: Date) -> Vec<Advice> {
    let waivers = recipe.hardening.iter().flat_map(|spec| &spec.waivers);
    let far = waivers.filter(|waiver| {
        let (end, now) = (waiver.expires, today);
        (end.year() - YEARS, end.ordinal()) > (now.year(), now.ordinal())
    });
    far.map(|waiver| Advice {
        recipe: recipe.name.clone(),
        place: Place::Expiry(waiver.control.clone()),
        message: format!(
            "the waiver of `{}` holds until {}, more than {YEARS} years from today",
            waiver.control, waiver.expires
        ),
        help: format!("choose a date within {YEARS} years, and decide anew then"),
    })
    .collect()
}

/// The controls that a recipe waives.
fn waived(recipe: &Recipe) -> Vec<&Slug> {
    recipe.hardening.iter().flat_map(|spec| &spec.waivers).map(|waiver| &waiver.control).collect()
}

/// A waiver leaves out what a recipe itself would apply. What a recipe below has applied is in the image that it starts
/// from.
fn waived_too_late(
    factory: &Factory,
    library: &Library,
    recipe: &Recipe,
    below: &[&Recipe],
    families: &[OsFamily],
) -> Vec<Advice> {
    let waivers = waived(recipe);
    if waivers.is_empty() {
        return Vec::new();
    }
    let appliers = appliers(factory, library, &waivers, below, families);
    let told = |(slug, bases): (&Slug, Vec<&RecipeName>)| {
        let names: Vec<&str> = bases.iter().map(|name| name.as_str()).collect();
        let files: Vec<String> = bases.iter().map(|name| format!("recipes/{name}.yaml")).collect();
        let (verb, which) = if names.len() == 1 { ("applies", "is") } else { ("apply", "are") };
        Advice {
            recipe: recipe.name.clone(),
            place: Place::Waiver(slug.clone()),
            message: format!(
                "`{slug}` is waived, but {}, which {which} below this recipe, {verb} it: it stays applied in this image",
                names.join(" and ")
            ),
            help: format!("to be without it, waive it in {} too", files.join(" and ")),
        }
    };
    appliers.into_iter().map(told).collect()
}

/// Which recipes below have applied these controls, the nearest first.
fn appliers<'a>(
    factory: &Factory,
    library: &Library,
    slugs: &[&'a Slug],
    below: &[&'a Recipe],
    families: &[OsFamily],
) -> BTreeMap<&'a Slug, Vec<&'a RecipeName>> {
    let mut appliers: BTreeMap<&Slug, Vec<&RecipeName>> = BTreeMap::new();
    for base in below {
        let applied: Vec<SelectedControl> =
            families.iter().flat_map(|family| applied(factory, library, base, *family)).collect();
        for slug in slugs {
            if applied.iter().any(|selected| selected.control.slug == **slug) {
                appliers.entry(slug).or_default().push(&base.name);
            }
        }
    }
    appliers
}

/// The controls that a recipe waives and that recipes below it have applied all the same, with those recipes.
pub(super) fn waived_but_applied(
    factory: &Factory,
    library: &Library,
    recipe: &Recipe,
    family: OsFamily,
) -> BTreeMap<Slug, Vec<RecipeName>> {
    let waivers = waived(recipe);
    let below = if waivers.is_empty() { Vec::new() } else { below(factory, recipe) };
    let appliers = appliers(factory, library, &waivers, &below, &[family]);
    appliers.into_iter().map(|(slug, names)| (slug.clone(), names.into_iter().cloned().collect())).collect()
}

/// A recipe below has set a value, and applied it; this one applies the same control and does not set it. Values are
/// each recipe's own, so it is the profile's value or the default that ends up in the image.
fn fallen_back(
    factory: &Factory,
    library: &Library,
    recipe: &Recipe,
    below: &[&Recipe],
    families: &[OsFamily],
) -> Vec<Advice> {
    let Some(spec) = &recipe.hardening else { return Vec::new() };
    let mut told: BTreeMap<String, Advice> = BTreeMap::new();
    for family in families.iter().filter(|_| below.iter().any(|base| base.hardening.is_some())) {
        let bases: Vec<(&Recipe, Vec<SelectedControl>)> =
            below.iter().map(|base| (*base, applied(factory, library, base, *family))).collect();
        for selected in applied(factory, library, recipe, *family) {
            let is_it = |other: &&SelectedControl| other.control.slug == selected.control.slug;
            let nearest = bases.iter().find_map(|(base, all)| Some((base, all.iter().find(is_it)?)));
            let Some((base, former)) = nearest else { continue };
            let theirs = base.hardening.as_ref().map(|spec| &spec.parameters);
            for (name, now) in &selected.parameters {
                let was = former.parameters.get(name).filter(|was| *was != now);
                let set_there = theirs.is_some_and(|set| set.contains_key(name));
                let Some(was) = was.filter(|_| set_there && !spec.parameters.contains_key(name)) else { continue };
                told.entry(name.clone()).or_insert_with(|| Advice {
                    recipe: recipe.name.clone(),
                    place: Place::Hardening,
                    message: format!(
                        "{}, which is below this recipe, sets {name} to {}; this recipe does not, and applies `{}` anew \
                         with {}",
                        base.name,
                        shown(was),
                        selected.control.slug,
                        shown(now)
                    ),
                    help: format!("to keep that value, set {name} below `parameters` here too"),
                });
            }
        }
    }
    told.into_values().collect()
}

fn shown(value: &ParameterValue) -> String {
    let text = value.to_string();
    if text.is_empty() { "nothing".to_owned() } else { format!("`{text}`") }
}

/// Controls that install packages, in a recipe that lets nothing reach the package repositories.
fn out_of_reach(
    factory: &Factory,
    library: &Library,
    recipe: &Recipe,
    below: &[&Recipe],
    families: &[OsFamily],
) -> Option<Advice> {
    let spec = recipe.hardening.as_ref()?;
    // Whoever writes `network: []` knows.
    let root = below.last().copied().unwrap_or(recipe);
    if spec.network.is_some() || reaches(factory, recipe) || matches!(root.base, BaseSpec::Own { local: None, .. }) {
        return None;
    }
    let mut lacking: BTreeMap<Slug, BTreeSet<Vec<String>>> = BTreeMap::new();
    for family in families {
        let mut there: Vec<Slug> = Vec::new();
        for base in below.iter().filter(|base| reaches(factory, base)) {
            there.extend(applied(factory, library, base, *family).into_iter().map(|selected| selected.control.slug));
        }
        let brought = |package: &String| {
            let chain = below.iter().copied().chain([recipe]);
            chain
                .flat_map(|recipe| groups(factory, recipe))
                .filter_map(|group| group.packages.get(family))
                .any(|packages| packages.contains(package))
        };
        for selected in applied(factory, library, recipe, *family) {
            let Some(packages) = selected.installs(*family) else { continue };
            let missing: Vec<String> =
                packages.iter().filter(|names| !names.iter().any(brought)).map(|names| names.join(" or ")).collect();
            if !there.contains(&selected.control.slug) && (packages.is_empty() || !missing.is_empty()) {
                lacking.entry(selected.control.slug).or_default().insert(missing);
            }
        }
    }
    if lacking.is_empty() {
        return None;
    }
    // Packages are named where they are the same on each family that it may be.
    let named = |(slug, packages): (&Slug, &BTreeSet<Vec<String>>)| match packages.first() {
        Some(names) if packages.len() == 1 && !names.is_empty() => format!("{slug} ({})", names.join(", ")),
        _ => slug.to_string(),
    };
    let names: Vec<String> = lacking.iter().map(named).collect();
    Some(Advice {
        recipe: recipe.name.clone(),
        place: Place::Hardening,
        message: format!(
            "nothing in this recipe may reach the package repositories, so these fail where the base lacks what they \
             install: {}",
            names.join(", ")
        ),
        help: "add `network: [package-repositories]` below `hardening`, or `network: []` where the base has it all"
            .to_owned(),
    })
}

/// The controls that a recipe applies itself. None where its hardening can't be selected: planning it says why.
fn applied(factory: &Factory, library: &Library, recipe: &Recipe, family: OsFamily) -> Vec<SelectedControl> {
    let Some(spec) = &recipe.hardening else { return Vec::new() };
    let chain = std::iter::once(recipe).chain(below(factory, recipe));
    let implied: Vec<ImpliedException> =
        chain.flat_map(|recipe| groups(factory, recipe)).flat_map(|group| group.implies.iter().cloned()).collect();
    let mut selected = hardening::select(library, spec, family, &implied, &[]).unwrap_or_default();
    selected.retain(SelectedControl::is_applied);
    selected
}

/// The recipes that a recipe is built on, the nearest first.
fn below<'a>(factory: &'a Factory, recipe: &'a Recipe) -> Vec<&'a Recipe> {
    let mut all = Vec::new();
    let mut base = &recipe.base;
    // Validation has made sure that no recipe builds on itself; the count bounds what it may have missed.
    while let BaseSpec::Recipe { recipe: parent, .. } = base
        && let Some(parent) = factory.recipes.get(parent)
        && all.len() < factory.recipes.len()
    {
        all.push(parent);
        base = &parent.base;
    }
    all
}

fn groups<'a>(factory: &'a Factory, recipe: &'a Recipe) -> impl Iterator<Item = &'a Group> {
    let names = recipe.groups.iter().map(|used| &used.name);
    names.filter_map(|name: &GroupName| factory.groups.get(name))
}

/// Whether steps of this recipe reach the repositories of the base's package manager.
fn reaches(factory: &Factory, recipe: &Recipe) -> bool {
    let own = recipe.hardening.iter().flat_map(|spec| spec.network.iter().flatten());
    groups(factory, recipe)
        .flat_map(|group| &group.network)
        .chain(own)
        .any(|access| *access == NetworkAccess::PackageRepositories)
}
