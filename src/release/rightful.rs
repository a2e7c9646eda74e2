//! Whether a move that someone left was rightly begun: what its channel asks of a move is asked of what the lock says,
//! as of when the lock was written. A gate that time closes keeps nothing from being finished that was begun before. Pure.

use super::gate::{self, Approval, Facts};
use super::history::History;
use super::intent::Foreign;
use super::note::{Kind, Note, same_move};
use crate::recipe::ChannelRule;
use crate::target::{Entry, Image, ImageRecord, Underway, moment};
use time::Duration;

/// How much later than the lock its mover may have asked the gates, by its own words: the times of answers have whole
/// seconds, and two clocks of one service differ a little.
const CLOCKS: Duration = Duration::minutes(1);
/// How long before its lock a mover may have asked them: no longer than the lock would have belonged to it.
const BEFORE: Duration = Duration::minutes(15);

/// What a move is judged by.
pub struct Ground<'a> {
    /// The rule of its channel.
    pub rule: &'a ChannelRule,
    /// What its channel has named so far.
    pub own: &'a [Entry],
    /// The same of the channel that images come from, where the rule names one.
    pub from: &'a [Entry],
    /// Its image.
    pub image: &'a Image,
    /// All images that are known, for what they say of their plans.
    pub images: &'a [Image],
    /// The record of that; where it is not at hand, what it says is not asked.
    pub record: Option<&'a ImageRecord>,
    /// Who wrote the lock, as the service says; it counts only where the note opens gates by its own word.
    pub writer: Option<&'a str>,
}

/// Why a move is to be finished by nobody; none where its channel's rules let it.
pub fn wrong(underway: &Underway, ground: &Ground<'_>) -> Option<Foreign> {
    let note = &underway.note;
    // Whoever may write parameters can write any reason, and anybody's name under it.
    if note.vouches_for_itself() && (ground.writer.is_none() || ground.writer != note.by.as_deref()) {
        return Some(Foreign::Vouched { named: note.by.clone(), writer: ground.writer.map(str::to_owned) });
    }
    match note.kind {
        Kind::Rollback => way_back(&underway.note, ground),
        // Anything but a promotion is refused for what it is.
        _ => promotion(underway, ground),
    }
}

/// The same that `rollback` asks.
fn way_back(note: &Note, ground: &Ground<'_>) -> Option<Foreign> {
    let history = History::of(ground.own);
    let is_it = |image: &str| image == ground.image.id.as_str();
    let was_named = history.ours().any(|moved| is_it(&moved.image));
    let is_free = ground.rule.from.is_none() || was_named || is_overridden(note, "all");
    (!is_free).then_some(Foreign::NeverNamed)
}

/// The same that `promote` asks.
fn promotion(underway: &Underway, ground: &Ground<'_>) -> Option<Foreign> {
    let Ground { rule, image, .. } = ground;
    let note = &underway.note;
    if note.from != rule.from {
        return Some(Foreign::From);
    }
    let Some(since) = moment(&underway.since) else { return Some(Foreign::Note) };
    // When the mover asked, as far as the service's own time bears that out.
    let asked = moment(&note.at).unwrap_or(since).clamp(since - BEFORE, since + CLOCKS);
    let by_then = |entry: &&Entry| moment(&entry.at).is_none_or(|at| at <= since + CLOCKS);
    let entries: Vec<Entry> = ground.from.iter().filter(by_then).cloned().collect();
    let history = History::of(&entries);
    let stay = match &rule.from {
        Some(from) => (
            super::scene::longest_stay(&history, &image.id, asked.max(since)),
            super::scene::doubt(from, &history, &image.id),
            history.last().and_then(super::history::Moved::version),
        ),
        None => (None, None, None),
    };
    let version = note.version.map(|version| version.to_string()).unwrap_or_default();
    let name = format!("{} {version}", underway.name.recipe);
    let facts = match ground.record {
        Some(record) => Facts::of(name, (image, record), stay),
        None => unread(name, image, stay),
    };
    // What its channel had gone back from by then; the move itself may stand there already.
    let is_another = |entry: &&Entry| !same_move(&image.id, note, &entry.image, Note::read(&entry.note).as_ref());
    let own: Vec<Entry> = ground.own.iter().filter(by_then).filter(is_another).cloned().collect();
    let left_before = super::scene::left(&history, ground.images, image);
    let facts = Facts { left: super::scene::left(&History::of(&own), ground.images, image), left_before, ..facts };
    let approval = note.approved_by.clone().zip(note.approval.clone());
    let approval = approval.map(|(by, reason)| Approval { by, reason });
    let mover = note.by.as_deref().unwrap_or_default();
    let mut unmet = gate::unmet(rule, &facts, approval.as_ref(), mover, asked);
    unmet.retain(|unmet| !is_overridden(note, unmet.gate));
    unmet.retain(|unmet| ground.record.is_some() || unmet.gate != "minimum_score");
    (!unmet.is_empty()).then_some(Foreign::Gates(unmet))
}

/// Whether a reason is recorded for not minding a gate.
fn is_overridden(note: &Note, gate: &str) -> bool {
    note.overridden.as_deref().is_some_and(|reason| !reason.trim().is_empty())
        && note.gates.iter().any(|named| named == gate)
}

/// What is known without the record: that it holds is believed of it.
fn unread(
    name: String,
    image: &Image,
    (stayed, doubt, from_names): (Option<std::time::Duration>, Option<String>, Option<crate::identity::Version>),
) -> Facts {
    Facts {
        name,
        stayed,
        doubt,
        from_names,
        score: None,
        created_at: moment(&image.created_at),
        waivers: Vec::new(),
        tested: true,
        failed_tests: Vec::new(),
        gate_unmet: Vec::new(),
        left: None,
        left_before: None,
    }
}
