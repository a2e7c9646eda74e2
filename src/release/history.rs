//! What became of a pointer, from what the target keeps of it; and whether that record is whole.

use super::note::{Note, hash};
use crate::identity::{Channel, Version};
use crate::target::Entry;
use serde::Serialize;
use std::collections::BTreeSet;

/// How many writes can come between what a mover has read and what it writes.
const BESIDE: usize = 8;

/// The history of one pointer, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct History {
    /// The moves. A write that was made again after its reply was lost is one move.
    pub moves: Vec<Moved>,
    /// Whether earlier moves were dropped by the target, which keeps only so many.
    pub earlier_dropped: bool,
    /// Where the record was edited; empty where the chain is whole.
    pub breaks: Vec<Break>,
}

/// One move.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moved {
    /// The number of the write.
    pub revision: u64,
    /// When, by the target's clock, RFC 3339.
    pub at: String,
    /// What the pointer named from then on.
    pub image: String,
    /// Who wrote it, as the target knows, or else as the note says.
    pub by: Option<String>,
    /// What was said with it; none where it was written by something other than this program.
    pub note: Option<Note>,
}

/// A place where the record does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Break {
    /// The write that does not fit to the one before it.
    pub revision: u64,
    /// What is wrong.
    pub what: String,
}

impl Moved {
    /// The version that its note says.
    pub fn version(&self) -> Option<Version> {
        self.note.as_ref()?.version
    }
}

impl History {
    /// The channels that it took images from, through its gates.
    pub fn came_from(&self) -> BTreeSet<Channel> {
        let notes = self.moves.iter().filter_map(|moved| moved.note.as_ref());
        notes.filter(|note| note.overridden.is_none()).filter_map(|note| note.from.clone()).collect()
    }

    /// Reads what a target keeps, oldest first.
    pub fn of(entries: &[Entry]) -> History {
        let mut history = History { moves: Vec::new(), earlier_dropped: false, breaks: Vec::new() };
        for (at, entry) in entries.iter().enumerate() {
            let earlier = &entries[..at];
            let again = entry.wrong.is_none()
                && earlier
                    .last()
                    .is_some_and(|b| b.image == entry.image && b.note == entry.note && !entry.note.is_empty());
            if again && let Some(last) = history.moves.last_mut() {
                last.revision = entry.revision;
                continue;
            }
            let note = Note::read(&entry.note);
            history.breaks.extend(entry.wrong.clone().map(|what| Break { revision: entry.revision, what }));
            history.check(earlier, entry, note.as_ref());
            history.moves.push(Moved {
                revision: entry.revision,
                at: entry.at.clone(),
                image: entry.image.clone(),
                by: entry.by.clone().or_else(|| note.as_ref()?.by.clone()),
                note,
            });
        }
        history
    }

    fn check(&mut self, earlier: &[Entry], entry: &Entry, note: Option<&Note>) {
        let mut wrong = |what: String| self.breaks.push(Break { revision: entry.revision, what });
        let Some(before) = earlier.last() else {
            if entry.revision > 1 {
                self.earlier_dropped = entry.wrong.is_none();
            } else if note.is_some_and(|note| note.before.is_some()) {
                wrong("the moves before it were taken away".into());
            }
            return;
        };
        if entry.revision != before.revision + 1 {
            wrong(format!("the moves between revision {} and it were taken away", before.revision));
            return;
        }
        let Some(note) = note else { return };
        let follows = |earlier: &Entry| note.before == Some(hash(&earlier.image, &earlier.note));
        // Where a service takes every write, one can come between what a mover has read and what it writes: its note then
        // follows an entry a few places back.
        let beside = entry.by.is_some()
            && (earlier.iter().rev().take(BESIDE).any(follows) || (self.earlier_dropped && earlier.len() < BESIDE));
        if !follows(before) && !beside {
            wrong(format!("it follows another entry than revision {}, as that now reads", before.revision));
        }
    }

    /// The last move.
    pub fn last(&self) -> Option<&Moved> {
        self.moves.last()
    }

    /// The last move, where something other than this program wrote it: it passed no gate, and no note vouches for it.
    /// The next move counts it in, also where that names the same image once more.
    pub fn unrecorded(&self) -> Option<&Moved> {
        self.last().filter(|last| last.note.is_none())
    }

    /// True where the chain is whole.
    pub fn is_whole(&self) -> bool {
        self.breaks.is_empty()
    }

    /// The chain in one sentence, for people.
    pub fn verdict(&self) -> String {
        let beginning = if self.earlier_dropped { "; earlier moves are no longer kept" } else { "" };
        match self.breaks.as_slice() {
            [] => format!("the record is whole: each entry fits to the one before it{beginning}"),
            breaks => {
                let each = breaks.iter().map(|b| format!("revision {}: {}", b.revision, b.what));
                format!("the record was edited: {}{beginning}", each.collect::<Vec<_>>().join("; "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::note::Kind;
    use super::*;

    fn chain(images: &[&str]) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for (at, image) in images.iter().enumerate() {
            let note = Note::new(Kind::Promote, format!("2026-11-2{at}T00:00:00Z"));
            let note = note.after(entries.last().map(|entry| (entry.image.as_str(), entry.note.as_str())));
            entries.push(Entry {
                revision: at as u64 + 1,
                image: (*image).into(),
                at: note.at.clone(),
                by: None,
                note: note.text(),
                ..Entry::default()
            });
        }
        entries
    }

    #[test]
    fn a_chain_is_whole_and_a_repeated_write_is_one_move() {
        let mut entries = chain(&["ami-00000001", "ami-00000002", "ami-00000003"]);
        assert!(History::of(&entries).is_whole());
        // The reply to the second was lost, and it was made again.
        let again = Entry { revision: 3, ..entries[1].clone() };
        entries[2].revision = 4;
        entries.insert(2, again);
        let history = History::of(&entries);
        assert!(history.is_whole(), "{}", history.verdict());
        assert_eq!(history.moves.iter().map(|m| m.revision).collect::<Vec<_>>(), [1, 3, 4]);
    }

    #[test]
    fn every_edit_of_an_entry_but_the_last_shows_where() {
        let whole = chain(&["ami-00000001", "ami-00000002", "ami-00000003", "ami-00000004"]);
        for at in 0..3 {
            for edit in [
                |entry: &mut Entry| entry.image = "ami-0000000f".into(),
                |entry: &mut Entry| entry.note = entry.note.replace("promote", "rollback"),
                |entry: &mut Entry| entry.note = String::new(),
            ] {
                let mut entries = whole.clone();
                edit(&mut entries[at]);
                let history = History::of(&entries);
                assert!(history.breaks.iter().any(|b| b.revision == at as u64 + 2), "{at}: {}", history.verdict());
            }
            let mut entries = whole.clone();
            entries.remove(at);
            // The target itself drops the oldest, and only those.
            assert_eq!(History::of(&entries).is_whole(), at == 0);
        }
        assert!(History::of(&whole[2..]).earlier_dropped);
    }

    #[test]
    fn a_write_that_came_too_late_follows_what_its_mover_had_read() {
        let mut entries = chain(&["ami-00000001", "ami-00000002"]);
        let by = Some("arn:aws:iam::123456789012:user/colleague".to_owned());
        let between = Entry { image: "ami-00000003".into(), note: String::new(), by: by.clone(), ..entries[1].clone() };
        entries[1].revision = 3;
        entries.insert(1, between);
        // On this machine nothing can come between.
        assert!(!History::of(&entries).is_whole());
        entries[2].by = by;
        assert!(History::of(&entries).is_whole());
        entries[0].image = "ami-0000000f".into();
        assert_eq!(History::of(&entries).breaks[0].revision, 3);
    }

    #[test]
    fn a_write_by_hand_has_no_note_and_the_next_move_counts_it_in() {
        let mut entries = chain(&["ami-00000001", "ami-00000002"]);
        let by = Some("arn:aws:iam::123456789012:user/colleague".into());
        entries.push(Entry { revision: 3, image: "whatever".into(), by, ..Entry::default() });
        let note = Note::new(Kind::Rollback, "2026-11-28T00:00:00Z".into()).after(Some(("whatever", "")));
        entries.push(Entry { revision: 4, image: "ami-00000001".into(), note: note.text(), ..Entry::default() });
        let history = History::of(&entries);
        assert!(history.is_whole(), "{}", history.verdict());
        assert_eq!(history.moves[2].note, None);
        assert_eq!(history.moves[2].by.as_deref(), Some("arn:aws:iam::123456789012:user/colleague"));
    }
}
