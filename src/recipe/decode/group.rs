//! `recipes/groups/NAME.yaml`.

use super::super::template::Use;
use super::super::{Group, GroupAction, GroupStep, ImpliedException, NetworkAccess, Parameter, ParameterKind, tables};
use super::{Names, distinct, each, line, maybe, own_name, script, secrets, template, value};
use crate::identity::OsFamily;
use crate::source::{Diagnostics, Node, Value, printable};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const STEP_TIMEOUT: Duration = Duration::from_secs(600);
const HEALTH_TIMEOUT: Duration = Duration::from_secs(60);

type Kinds = BTreeMap<String, ParameterKind>;

/// Reads a package group.
pub(in crate::recipe) fn group(
    node: &Node,
    stem: &str,
    names: &Names<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Group> {
    let mut reader = tables::GROUP.read(node, diagnostics)?;
    let name = reader.take("group").and_then(|node| own_name(node, stem, diagnostics));
    let version = reader.take("version").and_then(|node| node.parse(diagnostics));
    let description = reader.take("description").and_then(|node| line(node, diagnostics));
    let declared = reader.take("parameters");
    let parameters = declared.map_or(Some(BTreeMap::new()), |node| parameters(node, diagnostics));
    // Where a declaration is wrong its name still counts, so that its uses are not reported too.
    let kinds = kinds(parameters.as_ref(), declared);
    let network = maybe(&mut reader, "network", diagnostics, |node, diagnostics| {
        each(node, "destinations", diagnostics, destination)
    });
    let secrets = maybe(&mut reader, "secrets", diagnostics, secrets::secrets);
    // Where the list is wrong, what is missing in it is not known.
    let declared_secrets = secrets.as_ref().map(|secrets| secrets.as_deref().unwrap_or_default());
    let packages = reader.take("packages").and_then(|node| packages(node, diagnostics));
    let families: Option<BTreeSet<OsFamily>> = packages.as_ref().map(|packages| packages.keys().copied().collect());
    let mut step_names = BTreeSet::new();
    let steps = maybe(&mut reader, "steps", diagnostics, |node, diagnostics| {
        each(node, "steps", diagnostics, |node, diagnostics| {
            let step = step(node, &kinds, families.as_ref(), declared_secrets, diagnostics)?;
            if !step_names.insert(step.name.clone()) {
                diagnostics.report(&node.span, format!("two steps are named `{}`", printable(&step.name)));
                return None;
            }
            Some(step)
        })
    });
    let health = maybe(&mut reader, "health", diagnostics, |node, diagnostics| {
        let mut reader = tables::HEALTH.read(node, diagnostics)?;
        let (run, timeout) = (reader.take("run"), reader.take("timeout"));
        reader.finish();
        let health = script(run?, timeout, HEALTH_TIMEOUT, &kinds, diagnostics);
        secrets::check(run?, declared_secrets, diagnostics).and(health)
    });
    let implies = maybe(&mut reader, "implies", diagnostics, |node, diagnostics| implies(node, names, diagnostics));
    reader.finish();
    Some(Group {
        name: name?,
        version: version?,
        description: description?,
        parameters: parameters?,
        network: network?.unwrap_or_default(),
        secrets: secrets?.unwrap_or_default(),
        packages: packages?,
        steps: steps?.unwrap_or_default(),
        health: health?,
        implies: implies?.unwrap_or_default(),
    })
}

fn kinds(parameters: Option<&BTreeMap<String, Parameter>>, declared: Option<&Node>) -> Kinds {
    match (parameters, declared.map(|node| &node.value)) {
        (Some(parameters), _) => parameters.iter().map(|(name, p)| (name.clone(), p.kind.clone())).collect(),
        (None, Some(Value::Map(entries))) => {
            entries.iter().map(|(key, _)| (key.text.clone(), ParameterKind::String)).collect()
        }
        (None, _) => BTreeMap::new(),
    }
}

fn parameters(node: &Node, diagnostics: &mut Diagnostics) -> Option<BTreeMap<String, Parameter>> {
    let entries = value::named(node, "the declaration of parameters", diagnostics)?;
    let all: Vec<Option<(String, Parameter)>> = entries
        .into_iter()
        .map(|(key, node)| parameter(node, diagnostics).map(|parameter| (key.text.clone(), parameter)))
        .collect();
    all.into_iter().collect()
}

fn parameter(node: &Node, diagnostics: &mut Diagnostics) -> Option<Parameter> {
    let mut reader = tables::PARAMETER.read(node, diagnostics)?;
    let words = ["string", "integer", "boolean", "port", "choice"];
    let word = reader.take("type").and_then(|node| node.one_of("parameter type", &words, diagnostics));
    let choices_node = reader.take("choices");
    let choices = choices_node.map(|node| distinct(node, "choices", diagnostics, line));
    let default_node = reader.take("default");
    let default = default_node.map(|node| {
        let value = value::written(node, diagnostics)?;
        value::refuse_template(node, &value, diagnostics)?;
        Some(value)
    });
    let description = reader.take("description").and_then(|node| line(node, diagnostics));
    reader.finish();
    let kind = match (word?, choices) {
        ("choice", Some(Some(choices))) if !choices.is_empty() => ParameterKind::Choice(choices),
        ("choice", Some(None)) => return None,
        ("choice", _) => {
            diagnostics.report(choices_node.map_or(&node.span, |node| &node.span), "a choice needs its `choices`");
            return None;
        }
        (word, Some(_)) => {
            let message = format!("`choices` go with `type: choice`, not with `{word}`");
            diagnostics.report(choices_node.map_or(&node.span, |node| &node.span), message);
            return None;
        }
        ("string", None) => ParameterKind::String,
        ("integer", None) => ParameterKind::Integer,
        ("boolean", None) => ParameterKind::Boolean,
        _ => ParameterKind::Port,
    };
    let default = match (default, default_node) {
        (Some(value), Some(node)) => match value::typed(value?, &kind) {
            Ok(value) => Some(value),
            Err(message) => {
                diagnostics.report(&node.span, format!("the default has the wrong type: {message}"));
                return None;
            }
        },
        _ => None,
    };
    Some(Parameter { kind, default, description: description? })
}

fn destination(node: &Node, diagnostics: &mut Diagnostics) -> Option<NetworkAccess> {
    let text = node.text(diagnostics)?;
    if text == "package-repositories" {
        return Some(NetworkAccess::PackageRepositories);
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let parsed = text.rsplit_once(':').and_then(|(host, port)| {
        let port = port.parse::<u16>().ok().filter(|number| *number > 0 && number.to_string() == port)?;
        (host.len() <= 253 && host.split('.').all(label)).then(|| NetworkAccess::Host { host: host.to_owned(), port })
    });
    if parsed.is_none() {
        let message = format!("`{}` is not a destination", printable(text));
        diagnostics.report_with_help(
            &node.span,
            message,
            "write package-repositories, or \"host:port\" such as \"example.org:443\"",
        );
    }
    parsed
}

fn packages(node: &Node, diagnostics: &mut Diagnostics) -> Option<BTreeMap<OsFamily, Vec<String>>> {
    let Value::Map(entries) = &node.value else {
        let message = format!("expected packages by OS family (a map), found {}", node.value.kind());
        diagnostics.report(&node.span, message);
        return None;
    };
    let mut all = BTreeMap::new();
    let mut whole = true;
    for (key, node) in entries {
        let Ok(family) = key.text.parse::<OsFamily>() else {
            let known = OsFamily::ALL.iter().map(|family| family.as_str());
            diagnostics.report_unknown(&key.span, "OS family", &key.text, known);
            whole = false;
            continue;
        };
        if matches!(node.value, Value::Null) {
            let help = "write [] where the family needs no packages";
            diagnostics.report_with_help(&key.span, format!("`{family}` is empty"), help);
            whole = false;
            continue;
        }
        let debian = family != OsFamily::AmazonLinux2023;
        let list =
            distinct(node, "packages", diagnostics, |node, diagnostics| value::package(node, debian, diagnostics));
        match list {
            Some(list) => drop(all.insert(family, list)),
            None => whole = false,
        }
    }
    if entries.is_empty() {
        diagnostics.report_with_help(
            &node.span,
            "a group supports at least one OS family",
            "name those that it works on, with empty lists where it installs nothing: packages: {debian-12: []}",
        );
        return None;
    }
    whole.then_some(all)
}

fn step(
    node: &Node,
    kinds: &Kinds,
    supported: Option<&BTreeSet<OsFamily>>,
    declared_secrets: Option<&[String]>,
    diagnostics: &mut Diagnostics,
) -> Option<GroupStep> {
    let mut reader = tables::STEP.read(node, diagnostics)?;
    let name = reader.take("name").and_then(|node| line(node, diagnostics));
    let families = maybe(&mut reader, "families", diagnostics, |node, diagnostics| {
        distinct(node, "OS families", diagnostics, |node, diagnostics| {
            let words: Vec<&str> = OsFamily::ALL.iter().map(|family| family.as_str()).collect();
            let family: OsFamily = node.one_of("OS family", &words, diagnostics)?.parse().ok()?;
            if supported.is_some_and(|supported| !supported.contains(&family)) {
                let help = "list the family under `packages:`, with [] where it needs none";
                diagnostics.report_with_help(&node.span, format!("the group does not support `{family}`"), help);
                return None;
            }
            Some(family)
        })
    });
    let (run, timeout) = (reader.take("run"), reader.take("timeout"));
    let run = run.map(|run| {
        let script = script(run, timeout, STEP_TIMEOUT, kinds, diagnostics);
        secrets::check(run, declared_secrets, diagnostics).and(script).map(GroupAction::Run)
    });
    let path = reader.take("file").map(|node| value::path(node, diagnostics));
    let content = reader.take("content").map(|node| template(node, Use::Content, kinds, diagnostics));
    let mode = maybe(&mut reader, "mode", diagnostics, value::mode);
    let owner = maybe(&mut reader, "owner", diagnostics, value::owner);
    let enable = reader.take("enable").map(|node| value::service(node, diagnostics).map(GroupAction::Enable));
    let reboot = reader.take("reboot").map(|node| reboot(node, diagnostics));
    reader.finish();
    let action = match (run, path, enable, reboot) {
        (Some(run), None, None, None) => run?,
        (None, Some(path), None, None) => GroupAction::File {
            path: path?,
            content: content??,
            mode: mode?.unwrap_or(0o644),
            owner: owner?.unwrap_or_else(|| "root:root".to_owned()),
        },
        (None, None, Some(enable), None) => enable?,
        (None, None, None, Some(reboot)) => reboot?,
        // More than one or none: reported with the table's rule.
        _ => return None,
    };
    Some(GroupStep { name: name?, families: families?.unwrap_or_default(), action })
}

fn reboot(node: &Node, diagnostics: &mut Diagnostics) -> Option<GroupAction> {
    if node.boolean(diagnostics)? {
        return Some(GroupAction::Reboot);
    }
    diagnostics.report_with_help(&node.span, "a step that does nothing", "leave the step out, or write reboot: true");
    None
}

fn implies(node: &Node, names: &Names<'_>, diagnostics: &mut Diagnostics) -> Option<Vec<ImpliedException>> {
    let mut seen = BTreeSet::new();
    each(node, "implied exceptions", diagnostics, |node, diagnostics| {
        let mut reader = tables::IMPLIED.read(node, diagnostics)?;
        let control_node = reader.take("control");
        let control = control_node.and_then(|node| super::control(node, names, diagnostics));
        let reason = reader.take("reason").and_then(|node| line(node, diagnostics));
        reader.finish();
        if let (Some(control), Some(node)) = (&control, control_node)
            && !seen.insert(control.clone())
        {
            diagnostics.report(&node.span, format!("`{control}` is listed twice"));
            return None;
        }
        Some(ImpliedException { control: control?, reason: reason? })
    })
}
