//! A factory folder from disk: every file read, every mistake found, in one run.

use super::decode::{self, BaseLink, Names};
use super::{Factory, Group, Recipe, graph};
use crate::hardening::Catalogue;
use crate::identity::{GroupName, RecipeName};
use crate::source::{self, Diagnostic, Diagnostics, Node, SourceFile, Span};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use time::Date;

/// The factory's own file.
pub const FACTORY_FILE: &str = "amifactory.yaml";
const RECIPES: &str = "recipes";
const GROUPS: &str = "recipes/groups";

/// Reads the whole factory, or answers with every mistake in every file of it.
pub fn load(factory_dir: &Path, catalogue: &Catalogue, today: Date) -> Result<Factory, Vec<Diagnostic>> {
    let (factory, _, diagnostics) = load_all(factory_dir, catalogue, today);
    match factory {
        Some(factory) if diagnostics.is_empty() => Ok(factory),
        _ => Err(diagnostics.sorted()),
    }
}

/// What can be read of a factory, whatever is wrong with the rest of it. None where its own file can't be read.
pub fn load_readable(factory_dir: &Path, catalogue: &Catalogue, today: Date) -> Option<Factory> {
    load_all(factory_dir, catalogue, today).0
}

/// Reads some recipes and what they use: their bases, those bases' bases, and all their package groups. Mistakes in
/// other files are not reported, and the other recipes and groups are not in the answer.
pub fn load_only(
    factory_dir: &Path,
    catalogue: &Catalogue,
    today: Date,
    selection: &[RecipeName],
) -> Result<Factory, Vec<Diagnostic>> {
    let (factory, links, mut diagnostics) = load_all(factory_dir, catalogue, today);
    let mut unknown = Diagnostics::new();
    for name in selection.iter().filter(|name| !links.contains_key(name.as_str())) {
        let folder = Arc::new(SourceFile { path: RECIPES.into(), text: String::new() });
        unknown.report_unknown(&Span::start_of(&folder), "recipe", name.as_str(), links.keys().map(String::as_str));
    }
    let recipes = graph::closure(&links, selection);
    let groups: BTreeSet<&str> = recipes.iter().flat_map(|name| &links[*name].groups).map(String::as_str).collect();
    let used: BTreeSet<String> = std::iter::once(FACTORY_FILE.to_owned())
        .chain(recipes.iter().map(|name| format!("{RECIPES}/{name}.yaml")))
        .chain(groups.iter().map(|name| format!("{GROUPS}/{name}.yaml")))
        .collect();
    diagnostics.retain(|diagnostic| used.contains(&diagnostic.span.file.path));
    diagnostics.append(unknown);
    match factory {
        Some(mut factory) if diagnostics.is_empty() => {
            factory.recipes.retain(|name, _| recipes.contains(name.as_str()));
            factory.groups.retain(|name, _| groups.contains(name.as_str()));
            Ok(factory)
        }
        _ => Err(diagnostics.sorted()),
    }
}

/// Reads everything. The factory holds what could be read; it is missing only where its own file can't be read.
fn load_all(
    folder: &Path,
    catalogue: &Catalogue,
    today: Date,
) -> (Option<Factory>, BTreeMap<String, BaseLink>, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let settings = yaml(&folder.join(FACTORY_FILE), FACTORY_FILE, &mut diagnostics);
    let recipe_files = yaml_files(folder, RECIPES, true, &mut diagnostics);
    let group_files = yaml_files(folder, GROUPS, false, &mut diagnostics);
    let recipe_names: BTreeSet<String> = recipe_files.keys().cloned().collect();
    let settings = settings.and_then(|node| decode::factory(&node, &recipe_names, &mut diagnostics));

    let mut names = Names {
        catalogue,
        today,
        channels: settings.as_ref().map(|s| s.channels.iter().map(|rule| rule.name.clone()).collect()),
        aws: settings.as_ref().map(|settings| settings.aws.clone()).unwrap_or_default(),
        retention: settings.as_ref().and_then(|settings| settings.retention.clone()),
        schedule: settings.as_ref().and_then(|settings| settings.schedule.clone()),
        recipes: recipe_names,
        groups: BTreeMap::new(),
    };
    for (stem, node) in &group_files {
        let group = node.as_ref().and_then(|node| decode::group(node, stem, &names, &mut diagnostics));
        names.groups.insert(stem.clone(), group);
    }
    let mut links = BTreeMap::new();
    let mut recipes: BTreeMap<RecipeName, Recipe> = BTreeMap::new();
    for (stem, node) in &recipe_files {
        let mut link = BaseLink::default();
        let recipe = node.as_ref().and_then(|node| decode::recipe(node, stem, &names, &mut link, &mut diagnostics));
        links.insert(stem.clone(), link);
        if let Some(recipe) = recipe {
            recipes.insert(recipe.name.clone(), recipe);
        }
    }
    graph::report_cycles(&links, &mut diagnostics);
    let groups: BTreeMap<GroupName, Group> =
        names.groups.into_values().flatten().map(|group| (group.name.clone(), group)).collect();
    let factory = settings.map(|settings| Factory {
        default_target: settings.default_target,
        channels: settings.channels,
        aws: settings.aws,
        distribution: settings.distribution,
        retention: settings.retention,
        schedule: settings.schedule,
        fleet: settings.fleet,
        rollout: settings.rollout,
        recipes,
        groups,
    });
    (factory, links, diagnostics)
}

fn yaml(path: &Path, shown: &str, diagnostics: &mut Diagnostics) -> Option<Node> {
    let file = source::read(path, shown, diagnostics)?;
    source::parse(&file, diagnostics)
}

/// The YAML files of a folder by their stems; `None` where one can't be read.
fn yaml_files(
    folder: &Path,
    within: &str,
    needed: bool,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, Option<Node>> {
    let entries = match std::fs::read_dir(folder.join(within)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !needed => return BTreeMap::new(),
        Err(error) => {
            report_at(within, format!("can't read this folder: {error}"), None, diagnostics);
            return BTreeMap::new();
        }
    };
    let mut files = BTreeMap::new();
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                report_at(within, format!("can't read this folder: {error}"), None, diagnostics);
                continue;
            }
        };
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Editors keep their own files beside the real ones, with a dot in front.
        if name.starts_with('.') {
            continue;
        }
        let shown = format!("{within}/{}", source::printable(&name));
        if let Some(stem) = name.strip_suffix(".yaml") {
            let node = yaml(&entry.path(), &shown, diagnostics);
            files.insert(stem.to_owned(), node);
        } else if let Some(stem) = name.strip_suffix(".yml") {
            let help = format!("rename it to `{}.yaml`", source::printable(stem));
            report_at(&shown, "this file is not read: its name ends in .yml".into(), Some(help), diagnostics);
        }
    }
    files
}

fn report_at(shown: &str, message: String, help: Option<String>, diagnostics: &mut Diagnostics) {
    let file = Arc::new(SourceFile { path: shown.to_owned(), text: String::new() });
    match help {
        Some(help) => diagnostics.report_with_help(&Span::start_of(&file), message, help),
        None => diagnostics.report(&Span::start_of(&file), message),
    }
}
