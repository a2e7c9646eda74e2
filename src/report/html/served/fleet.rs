//! The fleet: how it stands, how it stood, and each use of an image.

use super::chart::Chart;
use super::overview::Frame;
use super::state::State;
use crate::fleet::freshness::Level;
use crate::pipeline::clock;
use crate::report::html::fleet::{Row, UnreadRow, notes, row, unread};
use crate::report::view::{Fleet, FleetOutcome, fleet_sums, minute};
use crate::report::{visible, wording};
use crate::serve::board::{Freshness, Seen};
use serde::Serialize;
use time::OffsetDateTime;

/// How many uses are listed.
const MOST: usize = 500;

/// How many of those that could not be read are named on the first page.
const FIRST: usize = 3;

/// How the fleet stands as a whole.
#[derive(Serialize)]
pub(super) struct Summary {
    /// None where the target has none.
    there: bool,
    none: String,
    badge: &'static str,
    outcome: &'static str,
    sums: String,
    counts: Vec<Count>,
    /// Since when they may be anything else by now, where that is so.
    as_of: Option<String>,
    /// Beside them: of what was not read there is no number.
    uncounted: Option<Uncounted>,
    /// `2 places not read`; none where all were.
    unread: Option<String>,
    /// What was not read of the first few, and why.
    unread_first: Vec<UnreadRow>,
    state: State,
    note: Option<String>,
    chart: Option<Chart>,
}

#[derive(Serialize)]
struct Uncounted {
    places: usize,
    word: &'static str,
}

#[derive(Serialize)]
struct Count {
    key: &'static str,
    word: &'static str,
    count: u64,
}

impl Summary {
    pub fn of(seen: &Seen, now: OffsetDateTime) -> Summary {
        let fleet = seen.fleet.value();
        let state = State::of(&seen.fleet, now, seen.every);
        let known = matches!(state.key, Freshness::Fresh | Freshness::Stale);
        let (badge, outcome) = match fleet.filter(|_| known).map(|fleet| fleet.outcome) {
            Some(FleetOutcome::Fine) => ("pass", "✓ keeps to the policy"),
            Some(FleetOutcome::Stale) => ("fail", "✗ breaks the policy"),
            Some(FleetOutcome::Failed) => ("unknown", "? nothing could be read"),
            Some(FleetOutcome::Unknown) | None => ("unknown", "? unknown"),
        };
        let words = [
            (Level::Fail, "fail", "breaking the policy"),
            (Level::Unknown, "unknown", "unknown"),
            (Level::Warn, "error", "to be warned of"),
            (Level::Exempt, "waived", "exempt"),
            (Level::Fine, "pass", "fine"),
        ];
        let count =
            |level: Level| fleet.and_then(|fleet| fleet.levels.get(level.as_str())).copied().unwrap_or_default();
        Summary {
            there: seen.has_fleet,
            none: format!("Nothing is launched from images on the target {}: it has no fleet.", seen.target),
            badge,
            outcome,
            sums: fleet.map(fleet_sums).unwrap_or_default(),
            counts: match fleet {
                Some(_) => words.iter().map(|(level, key, word)| Count { key, word, count: count(*level) }).collect(),
                None => Vec::new(),
            },
            as_of: seen.fleet.good.as_ref().filter(|_| state.key != Freshness::Fresh).map(|good| {
                let at = minute(&clock::rfc3339(good.at));
                format!("These are the figures of {at}: what they are now is unknown.")
            }),
            uncounted: fleet.and_then(uncounted),
            unread: fleet.and_then(not_read),
            unread_first: fleet.map(unread).unwrap_or_default().into_iter().take(FIRST).collect(),
            state,
            note: seen.freshness.note.as_deref().map(visible::joined),
            chart: Chart::of(&seen.freshness.points, now),
        }
    }
}

fn unread_places(fleet: &Fleet) -> usize {
    fleet.places.iter().filter(|place| !place.unread.is_empty()).count()
}

fn uncounted(fleet: &Fleet) -> Option<Uncounted> {
    let places = unread_places(fleet);
    let word = if places == 1 { "place not read" } else { "places not read" };
    (places > 0).then_some(Uncounted { places, word })
}

/// What is there is in none of the counts.
fn not_read(fleet: &Fleet) -> Option<String> {
    let places = unread_places(fleet);
    (places > 0).then(|| format!("{} not read", wording::count(places, "place")))
}

#[derive(Serialize)]
pub(super) struct FleetPage {
    frame: Frame,
    fleet: Summary,
    unread: Vec<UnreadRow>,
    notes: Vec<String>,
    rows: Vec<Row>,
    count: usize,
    more: usize,
}

impl FleetPage {
    pub fn of(seen: &Seen, now: OffsetDateTime) -> FleetPage {
        let findings = seen.fleet.value().map_or(&[][..], |fleet| fleet.findings.as_slice());
        FleetPage {
            frame: Frame::of("Fleet", seen, now),
            fleet: Summary::of(seen, now),
            unread: seen.fleet.value().map(unread).unwrap_or_default(),
            notes: seen.fleet.value().map(notes).unwrap_or_default(),
            rows: findings.iter().take(MOST).map(row).collect(),
            count: findings.len(),
            more: findings.len().saturating_sub(MOST),
        }
    }
}
