//! What is recorded with each move of a pointer: who, when, why, by what right. It travels with the pointer itself (on
//! AWS as the parameter's description), so that it is lost only with it. Each note holds the hash of the entry before
//! it: an entry that is changed later does not fit to the next one any more.

use crate::identity::{Channel, Digest, ImageId, Version};
use serde::{Deserialize, Serialize};

/// The most that a note may hold: a parameter's description (Systems Manager API reference, `PutParameter`).
pub const MOST_CHARACTERS: usize = 1024;

/// One note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// When, RFC 3339, UTC.
    pub at: String,
    /// What kind of move it is.
    pub kind: Kind,
    /// Who moved it. A build on AWS leaves that to the service, which keeps it with every write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The version that the pointer names from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The channel that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Channel>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Why gates that were not met did not count.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "override")]
    pub overridden: Option<String>,
    /// Which gates those were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<String>,
    /// Who said yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// Why they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// Where the record before it was edited, as it stood then (see [`super::History::open`]): its mover accepts that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepts: Vec<String>,
    /// Whether someone else has written it in the place of whoever began the move: the service says who.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finished: bool,
    /// The hash of the entry before this one; none in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Digest>,
}

/// What kind of move it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A build has published its image.
    Publish,
    /// An image went on to the next channel.
    Promote,
    /// A channel went back to an earlier image.
    Rollback,
    /// A write that came too late was taken back.
    Restore,
}

impl Kind {
    /// The word that it is stored and shown as.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Publish => "publish",
            Kind::Promote => "promote",
            Kind::Rollback => "rollback",
            Kind::Restore => "restore",
        }
    }
}

/// A note that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "what would be recorded with this move has {length} characters, and {MOST_CHARACTERS} are kept\n  \
     say it in {} characters less: --why, --override and --approval-reason", length - MOST_CHARACTERS
)]
pub struct TooLong {
    /// How long it would be.
    pub length: usize,
}

impl Note {
    /// A note that says what and when, and nothing else yet.
    pub fn new(kind: Kind, at: String) -> Note {
        Note {
            at,
            kind,
            by: None,
            version: None,
            from: None,
            why: None,
            overridden: None,
            gates: Vec::new(),
            approved_by: None,
            approval: None,
            accepts: Vec::new(),
            finished: false,
            before: None,
        }
    }

    /// Why, also where that is why gates did not count.
    pub fn reason(&self) -> Option<&str> {
        self.why.as_deref().or(self.overridden.as_deref())
    }

    /// The note as it is kept: JSON with its keys in one order, without spaces and without what is not said.
    pub fn text(&self) -> String {
        // Text and numbers always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether it fits, also once the hash of the entry before it is in it, and where someone else has to finish the move.
    pub fn check(&self) -> Result<(), TooLong> {
        let whole = Note { before: Some(Digest::of(b"")), finished: true, ..self.clone() };
        match whole.text().chars().count() {
            length if length > MOST_CHARACTERS => Err(TooLong { length }),
            _ => Ok(()),
        }
    }

    /// Whether it opens a gate by its own word: by an override, by someone's yes, or because it accepts that the record
    /// before it was edited.
    pub fn vouches_for_itself(&self) -> bool {
        let says_yes = self.approved_by.is_some() || self.approval.is_some();
        self.overridden.is_some() || !self.gates.is_empty() || says_yes || !self.accepts.is_empty()
    }

    /// The note as whoever finishes the move writes it.
    pub fn finished(&self) -> Note {
        Note { finished: true, ..self.clone() }
    }

    /// The note after this entry.
    pub fn after(&self, before: Option<(&str, &str)>) -> Note {
        Note { before: before.map(|(image, note)| hash(image, note)), ..self.clone() }
    }

    /// Reads a note; none where the text is something else.
    pub fn read(text: &str) -> Option<Note> {
        serde_json::from_str(text).ok()
    }
}

/// The hash of an entry: of what the pointer named and of the note, as it is kept.
pub fn hash(image: &str, note: &str) -> Digest {
    Digest::of(format!("{image}\n{note}").as_bytes())
}

/// Whether both notes say the same, wherever they stand in the chain and whoever has written them in the end.
pub fn same_move(image: &ImageId, note: &Note, other_image: &str, other: Option<&Note>) -> bool {
    let plain = |note: &Note| Note { before: None, finished: false, ..note.clone() };
    image.as_str() == other_image && other.is_some_and(|other| plain(other) == plain(note))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Note {
        Note {
            by: Some("arn:aws:iam::123456789012:user/release".into()),
            version: Some("1.0.3".parse().unwrap()),
            from: Some("staging".parse().unwrap()),
            why: Some("quarterly \"patches\"".into()),
            ..Note::new(Kind::Promote, "2026-11-20T12:00:00Z".into())
        }
    }

    #[test]
    fn a_note_has_one_form_and_is_read_back_as_it_was() {
        let note = full().after(Some(("ami-00000001", "")));
        let text = note.text();
        assert!(text.starts_with(r#"{"at":"2026-11-20T12:00:00Z","kind":"promote","by":"arn:"#), "{text}");
        assert!(!text.contains("null") && !text.contains("override"), "{text}");
        assert_eq!(Note::read(&text), Some(note));
        for other in ["", "made by terraform", "{}", r#"{"at":"x","kind":"promote","colour":"red"}"#] {
            assert_eq!(Note::read(other), None, "{other}");
        }
    }

    #[test]
    fn a_note_that_does_not_fit_says_by_how_much() {
        let mut note = full();
        note.check().unwrap();
        note.why = Some("x".repeat(1024));
        let error = note.check().unwrap_err();
        note.why = Some("x".repeat(1024 - (error.length - MOST_CHARACTERS)));
        note.check().unwrap();
        // What counts are characters, as they are kept: a quotation mark takes two.
        note.why = Some("\"".repeat(1024 - (error.length - MOST_CHARACTERS)));
        assert!(note.check().is_err());
    }

    #[test]
    fn the_hash_covers_image_and_note() {
        let all = [hash("ami-1", "a"), hash("ami-2", "a"), hash("ami-1", "b"), hash("ami-1", "")];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), 4);
    }
}
