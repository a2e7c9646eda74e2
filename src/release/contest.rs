//! Who was first, where two have written one pointer. Parameter Store takes every write; what came of them is seen in the
//! order of the revisions afterwards, and it is the same for everyone who looks.

use super::note::{Kind, Note, same_move};
use crate::identity::ImageId;
use crate::target::Entry;

/// What became of a write, by the entries that were written since the revision that it was to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was the first: the move has happened. Someone else may have moved the pointer on since.
    Won,
    /// Someone else was quicker, and their value stands.
    Lost(Entry),
    /// Someone else was quicker, and this write lies over theirs: it has to be taken back.
    TakeBack(Entry),
    /// It has left no trace.
    Dropped,
}

/// Judges a write of `image` with `note` by what was written since, oldest first.
pub fn judge(since: &[Entry], image: &ImageId, note: &Note) -> Outcome {
    let mine = |entry: &Entry| same_move(image, note, &entry.image, Note::read(&entry.note).as_ref());
    let Some(last_mine) = since.iter().rposition(mine) else {
        return since.first().cloned().map_or(Outcome::Dropped, Outcome::Lost);
    };
    let Some(first_other) = since.iter().position(|entry| !mine(entry)) else { return Outcome::Won };
    if first_other > last_mine {
        return Outcome::Won;
    }
    // Builds beside each other don't take turns: whichever comes last, the newest version stands.
    let others: Vec<Entry> = since[..last_mine].iter().filter(|entry| !mine(entry)).cloned().collect();
    if only_older_builds(&others, note) {
        return Outcome::Won;
    }
    match others.last().cloned() {
        Some(other) if last_mine + 1 == since.len() => Outcome::TakeBack(other),
        Some(other) => Outcome::Lost(other),
        None => Outcome::Won,
    }
}

/// Whether a build may lie over all of these: each is of a build too, and of an older version.
pub fn only_older_builds(entries: &[Entry], note: &Note) -> bool {
    let older = |other: Note| other.kind == Kind::Publish && other.version < note.version;
    entries.is_empty()
        || note.kind == Kind::Publish && entries.iter().all(|entry| Note::read(&entry.note).is_some_and(older))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(kind: Kind, version: &str) -> Note {
        Note { version: Some(version.parse().unwrap()), ..Note::new(kind, "2026-11-20T00:00:00Z".into()) }
    }

    fn entry(revision: u64, image: &str, note: Option<&Note>) -> Entry {
        let note = note.map(Note::text).unwrap_or_default();
        Entry { revision, image: image.into(), at: String::new(), note, ..Entry::default() }
    }

    #[test]
    fn the_first_write_wins_for_everyone_who_looks() {
        let (mine, theirs) = (note(Kind::Promote, "1.0.1"), note(Kind::Promote, "1.0.2"));
        let (a, b): (ImageId, ImageId) = ("ami-0000000a".parse().unwrap(), "ami-0000000b".parse().unwrap());
        let a_at = |revision| entry(revision, a.as_str(), Some(&mine));
        let b_at = |revision| entry(revision, b.as_str(), Some(&theirs));
        let cases: [(Vec<Entry>, Outcome, Outcome); 5] = [
            (vec![a_at(2)], Outcome::Won, Outcome::Lost(a_at(2))),
            (vec![a_at(2), a_at(3)], Outcome::Won, Outcome::Lost(a_at(2))),
            (vec![a_at(2), b_at(3)], Outcome::Won, Outcome::TakeBack(a_at(2))),
            (vec![b_at(2), a_at(3)], Outcome::TakeBack(b_at(2)), Outcome::Won),
            // Finished by another in its stead; then the other one moved on; then the first came to itself again.
            (vec![a_at(2), b_at(3), a_at(4)], Outcome::TakeBack(b_at(3)), Outcome::Lost(a_at(2))),
        ];
        for (since, of_a, of_b) in cases {
            assert_eq!(judge(&since, &a, &mine), of_a, "{since:?}");
            assert_eq!(judge(&since, &b, &theirs), of_b, "{since:?}");
            let both = [of_a, of_b].iter().filter(|outcome| **outcome == Outcome::Won).count();
            assert!(both <= 1, "{since:?}");
        }
        assert_eq!(judge(&[], &a, &mine), Outcome::Dropped);
    }

    #[test]
    fn a_write_by_hand_counts_as_anyone_elses() {
        let (mine, a): (Note, ImageId) = (note(Kind::Rollback, "1.0.1"), "ami-0000000a".parse().unwrap());
        let by_hand = entry(2, "ami-0000000f", None);
        let late = entry(3, a.as_str(), Some(&mine));
        assert_eq!(judge(&[by_hand.clone(), late], &a, &mine), Outcome::TakeBack(by_hand));
    }

    #[test]
    fn of_two_builds_the_newest_version_stands() {
        let (older, newer) = (note(Kind::Publish, "1.0.1"), note(Kind::Publish, "1.0.2"));
        let (a, b): (ImageId, ImageId) = ("ami-0000000a".parse().unwrap(), "ami-0000000b".parse().unwrap());
        let in_order = [entry(2, a.as_str(), Some(&older)), entry(3, b.as_str(), Some(&newer))];
        assert_eq!(judge(&in_order, &b, &newer), Outcome::Won);
        let late = [entry(2, b.as_str(), Some(&newer)), entry(3, a.as_str(), Some(&older))];
        assert_eq!(judge(&late, &a, &older), Outcome::TakeBack(late[0].clone()));
        // A build never lies over what a person has decided meanwhile.
        let decided = note(Kind::Rollback, "1.0.0");
        let over = [entry(2, a.as_str(), Some(&decided)), entry(3, b.as_str(), Some(&newer))];
        assert_eq!(judge(&over, &b, &newer), Outcome::TakeBack(over[0].clone()));
    }
}
