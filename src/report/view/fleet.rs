//! What `fleet` has found, for people: a row for each that is told, the riskiest first, and what could not be read.

use crate::fleet::findings::{Finding, Spot, is_told};
use crate::fleet::freshness::Level;
use crate::fleet::look::Looked;
use crate::fleet::notify::left::LeftItems;
use crate::fleet::notify::tell::Telling;
use crate::report::table::Table;
use crate::report::wrap::fold;
use crate::report::{Style, visible, wording};
use crate::target::{Kind, Unread};
use serde::Serialize;
use std::collections::BTreeMap;

/// How many commands are shown: those for the riskiest.
const COMMANDS: usize = 8;
/// The column that gives way: names of groups may be as long as 255 characters.
const WHAT: usize = 5;

/// How it stands with the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FleetOutcome {
    /// All of it was seen, and keeps to the policy.
    Fine,
    /// The policy is broken.
    Stale,
    /// What was seen keeps to the policy; something was not seen, or can't be told.
    Unknown,
    /// Nothing at all could be read.
    Failed,
}

/// A place that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceRow {
    /// Which.
    #[serde(flatten)]
    pub at: Spot,
    /// Whether anything could be read.
    pub read: bool,
    /// Whether all of it could.
    pub whole: bool,
    /// How many of each kind were seen.
    pub seen: BTreeMap<&'static str, u64>,
    /// Builders of this factory: they are no fleet.
    pub builders: u64,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

/// The result of `fleet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fleet {
    /// How it stands.
    pub outcome: FleetOutcome,
    /// When it was looked, RFC 3339.
    pub checked_at: String,
    /// How many instances, launch templates and groups there are of each level.
    pub levels: BTreeMap<&'static str, u64>,
    /// Of how many places something could not be read: what is there is in none of these numbers.
    pub places_unread: usize,
    /// Where it was looked.
    pub places: Vec<PlaceRow>,
    /// Every use of an image, those that are fine too; the riskiest first.
    pub findings: Vec<Finding>,
    /// What whoever keeps the policy should know beside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Who was told; none where nobody was to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<Vec<Telling>>,
    /// Open items that nobody brings up to date any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftItems>,
    /// Metrics that were put; none where none were to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
}

/// What became of putting metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// How many.
    pub metrics: usize,
    /// Why they could not be put.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Fleet {
    /// With its sums.
    pub fn of(looked: Looked, checked_at: String) -> Fleet {
        let seen = |place: &crate::fleet::look::Place| {
            Kind::ALL.iter().map(|kind| (kind.as_str(), place.shown.tally.of(*kind))).collect()
        };
        let places: Vec<PlaceRow> = looked
            .places
            .iter()
            .map(|place| PlaceRow {
                at: place.at.clone(),
                read: !place.shown.dark,
                whole: !place.shown.dark && place.shown.unread.is_empty(),
                seen: seen(place),
                builders: place.shown.tally.builders,
                unread: place.shown.unread.clone(),
            })
            .collect();
        let of_level = |level: Level| {
            let found = looked.findings.iter().filter(|finding| finding.judgement.level == level);
            found.map(|finding| finding.count.count).sum::<u64>()
        };
        let levels: BTreeMap<&'static str, u64> =
            Level::ALL.iter().map(|level| (level.as_str(), of_level(*level))).collect();
        let places_unread = places.iter().filter(|place| !place.unread.is_empty()).count();
        let outcome = if places.iter().all(|place| !place.read) {
            FleetOutcome::Failed
        } else if of_level(Level::Fail) > 0 {
            FleetOutcome::Stale
        } else if places_unread > 0 || of_level(Level::Unknown) > 0 {
            FleetOutcome::Unknown
        } else {
            FleetOutcome::Fine
        };
        let Looked { findings, notes, .. } = looked;
        Fleet {
            outcome,
            checked_at,
            levels,
            places_unread,
            places,
            findings,
            notes,
            told: None,
            left: Vec::new(),
            measured: None,
        }
    }
}

/// What a finding is about, in words.
pub fn what(finding: &Finding) -> String {
    let count = finding.count.count;
    let number = |noun: &str| match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    };
    match finding.kind {
        Kind::Instance | Kind::WarmInstance => {
            let warm = if finding.kind == Kind::WarmInstance { "warm " } else { "" };
            let stopped = match finding.count.stopped {
                0 => String::new(),
                stopped if stopped == count => ", stopped".to_owned(),
                stopped => format!(", {stopped} stopped"),
            };
            let group = finding.group.as_ref().map_or(String::new(), |group| format!(" of {}", visible::line(group)));
            format!("{}{stopped}{group}", number(&format!("{warm}instance")))
        }
        Kind::LaunchTemplate => {
            format!("template {}", visible::line(finding.resource.as_deref().unwrap_or_default()))
        }
        Kind::AutoScalingGroup => format!("group {}", visible::line(finding.resource.as_deref().unwrap_or_default())),
    }
}

/// The first few by their ids and names.
pub fn examples(finding: &Finding) -> String {
    let one = |example: &crate::fleet::tally::Example| match example.name.is_empty() {
        true => visible::line(&example.id).into_owned(),
        false => format!("{} ({})", visible::line(&example.id), visible::line(&example.name)),
    };
    let mut shown = finding.count.examples.iter().map(one).collect::<Vec<_>>().join(", ");
    if finding.count.count > finding.count.examples.len() as u64 {
        shown.push_str(", …");
    }
    shown
}

/// The table. `all`: what is fine has a row too.
pub fn fleet(shown: &Fleet, all: bool, style: Style) -> String {
    let table = Table::new(&["LEVEL", "RECIPE", "VERSION", "BEHIND", "DAYS", "WHAT", "WHERE"]).right(&[3, 4]);
    let mut table = table.gives_way_in_the_middle(WHAT);
    let mut rows = 0;
    for finding in shown.findings.iter().filter(|finding| all || is_told(finding)) {
        rows += 1;
        table.row(row(finding, style));
        for line in under(finding).iter().flat_map(|line| fold(line, style.width.saturating_sub(4))) {
            table.under(style.dim(&format!("    {line}")));
        }
    }
    let mut text = if rows > 0 { table.render(style) + "\n" } else { String::new() };
    let unread = shown.places.iter().flat_map(|place| place.unread.iter().map(move |unread| (place, unread)));
    let mut any = false;
    for (place, unread) in unread {
        any = true;
        let why = visible::joined(&unread.why);
        let what = visible::line(&unread.what);
        text.push_str(&format!("{} in {}: {what}: {why}\n", style.yellow("not read"), place.at));
    }
    for note in &shown.notes {
        any = true;
        text.push_str(&format!("{} {}\n", style.yellow("note:"), visible::joined(note)));
    }
    if any {
        text.push('\n');
    }
    text.push_str(&fleet_sums(shown));
    text.push_str(&commands(shown, style));
    text
}

/// What came of it, for whoever wants no more: the sums, without the table.
pub fn fleet_in_a_line(shown: &Fleet) -> String {
    fleet_sums(shown).lines().next().map(|sums| format!("{sums}\n")).unwrap_or_default()
}

/// Commands are neither cut nor broken: they are to be copied.
fn commands(shown: &Fleet, style: Style) -> String {
    let mut commands: Vec<String> = Vec::new();
    for fix in shown.findings.iter().filter_map(|finding| finding.fix.as_deref()) {
        let fix = visible::line(fix).into_owned();
        if !commands.contains(&fix) {
            commands.push(fix);
        }
    }
    let more = commands.len().saturating_sub(COMMANDS);
    commands.truncate(COMMANDS);
    if more > 0 {
        commands.push(format!("… and {more} more: --format json has all of them"));
    }
    if commands.is_empty() { String::new() } else { super::next(&commands, style) }
}

fn row(finding: &Finding, style: Style) -> Vec<String> {
    let judgement = &finding.judgement;
    let level = judgement.level.as_str();
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        match judgement.level {
            Level::Fail => style.red(level),
            Level::Warn | Level::Unknown => style.yellow(level),
            Level::Exempt => style.dim(level),
            Level::Fine => style.green(level),
        },
        style.bold(&or_dash(judgement.recipe.as_ref().map(ToString::to_string))),
        or_dash(judgement.version.map(|version| version.to_string())),
        or_dash(judgement.behind.filter(|behind| *behind > 0).map(|behind| behind.to_string())),
        or_dash(judgement.days.map(|days| days.to_string())),
        what(finding),
        finding.at.to_string(),
    ]
}

fn under(finding: &Finding) -> Vec<String> {
    let mut lines = vec![visible::line(&finding.judgement.why).into_owned()];
    let image = finding.image.as_deref().map(visible::line);
    let has =
        [image.map(|image| image.into_owned()), finding.via.as_deref().map(|via| format!("by {}", visible::line(via)))];
    let has = has.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let of = if finding.kind.is_instance() { examples(finding) } else { template_name(finding) };
    lines.push([has, of].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": "));
    if let Some(exemption) = &finding.exemption {
        let (reason, owner) = (visible::line(&exemption.reason), visible::line(&exemption.owner));
        lines.push(format!("exempt until {}: {reason} ({owner})", exemption.expires));
    }
    lines
}

fn template_name(finding: &Finding) -> String {
    let name = finding.count.examples.first().map(|example| example.name.as_str()).unwrap_or_default();
    visible::line(name).into_owned()
}

/// How much there is, and how it stands with it.
pub fn fleet_sums(shown: &Fleet) -> String {
    let total = |kind: Kind| shown.places.iter().filter_map(|place| place.seen.get(kind.as_str())).sum::<u64>();
    let count = |number: u64, noun: &str| wording::count(usize::try_from(number).unwrap_or(usize::MAX), noun);
    let instances = total(Kind::Instance) + total(Kind::WarmInstance);
    let level = |level: Level| shown.levels.get(level.as_str()).copied().unwrap_or_default();
    let unread = match shown.places_unread {
        0 => String::new(),
        places => format!(" and all that {} did not show", wording::count(places, "place")),
    };
    let mut text = format!(
        "{} in {}: {} fine, {} exempt, {} to be warned of, {} unknown{unread}, {} breaking the policy\n",
        [
            count(instances, "instance"),
            count(total(Kind::LaunchTemplate), "launch template"),
            count(total(Kind::AutoScalingGroup), "group")
        ]
        .join(", "),
        wording::count(shown.places.len(), "place"),
        level(Level::Fine),
        level(Level::Exempt),
        level(Level::Warn),
        level(Level::Unknown),
        level(Level::Fail),
    );
    let builders: u64 = shown.places.iter().map(|place| place.builders).sum();
    if builders > 0 {
        text.push_str(&format!("{} of this factory left out\n", count(builders, "builder")));
    }
    text
}
