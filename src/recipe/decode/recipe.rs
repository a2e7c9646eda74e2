//! `recipes/NAME.yaml`.

use super::super::template::{Use, fill_value, kinds_of};
use super::super::{
    BaseSpec, Gate, Group, GroupUse, Limits, LocalBase, ParameterKind, ParameterValue, Recipe, Test, tables,
};
use super::{Names, aws, each, known, line, maybe, own_name, script, secrets, template, value};
use crate::identity::{Channel, GroupName, RecipeName};
use crate::source::{Diagnostics, Node, Span, Value, printable};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const TEST_TIMEOUT: Duration = Duration::from_secs(60);

type Values = BTreeMap<String, ParameterValue>;
type Kinds = BTreeMap<String, ParameterKind>;

/// What a recipe's file refers to, known even where the rest of it is wrong.
#[derive(Default)]
pub(in crate::recipe) struct BaseLink {
    /// The recipe it is built on, and where it says so.
    pub base: Option<(RecipeName, Span)>,
    /// The groups it uses.
    pub groups: BTreeSet<String>,
}

/// Reads a recipe.
pub(in crate::recipe) fn recipe(
    node: &Node,
    stem: &str,
    names: &Names<'_>,
    link: &mut BaseLink,
    diagnostics: &mut Diagnostics,
) -> Option<Recipe> {
    let mut reader = tables::RECIPE.read(node, diagnostics)?;
    let name = reader.take("recipe").and_then(|node| own_name(node, stem, diagnostics));
    let description = reader.take("description").and_then(|node| line(node, diagnostics));
    let version = reader.take("version").and_then(|node| node.parse(diagnostics));
    let base = reader.take("base").and_then(|node| base(node, names, link, diagnostics));
    let declared = reader.take("parameters");
    let parameters = declared.map_or(Some(Values::new()), |node| value::parameters(node, diagnostics));
    // Where a value is wrong its name still counts, so that its uses are not reported too.
    let own = Own { kinds: kinds(parameters.as_ref(), declared), values: parameters.as_ref() };
    let groups = maybe(&mut reader, "groups", diagnostics, |node, d| groups(node, names, &own, link, d));
    let hardening_node = reader.take("hardening");
    let hardening = hardening_node.map(|node| super::hardening::hardening(node, names, diagnostics));
    let gate = maybe(&mut reader, "gate", diagnostics, |node, diagnostics| {
        super::hardening::gate(node, hardening_node.is_some(), names, diagnostics)
    });
    let tests = maybe(&mut reader, "tests", diagnostics, |node, d| tests(node, &own.kinds, d));
    let publish = maybe(&mut reader, "publish", diagnostics, |node, diagnostics| {
        let mut reader = tables::PUBLISH.read(node, diagnostics)?;
        let channel = reader.take("channel").and_then(|node| channel(node, names, diagnostics));
        reader.finish();
        channel
    });
    let limits = maybe(&mut reader, "limits", diagnostics, limits);
    let on_another = matches!(base, Some(BaseSpec::Recipe { .. }));
    let aws = maybe(&mut reader, "aws", diagnostics, |node, d| {
        if on_another {
            aws::no_volumes(node, d);
        }
        aws::settings(node, &names.aws, d)
    });
    let retention = maybe(&mut reader, "retention", diagnostics, |node, d| {
        super::retention::retention(node, names.retention.as_ref(), d)
    });
    let schedule = maybe(&mut reader, "schedule", diagnostics, |node, d| {
        super::schedule::of_recipe(node, names.schedule.as_ref(), d)
    });
    reader.finish();
    Some(Recipe {
        name: name?,
        description: description?,
        version: version?,
        base: base?,
        parameters: parameters?,
        groups: groups?.unwrap_or_default(),
        hardening: match hardening {
            Some(hardening) => Some(hardening?),
            None => None,
        },
        gate: gate?.unwrap_or_else(Gate::default),
        tests: tests?.unwrap_or_default(),
        publish: publish?,
        limits: limits?.unwrap_or_default(),
        aws: aws?.unwrap_or_else(|| names.aws.clone()),
        retention: retention?.or_else(|| names.retention.clone()),
        schedule: match schedule? {
            Some(super::schedule::Said::Schedule(schedule)) => Some(schedule),
            Some(super::schedule::Said::None) => None,
            None => names.schedule.clone(),
        },
    })
}

/// The recipe's own parameters, as far as they are known.
struct Own<'a> {
    kinds: Kinds,
    /// None where one of them is wrong.
    values: Option<&'a Values>,
}

fn kinds(values: Option<&Values>, declared: Option<&Node>) -> Kinds {
    match (values, declared.map(|node| &node.value)) {
        (Some(values), _) => kinds_of(values),
        (None, Some(Value::Map(entries))) => {
            entries.iter().map(|(key, _)| (key.text.clone(), ParameterKind::String)).collect()
        }
        (None, _) => Kinds::new(),
    }
}

fn channel(node: &Node, names: &Names<'_>, diagnostics: &mut Diagnostics) -> Option<Channel> {
    match &names.channels {
        Some(channels) => {
            let exists = |name: &str| channels.iter().any(|channel| channel.as_str() == name);
            known(node, "channel", exists, channels.iter().map(Channel::as_str), diagnostics)
        }
        None => node.parse(diagnostics),
    }
}

fn base(node: &Node, names: &Names<'_>, link: &mut BaseLink, diagnostics: &mut Diagnostics) -> Option<BaseSpec> {
    let mut reader = tables::BASE.read(node, diagnostics)?;
    let recipe_node = reader.take("recipe");
    let recipe = recipe_node.map(|node| {
        known::<RecipeName>(
            node,
            "recipe",
            |name| names.recipes.contains(name),
            names.recipes.iter().map(String::as_str),
            diagnostics,
        )
    });
    let channel = maybe(&mut reader, "channel", diagnostics, |node, d| channel(node, names, d));
    let arch = maybe(&mut reader, "arch", diagnostics, value::arch);
    let local = maybe(&mut reader, "local", diagnostics, local);
    let aws = maybe(&mut reader, "aws", diagnostics, aws::base);
    reader.finish();
    if let (Some(Some(recipe)), Some(node)) = (&recipe, recipe_node) {
        link.base = Some((recipe.clone(), node.span.clone()));
    }
    match (recipe, local?, aws?) {
        (Some(recipe), None, None) => Some(BaseSpec::Recipe { recipe: recipe?, channel: channel?, arch: arch? }),
        // A recipe and another, or none: reported with the table's rule.
        (Some(_), ..) | (None, None, None) => None,
        (None, local, aws) => Some(BaseSpec::Own { local, aws }),
    }
}

fn local(node: &Node, diagnostics: &mut Diagnostics) -> Option<LocalBase> {
    if let Value::Scalar { text, .. } = &node.value {
        if text == "host" {
            return Some(LocalBase::Host);
        }
        let message = format!("unknown local base `{}`", printable(text));
        let help = "write host, {rootfs: DIR}, {tarball: FILE} or {oci: DIR:TAG}";
        diagnostics.report_with_help(&node.span, message, help);
        return None;
    }
    let mut reader = tables::LOCAL_BASE.read(node, diagnostics)?;
    let mut path = |key| reader.take(key).map(|node| value::base_path(node, diagnostics));
    let (rootfs, tarball, oci) = (path("rootfs"), path("tarball"), path("oci"));
    reader.finish();
    match (rootfs, tarball, oci) {
        (Some(path), None, None) => Some(LocalBase::Rootfs(path?)),
        (None, Some(path), None) => Some(LocalBase::Tarball(path?)),
        (None, None, Some(path)) => Some(LocalBase::Oci(path?)),
        _ => None,
    }
}

fn groups(
    node: &Node,
    names: &Names<'_>,
    own: &Own<'_>,
    link: &mut BaseLink,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<GroupUse>> {
    let mut seen = BTreeSet::new();
    each(node, "package groups", diagnostics, |node, diagnostics| {
        let (name_node, parameters) = match &node.value {
            Value::Map(_) => {
                let mut reader = tables::GROUP_USE.read(node, diagnostics)?;
                let both = (reader.take("name"), reader.take("parameters"));
                reader.finish();
                (both.0?, both.1)
            }
            _ => (node, None),
        };
        let exists = |name: &str| names.groups.contains_key(name);
        let all = names.groups.keys().map(String::as_str);
        let name: GroupName = known(name_node, "package group", exists, all, diagnostics)?;
        link.groups.insert(name.as_str().to_owned());
        if !seen.insert(name.clone()) {
            diagnostics.report(&name_node.span, format!("the package group `{name}` is used twice"));
            return None;
        }
        let entries = match parameters {
            Some(node) => value::named(node, "parameters", diagnostics)?,
            None => Vec::new(),
        };
        // A group that could not be read: what it declares is not known.
        let group = names.groups.get(name.as_str()).and_then(Option::as_ref)?;
        let mut values = Values::new();
        let mut whole = true;
        for (key, node) in &entries {
            match argument(group, &key.text, &key.span, node, own, diagnostics) {
                Some(value) => drop(values.insert(key.text.clone(), value)),
                None => whole = false,
            }
        }
        for (parameter, declaration) in &group.parameters {
            if declaration.default.is_none() && !entries.iter().any(|(key, _)| key.text == *parameter) {
                let message = format!("the package group `{name}` needs a value for `{parameter}`");
                let help = format!("{{name: {name}, parameters: {{{parameter}: …}}}}");
                diagnostics.report_with_help(&name_node.span, message, help);
                whole = false;
            }
        }
        whole.then_some(GroupUse { name, parameters: values })
    })
}

/// One value that a recipe gives to a group.
fn argument(
    group: &Group,
    name: &str,
    key: &Span,
    node: &Node,
    own: &Own<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<ParameterValue> {
    let Some(parameter) = group.parameters.get(name) else {
        let known = group.parameters.keys().map(String::as_str);
        diagnostics.report_unknown_in(key, "parameter", name, &format!("the package group `{}`", group.name), known);
        return None;
    };
    let mut given = value::written(node, diagnostics)?;
    if let ParameterValue::Text(text) = &given
        && text.contains("{{")
    {
        let text = template(node, Use::Value, &own.kinds, diagnostics)?;
        given = match fill_value(&text, own.values?) {
            Ok(value) => value,
            Err(error) => {
                diagnostics.report(&node.span, error.to_string());
                return None;
            }
        };
    }
    match value::typed(given, &parameter.kind) {
        Ok(value) => Some(value),
        Err(message) => {
            diagnostics.report(&node.span, format!("`{name}`: {message}"));
            None
        }
    }
}

fn tests(node: &Node, kinds: &Kinds, diagnostics: &mut Diagnostics) -> Option<Vec<Test>> {
    let mut seen = BTreeSet::new();
    each(node, "tests", diagnostics, |node, diagnostics| {
        let mut reader = tables::TEST.read(node, diagnostics)?;
        let name_node = reader.take("name");
        let name = name_node.and_then(|node| line(node, diagnostics));
        let (run, timeout) = (reader.take("run"), reader.take("timeout"));
        reader.finish();
        let script = run.and_then(|run| {
            let script = script(run, timeout, TEST_TIMEOUT, kinds, diagnostics);
            secrets::refuse(run, diagnostics).and(script)
        });
        if let (Some(name), Some(node)) = (&name, name_node)
            && !seen.insert(name.clone())
        {
            diagnostics.report(&node.span, format!("two tests are named `{}`", printable(name)));
            return None;
        }
        Some(Test { name: name?, script: script? })
    })
}

fn limits(node: &Node, diagnostics: &mut Diagnostics) -> Option<Limits> {
    let mut reader = tables::LIMITS.read(node, diagnostics)?;
    let defaults = Limits::default();
    let time = maybe(&mut reader, "time", diagnostics, value::duration);
    let processes = maybe(&mut reader, "processes", diagnostics, |node, diagnostics| {
        let number = node.integer(diagnostics)?;
        if !(16..=1_000_000).contains(&number) {
            diagnostics.report(&node.span, format!("{number} is out of bounds: expected 16 to 1000000"));
            return None;
        }
        u64::try_from(number).ok()
    });
    let memory = maybe(&mut reader, "memory", diagnostics, value::size);
    let disk = maybe(&mut reader, "disk", diagnostics, value::size);
    reader.finish();
    Some(Limits {
        time_s: time?.map_or(defaults.time_s, |time| time.as_secs()),
        processes: processes?.unwrap_or(defaults.processes),
        memory_bytes: memory?.unwrap_or(defaults.memory_bytes),
        disk_bytes: disk?.unwrap_or(defaults.disk_bytes),
    })
}
