//! `controls`: the hardening library, listed and explained.

use super::exit::{CliError, Exit};
use super::session::Session;
use crate::hardening::{Control, Library};
use crate::report::view::{self, ControlRow};
use crate::report::{Style, visible};
use crate::source::{Diagnostics, nearest};
use clap::Args;
use serde::Serialize;

/// List or explain hardening controls.
#[derive(Debug, Args)]
pub struct Controls {
    /// Explain this one, or list those whose name, title or benchmark id holds this text
    #[arg(value_name = "CONTROL")]
    control: Option<String>,
    /// Only those of this profile
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
}

#[derive(Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    row: ControlRow,
    rationale: &'a str,
    phase: crate::hardening::Phase,
    needs_reboot: bool,
    breaks: Vec<String>,
    manual: Option<&'a str>,
    profiles: Vec<&'a str>,
}

impl Controls {
    pub fn run(self, session: &Session) -> Result<Exit, CliError> {
        // The library can be looked at from anywhere; inside a factory it is the factory's own.
        let library = match session.folder() {
            Ok(folder) => {
                let mut diagnostics = Diagnostics::new();
                let library = session.library(&folder, &mut diagnostics)?;
                if !diagnostics.is_empty() {
                    return Err(CliError::Invalid(diagnostics.sorted()));
                }
                library
            }
            Err(_) => Library::embedded().map_err(CliError::Invalid)?,
        };
        match &self.control {
            Some(name) => explain(session, &library, name),
            None => list(session, &library, self.profile.as_deref()),
        }
    }
}

fn list(session: &Session, library: &Library, profile: Option<&str>) -> Result<Exit, CliError> {
    let chosen = match profile {
        None => None,
        Some(name) => Some(library.resolve_profile(name).ok_or_else(|| {
            let names = library.profiles.keys().map(String::as_str);
            let help = match nearest(name, names.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are: {}", names.collect::<Vec<_>>().join(", ")),
            };
            CliError::Usage(format!("there is no profile `{}`\n  {help}", visible::line(name)))
        })?),
    };
    let wanted = |control: &&Control| chosen.as_ref().is_none_or(|(slugs, _)| slugs.contains(&control.slug));
    let mut controls: Vec<ControlRow> = library.controls.values().filter(wanted).map(row).collect();
    controls.sort_by_key(|row| (row.section, id_order(row)));
    let controls = view::Controls { controls };
    session.result(&controls, |style| view::controls(&controls, style))?;
    Ok(Exit::Done)
}

/// `5.2.10` after `5.2.9`.
fn id_order(row: &ControlRow) -> Vec<u32> {
    let id = row.ids.values().next().map_or("", String::as_str);
    id.split('.').map(|part| part.parse().unwrap_or(u32::MAX)).collect()
}

fn row(control: &Control) -> ControlRow {
    ControlRow {
        slug: control.slug.clone(),
        title: control.title.clone(),
        ids: control.ids.clone(),
        level: control.level,
        section: control.section,
        families: control.families.iter().copied().collect(),
    }
}

fn explain(session: &Session, library: &Library, name: &str) -> Result<Exit, CliError> {
    let Some(control) = library.controls.get(name) else {
        let found = search(library, name);
        if !found.controls.is_empty() {
            session.result(&found, |style| view::controls(&found, style))?;
            return Ok(Exit::Done);
        }
        let slugs = library.controls.keys().map(crate::identity::Slug::as_str);
        let help = nearest(name, slugs)
            .map_or_else(|| "`amifactory controls` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(CliError::Usage(format!("there is no control `{}`\n  {help}", visible::line(name))));
    };
    let has =
        |profile: &&String| library.resolve_profile(profile).is_some_and(|(slugs, _)| slugs.contains(&control.slug));
    let explained = Explained {
        row: row(control),
        rationale: &control.rationale,
        phase: control.phase,
        needs_reboot: control.needs_reboot,
        breaks: control.breaks.iter().map(|breaks| format!("{}: {}", breaks.what, breaks.how)).collect(),
        manual: control.manual.as_deref(),
        profiles: library.profiles.keys().filter(has).map(String::as_str).collect(),
    };
    session.result(&explained, |style| text(library, control, &explained, style))?;
    Ok(Exit::Done)
}

/// The controls whose slug, title or benchmark id holds a text.
fn search(library: &Library, text: &str) -> view::Controls {
    let text = text.to_lowercase();
    let holds = |control: &&Control| {
        control.slug.as_str().contains(&text)
            || control.title.to_lowercase().contains(&text)
            || control.ids.values().any(|id| *id == text || id.starts_with(&format!("{text}.")))
    };
    view::Controls { controls: library.controls.values().filter(holds).map(row).collect() }
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
    field("families", control.families.iter().map(|family| family.as_str()).collect::<Vec<_>>().join(", "));
    field("profiles", explained.profiles.join(", "));
    for ensure in &control.ensure {
        let choice = ensure.choice.as_ref().map(|choice| format!(" (where {} is {})", choice.parameter, choice.word));
        let what = ensure.primitive.describe(&defaults) + &choice.unwrap_or_default();
        field(if ensure.audit_only { "audits" } else { "ensures" }, what);
    }
    if let Some(applies) = &control.applies_when {
        field("only where", format!("{} is there", applies.what));
    }
    for breaks in &explained.breaks {
        field("can break", breaks.clone());
    }
    if control.needs_reboot {
        field("reboot", "true only after the next boot".to_owned());
    }
    field("look at", control.manual.clone().unwrap_or_default());
    text
}
