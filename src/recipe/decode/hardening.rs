//! `hardening:` and `gate:` of a recipe.

use super::super::{Gate, HardeningSpec, NetworkAccess, ParameterValue, Waiver, date, tables};
use super::{Names, control, distinct, each, line, maybe, value};
use crate::identity::Slug;
use crate::source::{Diagnostics, Node, Value, printable};
use std::collections::{BTreeMap, BTreeSet};

/// Reads `hardening:`.
pub(super) fn hardening(node: &Node, names: &Names<'_>, diagnostics: &mut Diagnostics) -> Option<HardeningSpec> {
    let node = &without_drops(node, diagnostics);
    let mut reader = tables::HARDENING.read(node, diagnostics)?;
    let profile = reader.take("profile").and_then(|node| {
        let text = node.text(diagnostics)?;
        if !names.catalogue.profiles.contains_key(text) {
            let profiles = names.catalogue.profiles.keys().map(String::as_str);
            diagnostics.report_unknown(&node.span, "hardening profile", text, profiles);
            return None;
        }
        Some(text.to_owned())
    });
    let parameters = maybe(&mut reader, "parameters", diagnostics, |node, d| parameters(node, names, d));
    let add = maybe(&mut reader, "add", diagnostics, |node, d| controls(node, names, d));
    // What the image has; none where that is not known, because of a mistake.
    let selected = match (&profile, &add) {
        (Some(profile), Some(add)) => names.catalogue.profiles.get(profile).map(|controls| {
            let mut all = controls.clone();
            all.extend(add.iter().flatten().cloned());
            all
        }),
        _ => None,
    };
    let mut seen = BTreeSet::new();
    let waivers = maybe(&mut reader, "waivers", diagnostics, |node, diagnostics| {
        each(node, "waivers", diagnostics, |node, diagnostics| {
            waiver(node, names, selected.as_ref(), &mut seen, diagnostics)
        })
    });
    let network = maybe(&mut reader, "network", diagnostics, |node, diagnostics| {
        each(node, "destinations", diagnostics, |node, diagnostics| {
            node.one_of("destination", &["package-repositories"], diagnostics)
                .map(|_| NetworkAccess::PackageRepositories)
        })
    });
    reader.finish();
    Some(HardeningSpec {
        profile: profile?,
        parameters: parameters?.unwrap_or_default(),
        add: add?.unwrap_or_default(),
        waivers: waivers?.unwrap_or_default(),
        network: network?,
    })
}

/// How people ask for a control of the profile to be left out. There is one way, which leaves a trace.
const DROPS: [&str; 12] = [
    "disable",
    "disabled",
    "drop",
    "except",
    "exceptions",
    "exclude",
    "exempt",
    "ignore",
    "omit",
    "remove",
    "skip",
    "without",
];

/// The node without the keys that are meant to drop controls; each is reported with the way to do it.
fn without_drops(node: &Node, diagnostics: &mut Diagnostics) -> Node {
    let mut node = node.clone();
    if let Value::Map(entries) = &mut node.value {
        entries.retain(|(key, _)| {
            let known = !DROPS.contains(&key.text.as_str());
            if !known {
                let message = format!("unknown key `{}` in {}", key.text, tables::HARDENING.what);
                let help = "to drop a control of the profile, waive it: \
                            waivers: [{control: …, reason: …, owner: …, expires: YYYY-MM-DD}]";
                diagnostics.report_with_help(&key.span, message, help);
            }
            known
        });
    }
    node
}

/// Reads `gate:`.
pub(super) fn gate(node: &Node, hardened: bool, names: &Names<'_>, diagnostics: &mut Diagnostics) -> Option<Gate> {
    let mut reader = tables::GATE.read(node, diagnostics)?;
    let minimum_score = maybe(&mut reader, "minimum_score", diagnostics, score);
    let required = maybe(&mut reader, "required", diagnostics, |node, d| controls(node, names, d));
    reader.finish();
    if !hardened {
        let help = "add `hardening:` with a profile, or leave the gate out";
        diagnostics.report_with_help(&node.span, "a gate on an image that is not hardened can't be passed", help);
        return None;
    }
    Some(Gate { minimum_score: minimum_score?, required: required?.unwrap_or_default() })
}

/// A score, 0 to 100.
pub(super) fn score(node: &Node, diagnostics: &mut Diagnostics) -> Option<f64> {
    let text = node.text(diagnostics)?;
    let plain = matches!(node.value, Value::Scalar { plain: true, .. });
    let digits = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let score = text.parse::<f64>().ok().filter(|score| plain && digits && (0.0..=100.0).contains(score));
    if score.is_none() {
        let message = format!("`{}` is not a score: expected a number from 0 to 100", printable(text));
        diagnostics.report(&node.span, message);
    }
    score
}

fn controls(node: &Node, names: &Names<'_>, diagnostics: &mut Diagnostics) -> Option<Vec<Slug>> {
    distinct(node, "controls", diagnostics, |node, diagnostics| control(node, names, diagnostics))
}

fn parameters(
    node: &Node,
    names: &Names<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<BTreeMap<String, ParameterValue>> {
    let Value::Map(entries) = &node.value else {
        let message = format!("expected control parameters (a map), found {}", node.value.kind());
        diagnostics.report(&node.span, message);
        return None;
    };
    let mut all = BTreeMap::new();
    for (key, node) in entries {
        let Some(parameter) = names.catalogue.parameters.get(&key.text) else {
            let known = names.catalogue.parameters.keys().map(String::as_str);
            diagnostics.report_unknown(&key.span, "control parameter", &key.text, known);
            continue;
        };
        let Some(value) = value::written(node, diagnostics) else { continue };
        if value::refuse_template(node, &value, diagnostics).is_none() {
            continue;
        }
        let value = value::typed(value, &parameter.declaration.kind);
        let value = value.and_then(|value| parameter.refuses(&value).map_or(Ok(value), Err));
        match value {
            Ok(value) => drop(all.insert(key.text.clone(), value)),
            Err(message) => diagnostics.report(&node.span, format!("`{}`: {message}", key.text)),
        }
    }
    (all.len() == entries.len()).then_some(all)
}

fn waiver(
    node: &Node,
    names: &Names<'_>,
    selected: Option<&BTreeSet<Slug>>,
    seen: &mut BTreeSet<Slug>,
    diagnostics: &mut Diagnostics,
) -> Option<Waiver> {
    let mut reader = tables::WAIVER.read(node, diagnostics)?;
    let control_node = reader.take("control");
    let control = control_node.and_then(|node| control(node, names, diagnostics));
    let reason = reader.take("reason").and_then(|node| line(node, diagnostics));
    let owner = reader.take("owner").and_then(|node| line(node, diagnostics));
    let ticket = maybe(&mut reader, "ticket", diagnostics, line);
    let expires = reader.take("expires").and_then(|node| expiry(node, names.today, diagnostics));
    reader.finish();
    if let (Some(control), Some(node)) = (&control, control_node)
        && !seen.insert(control.clone())
    {
        diagnostics.report(&node.span, format!("`{control}` is waived twice"));
        return None;
    }
    if let (Some(control), Some(node), Some(selected)) = (&control, control_node, selected)
        && !selected.contains(control)
    {
        let message = format!("`{control}` is waived, and neither the profile nor `add` has it");
        diagnostics.report_with_help(&node.span, message, "remove the waiver, or add the control");
        return None;
    }
    Some(Waiver { control: control?, reason: reason?, owner: owner?, ticket: ticket?, expires: expires? })
}

fn expiry(node: &Node, today: time::Date, diagnostics: &mut Diagnostics) -> Option<time::Date> {
    let text = node.text(diagnostics)?;
    let Some(expires) = date::parse(text) else {
        let message = format!("`{}` is not a date", printable(text));
        diagnostics.report_with_help(&node.span, message, "write YYYY-MM-DD");
        return None;
    };
    if expires < today {
        let days = (today - expires).whole_days();
        let unit = if days == 1 { "day" } else { "days" };
        let help = "meet the control, or decide anew and move the date";
        diagnostics.report_with_help(&node.span, format!("this waiver expired {days} {unit} ago"), help);
        return None;
    }
    Some(expires)
}
