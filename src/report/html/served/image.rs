//! One image: its facts, its score, and how each control came out.

use super::overview::Frame;
use super::rows::{self, Image};
use super::state::State;
use crate::identity::ImageId;
use crate::report::wording::{self, Verdict};
use crate::report::{html::page, visible};
use crate::serve::board::Seen;
use crate::target::ImageRecord;
use serde::Serialize;
use time::OffsetDateTime;

#[derive(Serialize)]
pub(super) struct ImagePage {
    frame: Frame,
    image: Image,
    state: State,
    revoked: Option<String>,
    evidence: Option<Found>,
    missing: String,
}

/// What its record says.
#[derive(Serialize)]
struct Found {
    description: String,
    base: String,
    verdict: &'static str,
    badge: &'static str,
    gate: String,
    unmet: Vec<String>,
    score: String,
    score_before: Option<String>,
    judged: String,
    rehearsal: Option<String>,
    counts: Vec<Count>,
    controls: Vec<Control>,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Count {
    key: &'static str,
    word: &'static str,
    count: u32,
}

#[derive(Serialize)]
struct Control {
    key: &'static str,
    word: &'static str,
    id: String,
    title: String,
    level: u8,
    required: bool,
    why: Option<String>,
}

#[derive(Serialize)]
struct Test {
    name: String,
    passed: bool,
}

impl ImagePage {
    pub fn of(seen: &Seen, image: &ImageId, now: OffsetDateTime) -> Option<ImagePage> {
        let row = seen.images.value()?.iter().find(|row| row.image == *image)?;
        let record = rows::evidence(seen, image);
        let missing = match record {
            Some(Err(why)) => format!("It could not be read: {}", visible::joined(why)),
            Some(Ok(_)) => String::new(),
            None if seen.evidence.good.is_none() => "It was not read yet.".into(),
            None => format!("It is kept here of images that channels name and of the newest: amifactory show {image}"),
        };
        Some(ImagePage {
            frame: Frame::of(format!("{} {}", row.recipe, row.version), seen, now),
            image: rows::image(seen, row),
            state: State::of(&seen.images, now, seen.every),
            revoked: crate::pipeline::tags::revoked(&row.tags).map(str::to_owned),
            evidence: record.and_then(|record| record.as_ref().ok()).map(|record| found(record)),
            missing,
        })
    }
}

fn found(record: &ImageRecord) -> Found {
    let (badge, verdict) = match wording::verdict(record) {
        Verdict::Passed => ("pass", "✓ Gate passed"),
        Verdict::Open => ("unknown", "? Not verified"),
        Verdict::NotPassed => ("fail", "✗ Gate not passed"),
    };
    let tally = &record.tally;
    let counts = [
        ("pass", "pass", tally.pass),
        ("fail", "fail", tally.fail),
        ("error", "error", tally.error),
        ("unknown", "unknown", tally.unknown),
        ("manual", "manual", tally.manual),
        ("waived", "waived", tally.waived),
        ("not_applicable", "not applicable", tally.not_applicable),
    ];
    let control = |control: &&crate::hardening::ControlEvidence| Control {
        key: page::key(control.status),
        word: wording::status(control.status),
        id: wording::id(control, record.base.family),
        title: control.title.clone(),
        level: control.level,
        required: control.required,
        why: wording::why(control),
    };
    Found {
        description: record.description.clone(),
        base: record.base.description.clone(),
        verdict,
        badge,
        gate: wording::gate(record),
        unmet: record.gate.unmet.clone(),
        score: record.score.map_or_else(|| "none".into(), |score| wording::score(Some(score))),
        score_before: record.score_before.map(|score| wording::score(Some(score))),
        judged: wording::judged(tally),
        rehearsal: wording::rehearsal(record),
        counts: counts
            .map(|(key, word, count)| Count { key, word, count })
            .into_iter()
            .filter(|c| c.count > 0)
            .collect(),
        controls: wording::worst_first(&record.controls).iter().map(control).collect(),
        tests: record.tests.iter().map(|test| Test { name: test.name.clone(), passed: test.exit == 0 }).collect(),
    }
}
