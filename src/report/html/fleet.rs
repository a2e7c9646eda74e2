//! The fleet as one self-contained page: no script, no server, names of things as text.

use super::{base64, hash, registry};
use crate::fleet::freshness::Level;
use crate::report::view::{Fleet, FleetOutcome, examples, what};
use crate::report::visible;
use handlebars::RenderError;
use serde::Serialize;

const TEMPLATE: &str = include_str!("fleet.hbs");
const STYLE: &str = include_str!("fleet.css");

/// The page could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the page of the fleet can't be made: {0}\n  this is a mistake in amifactory; --format json has the same")]
pub struct FleetPageError(#[from] Box<RenderError>);

#[derive(Serialize)]
struct Page {
    policy: String,
    style: &'static str,
    outcome: &'static str,
    sums: String,
    checked_at: String,
    unread: Vec<UnreadRow>,
    notes: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
pub(super) struct UnreadRow {
    place: String,
    what: String,
    why: String,
}

#[derive(Serialize)]
pub(super) struct Row {
    level: &'static str,
    badge: &'static str,
    recipe: String,
    version: String,
    behind: String,
    days: String,
    what: String,
    examples: String,
    place: String,
    why: String,
    image: String,
    via: String,
    exempt: Option<String>,
    fix: Option<String>,
}

/// The whole page.
pub fn fleet(shown: &Fleet) -> Result<String, FleetPageError> {
    let style = base64(&hash(STYLE));
    let page = Page {
        policy: format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"),
        style: STYLE,
        outcome: match shown.outcome {
            FleetOutcome::Fine => "fine",
            FleetOutcome::Stale => "stale",
            FleetOutcome::Unknown => "unknown",
            FleetOutcome::Failed => "failed",
        },
        sums: crate::report::view::fleet_sums(shown),
        checked_at: crate::report::view::minute(&shown.checked_at),
        unread: unread(shown),
        notes: notes(shown),
        rows: shown.findings.iter().map(row).collect(),
    };
    Ok(registry().render_template(TEMPLATE, &page).map_err(Box::new)?)
}

/// What whoever keeps the policy should know.
pub(super) fn notes(shown: &Fleet) -> Vec<String> {
    shown.notes.iter().map(|note| visible::joined(note)).collect()
}

/// What could not be read.
pub(super) fn unread(shown: &Fleet) -> Vec<UnreadRow> {
    let all = shown.places.iter().flat_map(|place| {
        place.unread.iter().map(|unread| UnreadRow {
            place: place.at.to_string(),
            what: unread.what.clone(),
            why: visible::joined(&unread.why),
        })
    });
    all.collect()
}

/// A use of an image.
pub(super) fn row(finding: &crate::fleet::findings::Finding) -> Row {
    fn text(value: Option<impl ToString>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    let judgement = &finding.judgement;
    let by = finding.via.as_ref().map(|via| format!("by {via}"));
    Row {
        level: judgement.level.as_str(),
        badge: match judgement.level {
            Level::Fail => "fail",
            Level::Unknown => "unknown",
            Level::Warn => "error",
            Level::Exempt => "waived",
            Level::Fine => "pass",
        },
        recipe: text(judgement.recipe.as_ref()),
        version: text(judgement.version),
        behind: text(judgement.behind),
        days: text(judgement.days),
        what: what(finding),
        examples: examples(finding),
        place: finding.at.to_string(),
        why: judgement.why.clone(),
        image: text(finding.image.as_ref()),
        via: by.unwrap_or_default(),
        exempt: finding.exemption.as_ref().map(|e| format!("exempt until {}: {} ({})", e.expires, e.reason, e.owner)),
        fix: finding.fix.clone(),
    }
}
