//! What a target keeps beside its pointers: the history of each, channels that are held, moves that are under way.

use super::{Pointer, PointerName, Revocations};
use crate::identity::{AccountId, ImageId, Region};
use crate::release::Note;
use crate::release::intent::Foreign;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// One write of a pointer, as the target keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The number of the write, from 1.
    pub revision: u64,
    /// What was written: an image's id, or whatever someone wrote by hand.
    pub image: String,
    /// When, by the target's own clock, RFC 3339.
    pub at: String,
    /// Who wrote it, where the target itself knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The note that came with it, to the letter; empty where none did.
    pub note: String,
    /// Labels that someone has put on it: a parameter's oldest version that has one is not dropped for a new one.
    #[serde(skip)]
    pub labels: Vec<String>,
    /// What the target itself finds wrong with it: it was edited.
    #[serde(skip)]
    pub wrong: Option<String>,
}

impl Entry {
    /// The command that takes its labels from it.
    pub fn unlabel(&self, name: &PointerName) -> String {
        format!(
            "move them to a newer version, or take them away: aws ssm unlabel-parameter-version --name {name} \
             --parameter-version {} --labels {}",
            self.revision,
            self.labels.join(" ")
        )
    }
}

/// A move of a channel's pointer by someone who must be alone in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Which pointer.
    pub name: PointerName,
    /// What it named when the move was decided.
    pub expected: Option<Pointer>,
    /// What it is to name.
    pub image: ImageId,
    /// What is recorded with it.
    pub note: Note,
    /// What follows it in other places.
    pub elsewhere: Elsewhere,
    /// Whether it takes the place of a move that someone else has begun, also before the time of that is over.
    pub takes_over: bool,
}

/// What a channel is to name in other places, once it has moved here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// The image in each other region.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub regions: BTreeMap<Region, ImageId>,
    /// Accounts whose channels follow too, in all these regions and in this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountId>,
}

impl Elsewhere {
    /// Whether nothing follows.
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty() && self.accounts.is_empty()
    }
}

/// The right to end a move: its lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Which pointer.
    pub name: PointerName,
    /// Which lock.
    pub lock: String,
}

/// What came of a move that someone had left, before other places follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldEnd {
    /// What was done here.
    pub settled: Settled,
    /// Whether the pointer names what the move is to bring: then the others follow.
    pub stands: bool,
    /// What is to be let go after that; none where its time is not over, or it is gone.
    pub held: Option<Held>,
}

/// A move that is under way, or was begun by someone who died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Underway {
    /// Which pointer.
    pub name: PointerName,
    /// What it is to name.
    pub image: ImageId,
    /// Who moves it.
    pub by: String,
    /// Since when, by the target's clock, RFC 3339.
    pub since: String,
    /// Until when others wait, RFC 3339.
    pub until: String,
    /// Whether that time is over: whoever comes next may finish or clear it.
    pub over: bool,
    /// What follows it in other places.
    #[serde(skip)]
    pub elsewhere: Elsewhere,
    /// What is recorded with it.
    #[serde(skip)]
    pub note: Note,
}

/// What became of a move that someone had left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Settled {
    /// The pointer had not moved: now it has.
    Finished,
    /// The pointer had moved already, or must not move any more: what was left is gone.
    Cleared,
    /// Its time is not over: nothing was done.
    Underway,
    /// It is none that may be finished for whoever began it: the pointer stays where it is, and what was left is gone.
    Refused(#[serde(skip)] Foreign),
    /// It could not be settled: it is left to the next look.
    Failed(#[serde(skip)] String),
}

/// A channel that nobody moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Who holds it.
    pub by: String,
    /// Why.
    pub why: String,
    /// Since when, RFC 3339.
    pub at: String,
    /// The last day on which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "day")]
    pub until: Option<time::Date>,
    /// When it was lifted, RFC 3339, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted: Option<(String, String)>,
}

impl Pin {
    /// Whether the channel is held at this moment.
    pub fn holds(&self, now: OffsetDateTime) -> bool {
        self.lifted.is_none() && self.until.is_none_or(|until| now.date() <= until)
    }

    /// Whether the channel was held when something was written (RFC 3339).
    pub fn held_at(&self, then: &str) -> bool {
        let (Some(then), Some(at)) = (moment(then), moment(&self.at)) else { return false };
        let lifted = self.lifted.as_ref().and_then(|(at, _)| moment(at));
        at <= then && lifted.is_none_or(|lifted| then < lifted) && self.until.is_none_or(|until| then.date() <= until)
    }

    /// Until when, for people.
    pub fn end(&self) -> String {
        self.until.map_or_else(|| "until it is lifted".to_owned(), |day| format!("until {day}"))
    }
}

/// Reads RFC 3339.
pub fn moment(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()
}

/// What several pointers name, and which of their channels are held.
#[derive(Debug, Default)]
pub struct Standing {
    /// The pointers; those that name nothing are left out.
    pub pointers: Vec<Pointer>,
    /// The pins of channels, lifted ones too.
    pub pins: Vec<(PointerName, Pin)>,
    /// The marks of their versions, where those were asked for.
    pub revocations: Revocations,
}

impl Standing {
    /// The pin of a channel.
    pub fn pin(&self, name: &PointerName) -> Option<&Pin> {
        self.pins.iter().find(|(pinned, _)| pinned == name).map(|(_, pin)| pin)
    }
}

mod day {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use time::Date;

    pub fn serialize<S: Serializer>(date: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
        match date {
            Some(date) => crate::recipe::date::serialize(date, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let parse = |text: String| {
            crate::recipe::date::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not a date")))
        };
        text.map(parse).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, datetime};

    #[test]
    fn a_pin_holds_to_the_end_of_its_last_day_or_until_it_is_lifted() {
        let pin = Pin {
            by: "ops".into(),
            why: "freeze".into(),
            at: "2026-11-20T10:00:00Z".into(),
            until: Some(date!(2026 - 11 - 22)),
            lifted: None,
        };
        assert!(pin.holds(datetime!(2026-11-22 23:59:59 UTC)) && !pin.holds(datetime!(2026-11-23 0:00 UTC)));
        assert!(pin.held_at("2026-11-20T10:00:00Z") && !pin.held_at("2026-11-20T09:59:59Z"));
        let lifted = Pin { lifted: Some(("2026-11-21T00:00:00Z".into(), "ops".into())), ..pin };
        assert!(!lifted.holds(datetime!(2026-11-20 12:00 UTC)));
        assert!(lifted.held_at("2026-11-20T12:00:00.250Z") && !lifted.held_at("2026-11-21T00:00:00Z"));
        let text = serde_json::to_string(&lifted).unwrap();
        assert_eq!(serde_json::from_str::<Pin>(&text).unwrap(), lifted);
    }
}
