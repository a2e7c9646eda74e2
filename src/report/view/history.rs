//! Who moved which channel, when and why; and what `verify` found.

use crate::identity::{Arch, Channel, RecipeName, Version};
use crate::release::verify::Verified;
use crate::release::verify::places::Differs;
use crate::release::{Accepted, Break, History, Kind, Note};
use crate::report::table::Table;
use crate::report::wrap::fold;
use crate::report::{Style, visible, wording};
use crate::target::{Pin, Slot, Underway};
use serde::Serialize;

/// The result of `history`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histories {
    /// The recipe.
    pub recipe: RecipeName,
    /// Its channels, in the factory's order.
    pub channels: Vec<ChannelHistory>,
    /// Moves that someone has begun of channels that name nothing yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<Underway>,
    /// Channels that have named images and are not there any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<GoneChannel>,
}

/// A channel that someone has deleted, and its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoneChannel {
    /// Its pointer.
    pub pointer: String,
    /// The newest version that says that it has named it.
    pub version: Version,
}

/// The history of a channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChannelHistory {
    /// The channel.
    pub channel: Channel,
    /// For which architecture.
    pub arch: Arch,
    /// Its moves, newest first.
    pub moves: Vec<MoveRow>,
    /// Whether the record is whole.
    pub whole: bool,
    /// The same in a sentence.
    pub verdict: String,
    /// Where it is not.
    pub breaks: Vec<Break>,
    /// Where it was edited, and someone has accepted that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<Accepted>,
    /// Moves whose note says something else than the service, or than the image that they name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contradicted: Vec<Break>,
    /// Who holds the channel now.
    pub pin: Option<Pin>,
    /// Moves of it that someone has begun and not ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub underway: Vec<Underway>,
    /// Places in which it does not name what it names at home, or that could not be looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Differs>,
}

/// One move.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MoveRow {
    /// The number of the write.
    pub revision: u64,
    /// When, RFC 3339.
    pub at: String,
    /// Who.
    pub by: Option<String>,
    /// What kind; none where it was written by something else.
    pub kind: Option<Kind>,
    /// The version.
    pub version: Option<Version>,
    /// The image.
    pub image: String,
    /// All that was recorded with it.
    pub note: Option<Note>,
}

impl ChannelHistory {
    /// From what is kept. `versions` names images that no note names.
    pub fn of(
        channel: Channel,
        arch: Arch,
        history: &History,
        versions: impl Fn(&str) -> Option<Version>,
        pin: Option<Pin>,
    ) -> ChannelHistory {
        let rows = history.moves.iter().rev().map(|moved| MoveRow {
            revision: moved.revision,
            at: moved.at.clone(),
            by: moved.by.clone(),
            kind: moved.note.as_ref().map(|note| note.kind),
            version: moved.version().or_else(|| versions(&moved.image)),
            image: moved.image.clone(),
            note: moved.note.clone(),
        });
        ChannelHistory {
            channel,
            arch,
            moves: rows.collect(),
            whole: history.is_whole(),
            verdict: history.verdict(),
            breaks: history.breaks.clone(),
            accepted: history.accepted.clone(),
            contradicted: history.contradicted.clone(),
            pin,
            underway: Vec::new(),
            places: Vec::new(),
        }
    }
}

/// A table for each channel, newest first, and whether it can be trusted.
pub fn histories(shown: &Histories, style: Style) -> String {
    if shown.channels.is_empty() && shown.first.is_empty() && shown.gone.is_empty() {
        return format!("no channel that was asked for has named an image of {} yet\n", shown.recipe);
    }
    let each = shown.channels.iter().map(|channel| one(&shown.recipe, channel, style));
    let first = shown.first.iter().map(|underway| {
        let what = style.bold(&format!("{}", underway.name));
        format!("{what}\n{}{}", under_way(underway, style), super::next(&[way_out(underway, true)], style))
    });
    let gone = shown.gone.iter().map(|gone| {
        let said = format!(
            "it is not there, and {} says that it has named it: someone deleted it, and its history",
            gone.version
        );
        let next = super::next(&[format!("amifactory verify {}", shown.recipe)], style);
        format!("{}\n  {}\n{next}", style.bold(&gone.pointer), style.red(&said))
    });
    each.chain(first).chain(gone).collect::<Vec<_>>().join("\n")
}

fn under_way(underway: &Underway, style: Style) -> String {
    let Underway { image, by, since, until, over, note, .. } = underway;
    let version = note.version.map(|version| format!(" ({version})")).unwrap_or_default();
    let text = match over {
        true => format!("a move to {image}{version} was begun by {by} at {since} and not ended"),
        false => format!("is being moved to {image}{version} by {by} since {since}, until {until} at the latest"),
    };
    format!("{}\n", style.yellow(&visible::line(&text)))
}

/// The command that ends a move. Nobody else moves the channel before its time is over. `is_decided`: the channel names its
/// image already, or has never named one, so that there may be nothing to go back to.
fn way_out(underway: &Underway, is_decided: bool) -> String {
    let Underway { name, over, note, .. } = underway;
    let Slot::Channel(channel) = &name.slot else { return "amifactory resume".to_owned() };
    let (recipe, arch) = (&name.recipe, name.arch);
    let dead = "(only where that run is certainly dead)";
    match (over, is_decided, note.version) {
        (true, ..) => "amifactory resume   (finishes or clears it)".to_owned(),
        (false, true, Some(version)) => format!(
            "amifactory promote {recipe}@{version} --to {channel} --arch {arch} --take-over --why REASON --yes   {dead}"
        ),
        _ => format!("amifactory rollback {recipe} --channel {channel} --arch {arch} --take-over   {dead}"),
    }
}

fn one(recipe: &RecipeName, shown: &ChannelHistory, style: Style) -> String {
    let mut text =
        format!("{} {}\n", style.bold(&format!("{recipe} {}", shown.channel)), style.dim(shown.arch.as_str()));
    if let Some(pin) = &shown.pin {
        let line = format!("pinned by {} {}: {}", pin.by, pin.end(), pin.why);
        text.push_str(&format!("{}\n", style.yellow(&visible::line(&line))));
    }
    for underway in &shown.underway {
        text.push_str(&under_way(underway, style));
    }
    let mut table = Table::new(&["#", "WHEN", "WHAT", "VERSION", "IMAGE", "WHO", "WHY"]).right(&[0]).gives_way(6);
    for row in &shown.moves {
        table.row(vec![
            row.revision.to_string(),
            super::minute(&row.at),
            match row.kind {
                Some(_) if row.note.as_ref().is_some_and(|note| !note.accepts.is_empty()) => "accept".to_owned(),
                Some(kind) => kind.as_str().to_owned(),
                None => style.red("by hand"),
            },
            row.version.map_or_else(|| "?".to_owned(), |version| version.to_string()),
            visible::line(&row.image).chars().take(40).collect(),
            visible::line(last_part(row.by.as_deref().unwrap_or("?"))).into_owned(),
            visible::line(row.note.as_ref().and_then(|note| note.why.as_deref()).unwrap_or_default()).into_owned(),
        ]);
        if shown.contradicted.iter().any(|found| found.revision == row.revision) {
            table.under(style.red("   └ what it says is not so: see below"));
        }
        if let Some(note) = &row.note {
            if let Some(by) = note.by.as_deref().filter(|_| note.finished) {
                table.under(format!("   └ finished in the place of {}", visible::line(last_part(by))));
            }
            if let Some(reason) = &note.overridden {
                let gates = match note.gates.as_slice() {
                    [] => "gates".to_owned(),
                    gates => gates.join(", "),
                };
                table.under(style.yellow(&format!(
                    "   └ overridden: {}: {}",
                    visible::line(&gates),
                    visible::line(reason)
                )));
            }
            if let (Some(by), Some(reason)) = (&note.approved_by, &note.approval) {
                table.under(format!("   └ approved by {}: {}", visible::line(by), visible::line(reason)));
            }
        }
    }
    text.push_str(&table.render(style));
    for line in fold(&visible::line(&shown.verdict), style.width) {
        let painted = match (shown.whole && shown.contradicted.is_empty(), shown.accepted.is_empty()) {
            (true, true) => style.green(&line),
            (true, false) => style.yellow(&line),
            (false, _) => style.red(&line),
        };
        text.push_str(&format!("{painted}\n"));
    }
    for differs in &shown.places {
        let head = if differs.known { "differs in" } else { "not known in" };
        let head = style.red(&format!("{head} {}", differs.place));
        text.push_str(&format!("{head}: {}\n", visible::block(&differs.why)));
    }
    if let Some(underway) = shown.underway.first() {
        // The places may be on their way, and a promotion would be refused.
        let is_decided = shown.moves.first().is_some_and(|newest| newest.image == underway.image.as_str());
        text.push_str(&super::next(&[way_out(underway, is_decided)], style));
    } else if shown.places.iter().any(|differs| differs.known) {
        let of =
            shown.moves.first().and_then(|row| row.version).map_or_else(String::new, |version| format!("@{version}"));
        // What passed no gate at home goes nowhere else.
        let is_doubtful = |newest: &MoveRow| {
            newest.kind.is_none() || shown.contradicted.iter().any(|found| found.revision == newest.revision)
        };
        let command = match shown.moves.first().is_some_and(is_doubtful) {
            true => format!(
                "amifactory verify {recipe}   (what home names passed no gate: it says what puts that right everywhere)"
            ),
            false => format!("amifactory promote {recipe}{of} --to {} --yes   (brings it there)", shown.channel),
        };
        text.push_str(&super::next(&[command], style));
    } else if !shown.whole {
        let arch = shown.arch;
        let verify = format!("amifactory verify {recipe}   (what else is wrong, and how it is put right)");
        let accept = format!(
            "amifactory rollback {recipe} --channel {} --arch {arch} --accept-break --why REASON   (once you know how it \
             came about: accepts the record as it stands)",
            shown.channel
        );
        text.push_str(&super::next(&[verify, accept], style));
    }
    text
}

/// Of an ARN what tells people apart; JSON has the whole.
pub(crate) fn last_part(who: &str) -> &str {
    who.split_once(":assumed-role/")
        .map_or_else(|| who.rsplit_once('/').map_or(who, |(_, last)| last), |(_, role)| role)
}

/// What is not as it should be, each with a way out.
pub fn verified(shown: &Verified, style: Style) -> String {
    let looked = format!(
        "{} of {} looked at",
        wording::count(shown.pointers, "pointer"),
        wording::count(shown.recipes, "recipe")
    );
    let mut text = String::new();
    for moving in &shown.moving {
        let line = format!("{} is being moved by {} since {}", moving.name, visible::line(&moving.by), moving.since);
        text.push_str(&format!("{} {line}: not compared between places\n", style.dim("·")));
    }
    for unknown in &shown.unknown {
        text.push_str(&format!("{} {} could not be looked at\n", style.yellow("?"), unknown.place));
        for line in fold(&visible::joined(&unknown.why), style.width.saturating_sub(2)) {
            text.push_str(&format!("  {line}\n"));
        }
    }
    if shown.drift.is_empty() {
        let places = wording::count(shown.unknown.len(), "place");
        return text
            + &match shown.unknown.is_empty() {
                true => format!("{} {looked}: all is as it should be\n", style.green("✓")),
                false => format!("\n{looked}: all is as it should be, {places} unknown\n"),
            };
    }
    for drift in &shown.drift {
        text.push_str(&format!("{} {}\n", style.red("✗"), style.bold(&visible::line(&drift.what))));
        for (line, dim) in [(&drift.wrong, false), (&drift.mend, true)] {
            for line in fold(&visible::joined(line), style.width.saturating_sub(2)) {
                text.push_str(&format!("  {}\n", if dim { style.dim(&line) } else { line }));
            }
        }
    }
    text + &format!("\n{looked}, {} not as it should be\n", wording::count(shown.drift.len(), "thing"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Account;
    use crate::release::History;
    use crate::target::Entry;

    /// `prod` of a record in which the second entry was taken away; `accepted` where someone said that they know of it.
    fn edited(is_accepted: bool) -> ChannelHistory {
        let entry = |revision: u64, note: &Note| Entry {
            revision,
            image: "ami-0123456789abcdef0".into(),
            at: note.at.clone(),
            by: note.by.clone(),
            note: note.text(),
            ..Entry::default()
        };
        let by = Some("arn:aws:iam::123456789012:user/release".to_owned());
        let of = |kind, at: &str, version: &str| Note {
            by: by.clone(),
            version: version.parse().ok(),
            ..Note::new(kind, at.into())
        };
        let mut entries = vec![
            entry(1, &of(Kind::Promote, "2026-11-20T08:00:00Z", "1.0.3")),
            entry(3, &of(Kind::Promote, "2026-11-20T10:00:00Z", "1.0.4")),
        ];
        if is_accepted {
            let why = Some("a colleague restored it, see 4711".to_owned());
            let accepts = History::open(&entries, Account::Own).into_iter().map(|(_, seal)| seal).collect();
            let note = Note { why, accepts, ..of(Kind::Rollback, "2026-11-21T08:00:00Z", "1.0.4") };
            let note = note.after(entries.last().map(|last| (last.image.as_str(), last.note.as_str())));
            entries.push(entry(4, &note));
        }
        let channel = "prod".parse().unwrap();
        ChannelHistory::of(channel, Arch::X86_64, &History::of(&entries), |_| None, None)
    }

    #[test]
    fn a_record_that_was_edited_says_so_also_once_that_is_accepted() {
        let shown = |channel| Histories {
            recipe: "web".parse().unwrap(),
            channels: vec![channel],
            first: Vec::new(),
            gone: Vec::new(),
        };
        let told = [edited(false), edited(true)].map(|channel| histories(&shown(channel), Style::PLAIN));
        insta::assert_snapshot!("an_edited_record", told.join("\n"));
    }
}
