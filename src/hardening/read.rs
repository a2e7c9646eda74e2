//! The library's YAML files read into controls, parameters and profiles. Mistakes are reported with their place, and
//! reading goes on.

use super::control::{AppliesWhen, Breaks, Choice, Control, ControlParameter, Ensure, Phase, Profile};
use super::form::Form;
use super::read_primitive;
use super::value::{Values, is_parameter_name};
use crate::identity::{OsFamily, Slug};
use crate::recipe::{Parameter, ParameterKind, ParameterValue};
use crate::source::{Diagnostics, Fields, Key, Node, Span, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

/// The scripts of the library, by file name.
pub(super) type Scripts = BTreeMap<String, String>;

/// Something that was read, and its place, which later checks point at.
pub(super) struct Placed<T> {
    pub value: T,
    pub span: Span,
}

/// A list of things that parse from text.
pub(super) fn list_of<T>(node: Option<&Node>, what: &str, diagnostics: &mut Diagnostics) -> Vec<T>
where
    T: FromStr,
    T::Err: Display,
{
    let Some(node) = node else { return Vec::new() };
    // One value may stand for a list of one.
    if matches!(node.value, Value::Scalar { .. }) {
        return node.parse(diagnostics).into_iter().collect();
    }
    let items = node.list(what, diagnostics).unwrap_or_default();
    items.iter().filter_map(|item| item.parse(diagnostics)).collect()
}

/// The entries of a map whose keys are names.
fn entries<'a>(node: &'a Node, what: &str, diagnostics: &mut Diagnostics) -> &'a [(Key, Node)] {
    match &node.value {
        Value::Map(entries) => entries,
        other => {
            diagnostics.report(&node.span, format!("expected {what} (a map), found {}", other.kind()));
            &[]
        }
    }
}

fn sentence(node: Option<&Node>, diagnostics: &mut Diagnostics) -> String {
    let text = node.and_then(|node| node.text(diagnostics)).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn number_within(node: Option<&Node>, low: u8, high: u8, diagnostics: &mut Diagnostics) -> u8 {
    let Some(node) = node else { return low };
    let number = node.integer(diagnostics).and_then(|number| u8::try_from(number).ok());
    match number {
        Some(number) if (low..=high).contains(&number) => number,
        _ => {
            diagnostics.report(&node.span, format!("expected a number from {low} to {high}"));
            low
        }
    }
}

/// A file of controls: `controls:` and a list.
pub(super) fn controls(root: &Node, scripts: &Scripts, diagnostics: &mut Diagnostics) -> Vec<Placed<Control>> {
    let Some(mut fields) = root.fields("a file of controls", diagnostics) else { return Vec::new() };
    let list = fields.required("controls", diagnostics);
    fields.finish(diagnostics);
    let items = list.and_then(|node| node.list("controls", diagnostics)).unwrap_or_default();
    items.iter().filter_map(|item| control(item, scripts, diagnostics)).collect()
}

fn control(node: &Node, scripts: &Scripts, diagnostics: &mut Diagnostics) -> Option<Placed<Control>> {
    let mut fields = node.fields("a control", diagnostics)?;
    let slug: Option<Slug> = fields.required("control", diagnostics).and_then(|node| node.parse(diagnostics));
    let title = sentence(fields.required("title", diagnostics), diagnostics);
    let rationale = sentence(fields.required("rationale", diagnostics), diagnostics);
    let ids = fields.optional("ids").map(|node| ids(node, diagnostics)).unwrap_or_default();
    let level = number_within(fields.required("level", diagnostics), 1, 2, diagnostics);
    let section = number_within(fields.required("section", diagnostics), 1, 6, diagnostics);
    let phase = phase(fields.required("phase", diagnostics), diagnostics);
    let families: Vec<OsFamily> = list_of(fields.optional("families"), "OS families", diagnostics);
    let families: BTreeSet<OsFamily> =
        if families.is_empty() { OsFamily::ALL.iter().copied().collect() } else { families.into_iter().collect() };
    let manual = fields.optional("manual").map(|node| sentence(Some(node), diagnostics));
    let applies_when = fields.optional("applies_when").and_then(|node| applies_when(node, diagnostics));
    let breaks = fields.optional("breaks").map(|node| breaks(node, diagnostics)).unwrap_or_default();
    let needs_reboot = fields.optional("needs_reboot").and_then(|node| node.boolean(diagnostics)).unwrap_or(false);
    let ensure_node = fields.optional("ensure");
    fields.finish(diagnostics);
    let slug = slug?;
    let ensure = ensure_node
        .and_then(|node| node.list("primitives", diagnostics))
        .unwrap_or_default()
        .iter()
        .filter_map(|item| ensure(item, &slug, scripts, diagnostics))
        .collect::<Vec<_>>();
    match (&manual, ensure.is_empty()) {
        (None, true) if ensure_node.is_none() => {
            diagnostics.report(&node.span, format!("the control `{slug}` needs `ensure` or `manual`"));
        }
        (Some(_), false) => {
            diagnostics.report(&node.span, format!("the control `{slug}` has both `ensure` and `manual`"));
        }
        _ => {}
    }
    let span = node.span.clone();
    let value = Control {
        slug,
        title,
        rationale,
        ids,
        level,
        section,
        phase,
        families,
        ensure,
        applies_when,
        breaks,
        needs_reboot,
        manual,
    };
    Some(Placed { value, span })
}

fn ids(node: &Node, diagnostics: &mut Diagnostics) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (key, value) in entries(node, "benchmark ids", diagnostics) {
        let Some(id) = value.text(diagnostics) else { continue };
        if id.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())) {
            found.insert(key.text.clone(), id.to_owned());
        } else {
            diagnostics.report(&value.span, "a benchmark id is numbers and dots, such as \"1.1.1.3\"");
        }
    }
    found
}

fn phase(node: Option<&Node>, diagnostics: &mut Diagnostics) -> Phase {
    let words = Phase::ALL.map(|(_, word)| word);
    let word = node.and_then(|node| node.one_of("phase", &words, diagnostics));
    Phase::ALL.iter().find(|(_, known)| Some(*known) == word).map_or(Phase::Config, |(phase, _)| *phase)
}

fn applies_when(node: &Node, diagnostics: &mut Diagnostics) -> Option<AppliesWhen> {
    let mut fields = node.fields("a condition", diagnostics)?;
    let what = sentence(fields.required("what", diagnostics), diagnostics);
    let paths = list_of(fields.required("paths", diagnostics), "paths", diagnostics);
    fields.finish(diagnostics);
    Some(AppliesWhen { what, paths })
}

/// `choice: {firewall: nftables}`.
fn choice(node: &Node, diagnostics: &mut Diagnostics) -> Option<Choice> {
    let [(key, value)] = entries(node, "a parameter and one of its words", diagnostics) else {
        diagnostics.report(&node.span, "expected one parameter and one of its words");
        return None;
    };
    Some(Choice { parameter: key.text.clone(), word: value.text(diagnostics)?.to_owned() })
}

fn breaks(node: &Node, diagnostics: &mut Diagnostics) -> Vec<Breaks> {
    entries(node, "what it breaks", diagnostics)
        .iter()
        .map(|(key, value)| Breaks { what: key.text.clone(), how: sentence(Some(value), diagnostics) })
        .collect()
}

/// `- sysctl: {…}`, with `families`, `choice` and `audit_only` beside it.
fn ensure(node: &Node, slug: &Slug, scripts: &Scripts, diagnostics: &mut Diagnostics) -> Option<Ensure> {
    let mut fields = node.fields("a primitive", diagnostics)?;
    let families: Vec<OsFamily> = list_of(fields.optional("families"), "OS families", diagnostics);
    let audit_only = fields.optional("audit_only").and_then(|node| node.boolean(diagnostics)).unwrap_or(false);
    let choice = fields.optional("choice").and_then(|node| choice(node, diagnostics));
    let primitive = read_primitive::primitive(&mut fields, slug, scripts, diagnostics);
    fields.finish(diagnostics);
    Some(Ensure { primitive: primitive?, families: families.into_iter().collect(), choice, audit_only })
}

/// `parameters.yaml`: a map of names to declarations.
pub(super) fn parameters(root: &Node, diagnostics: &mut Diagnostics) -> BTreeMap<String, ControlParameter> {
    let Some(mut fields) = root.fields("the file of parameters", diagnostics) else { return BTreeMap::new() };
    let list = fields.required("parameters", diagnostics);
    fields.finish(diagnostics);
    let mut found = BTreeMap::new();
    for (key, node) in list.map(|node| entries(node, "parameters", diagnostics)).unwrap_or_default() {
        if !is_parameter_name(&key.text) {
            diagnostics.report(&key.span, "a parameter's name is lower-case letters, digits and underscores");
        }
        if let Some(parameter) = parameter(node, diagnostics) {
            found.insert(key.text.clone(), parameter);
        }
    }
    found
}

fn parameter(node: &Node, diagnostics: &mut Diagnostics) -> Option<ControlParameter> {
    let mut fields = node.fields("a parameter", diagnostics)?;
    let kind = kind(&mut fields, diagnostics);
    let default = fields.required("default", diagnostics);
    let description = sentence(fields.required("description", diagnostics), diagnostics);
    let low = fields.optional("min").and_then(|node| node.integer(diagnostics));
    let high = fields.optional("max").and_then(|node| node.integer(diagnostics));
    let form = fields.optional("form").and_then(|node| {
        let word = node.one_of("form", &Form::ALL.map(|(word, _)| word), diagnostics)?;
        Form::ALL.iter().find(|(known, _)| *known == word).map(|(_, form)| *form)
    });
    fields.finish(diagnostics);
    let bounds = (low.is_some() || high.is_some()).then(|| (low.unwrap_or(i64::MIN), high.unwrap_or(i64::MAX)));
    let (kind, default) = (kind?, default?);
    let value = value(default, &kind, diagnostics)?;
    let declaration = Parameter { kind, default: Some(value.clone()), description };
    let parameter = ControlParameter { declaration, bounds, form };
    if let Some(why) = parameter.refuses(&value) {
        diagnostics.report(&default.span, why);
    }
    Some(parameter)
}

fn kind(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<ParameterKind> {
    let choices: Vec<String> = list_of(fields.optional("choices"), "words", diagnostics);
    let node = fields.required("type", diagnostics)?;
    match node.one_of("type", &["string", "integer", "boolean", "port", "choice"], diagnostics)? {
        "string" => Some(ParameterKind::String),
        "integer" => Some(ParameterKind::Integer),
        "boolean" => Some(ParameterKind::Boolean),
        "port" => Some(ParameterKind::Port),
        _ => Some(ParameterKind::Choice(choices)),
    }
}

fn value(node: &Node, kind: &ParameterKind, diagnostics: &mut Diagnostics) -> Option<ParameterValue> {
    match kind {
        ParameterKind::String | ParameterKind::Choice(_) => {
            node.text(diagnostics).map(|text| ParameterValue::Text(text.to_owned()))
        }
        ParameterKind::Integer | ParameterKind::Port => node.integer(diagnostics).map(ParameterValue::Integer),
        ParameterKind::Boolean => node.boolean(diagnostics).map(ParameterValue::Boolean),
    }
}

/// A profile whose controls are still names.
pub(super) struct ReadProfile {
    pub profile: Profile,
    pub span: Span,
    pub named: Vec<(String, Span)>,
}

/// Reads a profile; its names are looked up when all controls are known.
pub(super) fn profile(
    root: &Node,
    stem: &str,
    known: &BTreeMap<String, ControlParameter>,
    diagnostics: &mut Diagnostics,
) -> Option<ReadProfile> {
    let mut fields = root.fields("a profile", diagnostics)?;
    let name = fields.required("profile", diagnostics);
    let title = sentence(fields.required("title", diagnostics), diagnostics);
    let extends = list_of(fields.optional("extends"), "profile names", diagnostics);
    let list = fields.optional("controls");
    let set = fields.optional("parameters");
    fields.finish(diagnostics);
    if let Some(node) = name
        && node.text(diagnostics).is_some_and(|text| text != stem)
    {
        diagnostics.report(&node.span, format!("a profile is named like its file: expected `{stem}`"));
    }
    let mut named = Vec::new();
    for item in list.and_then(|node| node.list("control slugs", diagnostics)).unwrap_or_default() {
        if let Some(text) = item.text(diagnostics) {
            named.push((text.to_owned(), item.span.clone()));
        }
    }
    let mut parameters = Values::new();
    for (key, node) in set.map(|node| entries(node, "parameter values", diagnostics)).unwrap_or_default() {
        let Some(parameter) = known.get(&key.text) else {
            diagnostics.report_unknown(&key.span, "parameter", &key.text, known.keys().map(String::as_str));
            continue;
        };
        if let Some(value) = value(node, &parameter.declaration.kind, diagnostics) {
            match parameter.refuses(&value) {
                Some(why) => diagnostics.report(&node.span, why),
                None => drop(parameters.insert(key.text.clone(), value)),
            }
        }
    }
    let profile = Profile { name: stem.to_owned(), title, extends, controls: BTreeSet::new(), parameters };
    Some(ReadProfile { profile, span: root.span.clone(), named })
}
