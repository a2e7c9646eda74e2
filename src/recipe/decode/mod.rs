//! From YAML trees to the model. Every reader goes on after a mistake, so that one run shows all of them; it answers
//! `None` where something that it needs is wrong.

mod aws;
mod aws_value;
mod channels;
mod distribution;
mod factory;
mod fleet;
mod group;
mod hardening;
mod notify;
mod recipe;
mod retention;
mod rollout;
mod schedule;
mod secrets;
mod value;

pub use value::read_duration;

pub(super) use factory::factory;
pub(super) use group::group;
pub(super) use recipe::{BaseLink, recipe};

use super::shape::Reader;
use super::template::{Use, lint};
use super::{AwsSettings, Group, Retention, Schedule};
use super::{ParameterKind, Script};
use crate::hardening::Catalogue;
use crate::identity::{Channel, NameError, Slug};
use crate::source::{Diagnostics, Node, Value, printable};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// All names that a file may refer to.
pub(super) struct Names<'a> {
    /// What the hardening library knows.
    pub catalogue: &'a Catalogue,
    /// Today, for waivers.
    pub today: time::Date,
    /// Channels; none where the factory file could not be read, and then none are checked.
    pub channels: Option<Vec<Channel>>,
    /// The factory file's settings for AWS, which recipes begin with.
    pub aws: AwsSettings,
    /// The factory file's retention, which recipes begin with.
    pub retention: Option<Retention>,
    /// The factory file's schedule, which recipes begin with.
    pub schedule: Option<Schedule>,
    /// Recipes that have a file, readable or not.
    pub recipes: BTreeSet<String>,
    /// Groups that have a file; none where it could not be read.
    pub groups: BTreeMap<String, Option<Group>>,
}

/// One line of text for people.
fn line(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = node.text(diagnostics)?;
    let problem = if text.trim().is_empty() {
        "expected text, found an empty value"
    } else if text.trim_end_matches('\n').contains('\n') {
        "expected one line of text"
    } else if text.trim_end_matches('\n').chars().any(crate::source::is_invisible) {
        "control characters in a line of text"
    } else if text.chars().count() > 500 {
        "more than 500 characters in a line of text"
    } else {
        return Some(text.trim().to_owned());
    };
    diagnostics.report(&node.span, problem);
    None
}

/// A name that one of a set has.
fn known<'n, T>(
    node: &Node,
    what: &str,
    exists: impl Fn(&str) -> bool,
    all: impl IntoIterator<Item = &'n str>,
    diagnostics: &mut Diagnostics,
) -> Option<T>
where
    T: FromStr<Err = NameError>,
{
    let text = node.text(diagnostics)?;
    if exists(text)
        && let Ok(name) = text.parse()
    {
        return Some(name);
    }
    diagnostics.report_unknown(&node.span, what, text, all);
    None
}

/// A control that the hardening library has.
fn control(node: &Node, names: &Names<'_>, diagnostics: &mut Diagnostics) -> Option<Slug> {
    let controls = &names.catalogue.controls;
    // `1.5.1`, or `cis-al2023-1.0.0:1.5.1`.
    if let Value::Scalar { text, .. } = &node.value
        && !controls.contains(text.as_str())
        && let Some(named) = names.catalogue.ids.get(text.rsplit(':').next().unwrap_or(text))
    {
        let message = format!("`{}` is the benchmark's id: recipes name controls by their own names", printable(text));
        diagnostics.report_with_help(&node.span, message, format!("it is that of {}", named.join(", ")));
        return None;
    }
    known(node, "control", |name| controls.contains(name), controls.iter().map(Slug::as_str), diagnostics)
}

/// A list in which nothing stands twice. `None` where the list or one of its items is wrong.
fn distinct<T: Ord + Clone + Display>(
    node: &Node,
    what: &str,
    diagnostics: &mut Diagnostics,
    mut read: impl FnMut(&Node, &mut Diagnostics) -> Option<T>,
) -> Option<Vec<T>> {
    let items = node.list(what, diagnostics)?;
    let mut seen = BTreeSet::new();
    let mut all = Vec::with_capacity(items.len());
    let mut whole = true;
    for item in items {
        match read(item, diagnostics) {
            Some(value) if seen.insert(value.clone()) => all.push(value),
            Some(value) => {
                diagnostics.report(&item.span, format!("`{}` is listed twice", printable(&value.to_string())));
                whole = false;
            }
            None => whole = false,
        }
    }
    whole.then_some(all)
}

/// A list of anything.
fn each<T>(
    node: &Node,
    what: &str,
    diagnostics: &mut Diagnostics,
    mut read: impl FnMut(&Node, &mut Diagnostics) -> Option<T>,
) -> Option<Vec<T>> {
    let items = node.list(what, diagnostics)?;
    let read: Vec<Option<T>> = items.iter().map(|item| read(item, diagnostics)).collect();
    read.into_iter().collect()
}

/// The name in a file, which is the name of the file.
fn own_name<T: FromStr<Err = NameError> + AsRef<str>>(
    node: &Node,
    stem: &str,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let name: T = node.parse(diagnostics)?;
    if name.as_ref() != stem {
        let message = format!("the name is `{}`, the file is `{}.yaml`", name.as_ref(), printable(stem));
        diagnostics.report_with_help(&node.span, message, format!("rename the file to `{}.yaml`", name.as_ref()));
        return None;
    }
    Some(name)
}

/// A script with the time it may take; the template is checked.
fn script(
    run: &Node,
    timeout: Option<&Node>,
    default: Duration,
    names: &BTreeMap<String, ParameterKind>,
    diagnostics: &mut Diagnostics,
) -> Option<Script> {
    let timeout = match timeout {
        Some(node) => value::duration(node, diagnostics),
        None => Some(default),
    };
    let template = template(run, Use::Script, names, diagnostics)?;
    Some(Script { template, timeout: timeout? })
}

/// The text of a template, checked.
fn template(
    node: &Node,
    what: Use,
    names: &BTreeMap<String, ParameterKind>,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let text = node.text(diagnostics)?;
    if what == Use::Script && text.trim().is_empty() {
        diagnostics.report(&node.span, "the script is empty");
        return None;
    }
    if let Some((at, c)) = text.char_indices().find(|(_, c)| c.is_control() && !matches!(c, '\n' | '\t')) {
        let message = format!("a control character (U+{:04X}) in a template", u32::from(c));
        diagnostics.report(&node.locate(at..at + c.len_utf8()), message);
        return None;
    }
    if what == Use::Script && matches!(node.value, Value::Scalar { plain: true, .. }) && text.contains('\n') {
        // A plain scalar of several lines is one line once it is read.
        diagnostics.report(&node.span, "a script of several lines needs `|` after `run:`");
        return None;
    }
    let problems = lint(text, what, names);
    for problem in &problems {
        let span = node.locate(problem.range.clone());
        match &problem.help {
            Some(help) => diagnostics.report_with_help(&span, problem.message.clone(), help.clone()),
            None => diagnostics.report(&span, problem.message.clone()),
        }
    }
    problems.is_empty().then(|| text.to_owned())
}

/// Reads a key where it is there. The outer `None`: it is there and wrong.
fn maybe<T>(
    reader: &mut Reader<'_>,
    key: &str,
    diagnostics: &mut Diagnostics,
    read: impl FnOnce(&Node, &mut Diagnostics) -> Option<T>,
) -> Option<Option<T>> {
    match reader.take(key) {
        Some(node) => read(node, diagnostics).map(Some),
        None => Some(None),
    }
}
