//! Recipes that are built on other recipes: circles, what a selection needs, and the order of building.

use super::decode::BaseLink;
use super::{BaseSpec, Factory};
use crate::identity::RecipeName;
use crate::source::Diagnostics;
use std::collections::{BTreeMap, BTreeSet};

/// Reports each circle once, with all its members, at its first recipe by name.
pub(super) fn report_cycles(links: &BTreeMap<String, BaseLink>, diagnostics: &mut Diagnostics) {
    // Every recipe has at most one base, so a walk along bases either ends or runs into itself.
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in links.keys() {
        let mut walk: Vec<&str> = Vec::new();
        let mut on_walk: BTreeSet<&str> = BTreeSet::new();
        let mut at: Option<&str> = Some(start);
        while let Some(name) = at.filter(|name| !done.contains(name)) {
            if !on_walk.insert(name) {
                let first = walk.iter().position(|other| *other == name).unwrap_or(0);
                report_cycle(&walk[first..], links, diagnostics);
                break;
            }
            walk.push(name);
            at = links.get(name).and_then(|link| link.base.as_ref()).map(|(base, _)| base.as_str());
        }
        done.extend(walk);
    }
}

fn report_cycle(members: &[&str], links: &BTreeMap<String, BaseLink>, diagnostics: &mut Diagnostics) {
    let least = members.iter().enumerate().min_by_key(|(_, name)| **name).map_or(0, |(index, _)| index);
    let mut circle: Vec<&str> = members[least..].iter().chain(&members[..least]).copied().collect();
    let Some((_, span)) = links.get(circle[0]).and_then(|link| link.base.as_ref()) else { return };
    circle.push(circle[0]);
    let message = match circle.len() {
        2 => format!("`{}` is built on itself", circle[0]),
        _ => format!("recipes are built on each other in a circle: {}", circle.join(" → ")),
    };
    diagnostics.report(span, message);
}

/// These recipes and all that they are built on, as far as they exist.
pub(super) fn closure<'a>(links: &'a BTreeMap<String, BaseLink>, selection: &[RecipeName]) -> BTreeSet<&'a str> {
    let mut all = BTreeSet::new();
    for name in selection {
        let mut at = links.get_key_value(name.as_str());
        while let Some((name, link)) = at {
            if !all.insert(name.as_str()) {
                break;
            }
            at = link.base.as_ref().and_then(|(base, _)| links.get_key_value(base.as_str()));
        }
    }
    all
}

/// The order in which to build: every recipe after the one that its image is built on. The recipes that these are built
/// on are in it too, but for those that are taken from a channel. Otherwise the order is the one given.
pub fn build_order(factory: &Factory, recipes: &[RecipeName]) -> Vec<RecipeName> {
    let mut order: Vec<RecipeName> = Vec::new();
    let mut placed: BTreeSet<&RecipeName> = BTreeSet::new();
    for name in recipes {
        let mut chain: Vec<&RecipeName> = Vec::new();
        let mut at = factory.recipes.get(name);
        while let Some(recipe) = at.filter(|recipe| !placed.contains(&recipe.name)) {
            placed.insert(&recipe.name);
            chain.push(&recipe.name);
            at = match &recipe.base {
                BaseSpec::Recipe { recipe, channel: None, .. } => factory.recipes.get(recipe),
                _ => None,
            };
        }
        order.extend(chain.into_iter().rev().cloned());
    }
    order
}
