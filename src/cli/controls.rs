//! `controls`: the hardening library, listed and explained.

use super::controls_test::Test;
use super::exit::{CliError, Exit};
use super::session::Session;
use crate::hardening::{Control, Ensure, Library, Values, benchmark_family, id_order};
use crate::identity::{NameError, OsFamily, Slug};
use crate::report::view::{self, ControlRow};
use crate::report::{Style, visible};
use crate::source::{Diagnostics, nearest};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// List, explain or test hardening controls.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Controls {
    /// Explain this one, or list those whose name, title, settings or benchmark id hold these words
    #[arg(value_name = "CONTROL")]
    control: Option<String>,
    /// Only those of this profile
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Only those of this level, 1 or 2
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(u8).range(1..=2))]
    level: Option<u8>,
    /// Only those of this section, 1 to 6
    #[arg(long, value_name = "SECTION", value_parser = clap::value_parser!(u8).range(1..=6))]
    section: Option<u8>,
    /// Only those that mean something on this OS family
    #[arg(long, value_name = "FAMILY", value_parser = parse_family)]
    family: Option<OsFamily>,
    /// Only those with this benchmark id, or one below it: 5.2.3, or cis-al2023-1.0.0:5.2.3
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Try one control's contract on a copy-on-write overlay of a root filesystem
    Test(Test),
}

fn parse_family(text: &str) -> Result<OsFamily, NameError> {
    text.parse()
}

#[derive(Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    row: ControlRow,
    rationale: &'a str,
    phase: crate::hardening::Phase,
    needs_reboot: bool,
    manual: Option<&'a str>,
    profiles: Vec<&'a str>,
    made_of: Vec<&'static str>,
    parameters: BTreeMap<&'a str, String>,
    parameters_take: BTreeMap<&'a str, String>,
}

impl Controls {
    pub fn run(self, session: &Session) -> Result<Exit, CliError> {
        let library = library(session)?;
        if let Some(Verb::Test(test)) = self.verb {
            return test.run(session, &library);
        }
        if let Some(control) = self.control.as_deref().and_then(|name| library.controls.get(name)) {
            return explain(session, &library, control);
        }
        self.list(session, &library)
    }

    fn list(&self, session: &Session, library: &Library) -> Result<Exit, CliError> {
        let profile = self.profile.as_deref().map(|name| slugs_of(library, name)).transpose()?;
        let text = self.control.as_deref().map(str::to_lowercase);
        let defaults = library.defaults();
        let wanted = |control: &&Control| {
            profile.as_ref().is_none_or(|slugs| slugs.contains(&control.slug))
                && self.level.is_none_or(|level| control.level == level)
                && self.section.is_none_or(|section| control.section == section)
                && self.family.is_none_or(|family| means_something_on(control, family))
                && self.id.as_deref().is_none_or(|id| has_id(control, id))
                && text.as_deref().is_none_or(|text| holds(control, text, &defaults))
        };
        let mut controls: Vec<ControlRow> = library.controls.values().filter(wanted).map(row).collect();
        // A name that fits nothing at all is a mistake; one that the filters leave nothing of is an empty list.
        if let Some(name) = &self.control
            && !library
                .controls
                .values()
                .any(|control| text.as_deref().is_some_and(|text| holds(control, text, &defaults)))
        {
            return Err(no_control(library, name));
        }
        // By the ids of the benchmark that is looked at, where one is.
        let benchmark = self.family.and_then(|family| {
            library
                .controls
                .values()
                .flat_map(|control| control.ids.keys())
                .find(|b| benchmark_family(b) == Some(family))
        });
        controls.sort_by_key(|row| {
            let id = benchmark.and_then(|benchmark| row.ids.get(benchmark)).or_else(|| row.ids.values().next());
            (row.section, id_order(id.map_or("", String::as_str)))
        });
        let controls = view::Controls { controls };
        session.result(&controls, |style| view::controls(&controls, style))?;
        Ok(Exit::Done)
    }
}

/// The library can be looked at from anywhere; inside a factory it is the factory's own.
fn library(session: &Session) -> Result<Library, CliError> {
    let Ok(folder) = session.folder() else { return Library::embedded().map_err(CliError::Invalid) };
    let mut diagnostics = Diagnostics::new();
    let library = session.library(&folder, &mut diagnostics)?;
    if diagnostics.is_empty() { Ok(library) } else { Err(CliError::Invalid(diagnostics.sorted())) }
}

/// The controls of a profile.
fn slugs_of(library: &Library, name: &str) -> Result<BTreeSet<Slug>, CliError> {
    let found = library.resolve_profile(name).map(|(slugs, _)| slugs);
    found.ok_or_else(|| {
        let names = library.profiles.keys().map(String::as_str);
        let help = match nearest(name, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", names.collect::<Vec<_>>().join(", ")),
        };
        CliError::Usage(format!("there is no profile `{}`\n  {help}", visible::line(name)))
    })
}

/// That no control has this name, with the nearest that has.
pub(super) fn no_control(library: &Library, name: &str) -> CliError {
    let help = nearest(name, library.controls.keys().map(Slug::as_str))
        .map_or_else(|| "`amifactory controls` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
    CliError::Usage(format!("there is no control `{}`\n  {help}", visible::line(name)))
}

/// The control of this slug, or of this benchmark id where the benchmark of this family, or of all, has one such; and
/// those that the id means elsewhere.
pub(super) fn named<'a>(
    library: &'a Library,
    name: &str,
    family: OsFamily,
) -> Result<(&'a Control, Vec<String>), CliError> {
    if let Some(control) = library.controls.get(name) {
        return Ok((control, Vec::new()));
    }
    let of = |ids: &dyn Fn(&str, &str) -> bool| -> Vec<&'a Control> {
        let has = |control: &&Control| control.ids.iter().any(|(benchmark, id)| ids(benchmark, id));
        library.controls.values().filter(has).collect()
    };
    let (benchmark, wanted) = split_id(name);
    let exactly = |of: &str, id: &str| benchmark.is_none_or(|benchmark| benchmark == of) && id == wanted;
    let here = of(&|benchmark, id| exactly(benchmark, id) && benchmark_family(benchmark) == Some(family));
    let anywhere = of(&|benchmark, id| exactly(benchmark, id));
    match (here.as_slice(), anywhere.as_slice()) {
        ([control], all) | ([], all @ [control]) => {
            let others = all.iter().filter(|other| other.slug != control.slug);
            return Ok((control, others.map(|other| candidate(other, name)).collect()));
        }
        _ => {}
    }
    let candidates = match (here.is_empty(), anywhere.is_empty()) {
        (false, _) => here,
        (true, false) => anywhere,
        (true, true) => library.controls.values().filter(|control| has_id(control, name)).collect(),
    };
    if candidates.is_empty() {
        return Err(no_control(library, name));
    }
    let mut lines: Vec<String> = candidates.iter().map(|control| candidate(control, name)).collect();
    lines.sort();
    Err(CliError::Usage(format!(
        "`{}` names several controls: say which\n  {}",
        visible::line(name),
        lines.join("\n  ")
    )))
}

/// A control with those of its ids that a text names.
fn candidate(control: &Control, name: &str) -> String {
    let wanted = split_id(name).1;
    let below = format!("{wanted}.");
    let ids = control.ids.iter().filter(|(_, id)| *id == wanted || id.starts_with(&below));
    let ids: Vec<String> = ids.map(|(benchmark, id)| format!("{benchmark} {id}")).collect();
    format!("{}   {}", control.slug, ids.join(", "))
}

/// `cis-al2023-1.0.0:5.2.3` is one benchmark's, `5.2.3` any benchmark's.
fn split_id(wanted: &str) -> (Option<&str>, &str) {
    let (benchmark, id) = wanted.rsplit_once(':').map_or((None, wanted), |(benchmark, id)| (Some(benchmark), id));
    (benchmark, id.trim_end_matches('.'))
}

fn means_something_on(control: &Control, family: OsFamily) -> bool {
    let part = |ensure: &Ensure| ensure.families.is_empty() || ensure.families.contains(&family);
    control.families.contains(&family) && (control.manual.is_some() || control.ensure.iter().any(part))
}

/// It has this id, or one below it.
fn has_id(control: &Control, wanted: &str) -> bool {
    let (benchmark, wanted) = split_id(wanted);
    let below = format!("{wanted}.");
    control
        .ids
        .iter()
        .filter(|(name, _)| benchmark.is_none_or(|benchmark| benchmark == *name))
        .any(|(_, id)| id == wanted || id.starts_with(&below))
}

/// Each word of a text is in its slug, its title or what it ensures, or is a benchmark id of it.
fn holds(control: &Control, text: &str, defaults: &Values) -> bool {
    let ensured = control.ensure.iter().map(|ensure| ensure.primitive.describe(defaults).to_lowercase());
    let all: Vec<String> =
        [control.slug.to_string(), control.title.to_lowercase()].into_iter().chain(ensured).collect();
    text.split_whitespace().all(|word| all.iter().any(|text| text.contains(word)) || has_id(control, word))
}

fn row(control: &Control) -> ControlRow {
    ControlRow {
        slug: control.slug.clone(),
        title: control.title.clone(),
        ids: control.ids.clone(),
        level: control.level,
        section: control.section,
        families: control.families.iter().copied().collect(),
        breaks: control.breaks.iter().map(ToString::to_string).collect(),
    }
}

fn explain(session: &Session, library: &Library, control: &Control) -> Result<Exit, CliError> {
    let has =
        |profile: &&String| library.resolve_profile(profile).is_some_and(|(slugs, _)| slugs.contains(&control.slug));
    let defaults = library.defaults();
    let parameters: BTreeSet<&str> = control
        .ensure
        .iter()
        .flat_map(|ensure| {
            let choice = ensure.choice.iter().map(|choice| choice.parameter.as_str());
            ensure.primitive.parameters().into_iter().chain(choice)
        })
        .collect();
    let explained = Explained {
        row: row(control),
        rationale: &control.rationale,
        phase: control.phase,
        needs_reboot: control.needs_reboot,
        manual: control.manual.as_deref(),
        profiles: library.profiles.keys().filter(has).map(String::as_str).collect(),
        made_of: control.ensure.iter().map(|ensure| ensure.primitive.kind()).collect(),
        parameters: parameters
            .iter()
            .map(|name| (*name, defaults.get(*name).map(ToString::to_string).unwrap_or_default()))
            .collect(),
        parameters_take: parameters
            .iter()
            .filter_map(|name| Some((*name, library.parameters.get(*name)?.takes())))
            .collect(),
    };
    session.result(&explained, |style| text(library, control, &explained, style))?;
    Ok(Exit::Done)
}

fn text(library: &Library, control: &Control, explained: &Explained<'_>, style: Style) -> String {
    let mut text = format!("{}  {}\n\n  {}\n\n", style.bold(control.slug.as_str()), control.title, control.rationale);
    let mut field = |name: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("  {}{value}\n", style.dim(&format!("{name:<11}"))));
        }
    };
    let defaults = library.defaults();
    for (benchmark, id) in &control.ids {
        field("id", format!("{benchmark} {id}"));
    }
    field("level", control.level.to_string());
    field("phase", explained.phase.to_string());
    field("families", control.families.iter().map(|family| family.as_str()).collect::<Vec<_>>().join(", "));
    field("profiles", explained.profiles.join(", "));
    for ensure in &control.ensure {
        let only: Vec<&str> = ensure.families.iter().map(|family| family.as_str()).collect();
        let only = if only.is_empty() { String::new() } else { format!(" (on {})", only.join(", ")) };
        let choice = ensure.choice.as_ref().map(|choice| format!(" (where {} is {})", choice.parameter, choice.word));
        let applied = !ensure.audit_only && ensure.primitive.can(crate::hardening::Verb::Apply);
        let what = ensure.primitive.describe(&defaults) + &only + &choice.unwrap_or_default();
        field(if applied { "ensures" } else { "audits" }, what);
    }
    for (name, value) in &explained.parameters {
        let takes = explained.parameters_take.get(name).map(|takes| format!(": {takes};")).unwrap_or_default();
        let value = if value.is_empty() { "nothing" } else { value };
        field("parameter", format!("{name}{takes} by default {value}"));
    }
    if let Some(applies) = &control.applies_when {
        field("only where", format!("{} is there", applies.what));
    }
    for breaks in &explained.row.breaks {
        field("can break", breaks.clone());
    }
    if control.needs_reboot {
        field("reboot", "true only after the next boot".to_owned());
    }
    field("look at", control.manual.clone().unwrap_or_default());
    text
}
