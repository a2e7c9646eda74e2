//! What became of a pointer, from what the target keeps of it; and whether that record is whole.
//!
//! A break stays in the record for good. Whoever has found out how it came about accepts it with a reason: that is an entry
//! like any other, which says of each break what stood there then. From that entry on the record vouches again, for what
//! comes after it alone; what was changed since then is a break once more.

use super::contradiction::{self, Account};
use super::note::{Kind, Note, hash};
use crate::identity::{Channel, Digest, Version};
use crate::report::visible::line;
use crate::target::{Entry, moment};
use serde::Serialize;
use std::collections::BTreeSet;

/// How much of a hash tells breaks apart: 128 bits.
const SEAL: usize = 32;

/// The history of one pointer, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct History {
    /// The moves. A write that was made again after its reply was lost is one move.
    pub moves: Vec<Moved>,
    /// Whether earlier moves were dropped by the target, which keeps only so many.
    pub earlier_dropped: bool,
    /// Where the record was edited and nobody has accepted that as it stands; empty where the chain is whole.
    pub breaks: Vec<Break>,
    /// Where it was edited and someone has accepted that.
    pub accepted: Vec<Accepted>,
    /// Moves whose note says something else than the service, or than the image that they name.
    pub contradicted: Vec<Break>,
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

/// A break that someone has accepted as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// The break.
    #[serde(flatten)]
    pub broken: Break,
    /// The entry that accepts it: from there on the record vouches again.
    pub accepted_at: u64,
    /// When, by the target's clock, RFC 3339.
    pub at: String,
    /// Who did.
    pub by: Option<String>,
    /// The version that the pointer named then.
    pub version: Option<Version>,
    /// Why.
    pub why: String,
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
        History::in_account(entries, Account::Own)
    }

    /// The same, where it may be that of another account.
    pub fn in_account(entries: &[Entry], account: Account) -> History {
        History::sealed(entries, account).0
    }

    /// What is wrong and nobody has accepted, of [`History::breaks`] and of [`History::contradicted`]: each with what a note
    /// says that accepts it.
    pub fn open(entries: &[Entry], account: Account) -> Vec<(Break, String)> {
        let (history, seals) = History::sealed(entries, account);
        history.breaks.into_iter().chain(history.contradicted).zip(seals).collect()
    }

    fn sealed(entries: &[Entry], account: Account) -> (History, Vec<String>) {
        let (mut history, mut seals, mut not_so) = (History::default(), Vec::new(), Vec::new());
        for (at, entry) in entries.iter().enumerate() {
            let earlier = &entries[..at];
            let again = entry.wrong.is_none()
                && earlier
                    .last()
                    .is_some_and(|b| b.image == entry.image && b.note == entry.note && !entry.note.is_empty());
            if again && let Some(last) = history.moves.last_mut() {
                // What speaks against it does so however often it is written.
                let of_it = history.contradicted.iter_mut().filter(|found| found.revision == last.revision);
                of_it.for_each(|found| found.revision = entry.revision);
                last.revision = entry.revision;
                continue;
            }
            let note = Note::read(&entry.note);
            let known = history.breaks.len();
            history.breaks.extend(entry.wrong.clone().map(|what| Break { revision: entry.revision, what }));
            history.check(earlier, entry, note.as_ref());
            seals.extend(history.breaks[known..].iter().map(|broken| seal(broken, earlier.last(), entry)));
            if let Some(what) = note.as_ref().and_then(|note| contradiction::of(entry, note, account)) {
                let found = Break { revision: entry.revision, what };
                not_so.push(seal(&found, earlier.last(), entry));
                history.contradicted.push(found);
            }
            history.moves.push(Moved {
                revision: entry.revision,
                at: entry.at.clone(),
                image: entry.image.clone(),
                by: entry.by.clone().or_else(|| note.as_ref()?.by.clone()),
                note,
            });
        }
        let seals = history.accept(seals, not_so, entries);
        (history, seals)
    }

    /// Takes out what a later entry accepts, each with its seal; answers with the seals of the rest.
    fn accept(&mut self, seals: Vec<String>, not_so: Vec<String>, entries: &[Entry]) -> Vec<String> {
        let notes: Vec<(&Entry, Note)> = entries
            .windows(2)
            .filter_map(|pair| Some((pair.first()?, pair.last()?)))
            .filter_map(|(before, entry)| {
                Some((entry, Note::read(&entry.note).filter(|note| accepts(before, entry, note))?))
            })
            // What is not so accepts nothing.
            .filter(|(entry, _)| self.contradicted.iter().all(|found| found.revision != entry.revision))
            .collect();
        let accepted = &mut self.accepted;
        let mut still = Vec::new();
        let mut open = |found: Vec<Break>, seals: Vec<String>| -> Vec<Break> {
            let mut open = Vec::new();
            for (broken, seal) in found.into_iter().zip(seals) {
                // An entry speaks for what was there before it, and not for itself.
                let by =
                    notes.iter().find(|(entry, note)| entry.revision > broken.revision && note.accepts.contains(&seal));
                match by {
                    Some((entry, note)) => accepted.push(Accepted {
                        broken,
                        accepted_at: entry.revision,
                        at: entry.at.clone(),
                        by: entry.by.clone().or_else(|| note.by.clone()),
                        version: note.version,
                        why: note.reason().unwrap_or_default().to_owned(),
                    }),
                    None => {
                        open.push(broken);
                        still.push(seal);
                    }
                }
            }
            open
        };
        self.breaks = open(std::mem::take(&mut self.breaks), seals);
        self.contradicted = open(std::mem::take(&mut self.contradicted), not_so);
        self.accepted.sort_by_key(|accepted| accepted.broken.revision);
        still
    }

    /// The entry from which on the record vouches for what it says, where someone has accepted a break before that.
    pub fn accepted_at(&self) -> Option<u64> {
        self.accepted.iter().map(|accepted| accepted.accepted_at).max()
    }

    /// The moves that the record vouches for: all, or those since a break was accepted. They begin with what the pointer
    /// named then, which whoever accepted it has vouched for.
    pub fn vouched(&self) -> &[Moved] {
        let from = self.accepted_at().unwrap_or_default();
        let first = self.moves.iter().position(|moved| moved.revision >= from).unwrap_or(self.moves.len());
        &self.moves[first..]
    }

    /// The moves of ours by which the channel came to name what it named: not what was written by hand, and nothing that is
    /// not so, also where someone has accepted that it stands there.
    pub fn ours(&self) -> impl DoubleEndedIterator<Item = &Moved> {
        let is_wrong = |moved: &Moved| {
            let accepted = self.accepted.iter().map(|accepted| &accepted.broken);
            self.contradicted.iter().chain(accepted).any(|found| found.revision == moved.revision)
        };
        self.moves.iter().filter(move |moved| moved.note.is_some() && !is_wrong(moved))
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
        let followed = earlier.iter().rposition(follows);
        // Where a service takes every write, some can come between what a mover has read and what it writes: its note then
        // follows an entry a few places back, and was decided before they came. What it follows may have been dropped since.
        let between = followed.map_or(earlier, |at| &earlier[at + 1..]);
        let decided = moment(&note.at);
        let came_then = |other: &Entry| {
            decided.zip(moment(&other.at)).is_some_and(|(decided, at)| at >= decided - contradiction::CLOCKS)
        };
        let beside =
            entry.by.is_some() && (followed.is_some() || self.earlier_dropped) && between.iter().all(came_then);
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

    /// True where the chain is whole, and nothing in it says something else than the service.
    pub fn is_sound(&self) -> bool {
        self.is_whole() && self.contradicted.is_empty()
    }

    /// Why a move's note is not to be believed; none where nothing speaks against it.
    pub fn contradicted(&self, moved: &Moved) -> Option<&Break> {
        self.contradicted.iter().find(|found| found.revision == moved.revision)
    }

    /// The last move, where its note is not to be believed.
    pub fn last_contradicted(&self) -> Option<&Break> {
        self.contradicted(self.last()?)
    }

    /// The same with what is known of the images that moves name, of those that the record vouches for: `versions` answers with all that may be meant by one, and
    /// with none where nothing is known of it.
    pub fn with_versions(mut self, versions: impl Fn(&str) -> BTreeSet<Version>) -> History {
        for moved in self.vouched().to_vec() {
            let Some(said) = moved.version() else { continue };
            let known = versions(&moved.image);
            if known.is_empty() || known.contains(&said) {
                continue;
            }
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            let what = format!("its note says {said}, and {} is {}", moved.image, known.join(" or "));
            match self.contradicted.iter_mut().find(|found| found.revision == moved.revision) {
                Some(found) => found.what.push_str(&format!("; {what}")),
                None => self.contradicted.push(Break { revision: moved.revision, what }),
            }
        }
        self.contradicted.sort_by_key(|found| found.revision);
        self
    }

    /// The record in one sentence, for people.
    pub fn verdict(&self) -> String {
        let told = self.chain();
        if self.contradicted.is_empty() {
            return told;
        }
        let each = self.contradicted.iter().map(|found| format!("revision {}: {}", found.revision, found.what));
        format!("what some entries say is not so: {}; {told}", each.collect::<Vec<_>>().join("; "))
    }

    /// The chain in one sentence.
    fn chain(&self) -> String {
        let beginning = if self.earlier_dropped { "; earlier moves are no longer kept" } else { "" };
        let accepted: String = self.accepted.iter().map(|accepted| format!("; {}", accepted.told())).collect();
        match (self.breaks.as_slice(), self.accepted_at()) {
            ([], None) => format!("the record is whole: each entry fits to the one before it{beginning}"),
            ([], Some(from)) => {
                format!("the record is whole from revision {from} on, and was edited before that{accepted}{beginning}")
            }
            (breaks, _) => {
                let each = breaks.iter().map(|b| format!("revision {}: {}", b.revision, b.what));
                format!("the record was edited: {}{accepted}{beginning}", each.collect::<Vec<_>>().join("; "))
            }
        }
    }
}

impl Accepted {
    /// In words.
    fn told(&self) -> String {
        let Accepted { broken, accepted_at, by, version, why, .. } = self;
        let by = by.as_deref().map_or_else(|| "someone".into(), line);
        let version = version.map(|version| format!(" ({version})")).unwrap_or_default();
        format!(
            "revision {}: {}, which {by} accepted at revision {accepted_at}{version}: {}",
            broken.revision,
            broken.what,
            line(why)
        )
    }
}

/// What tells a break from any other, and from itself once either of its entries is changed again.
fn seal(broken: &Break, before: Option<&Entry>, entry: &Entry) -> String {
    let of = |entry: &Entry| format!("{}\n{}\n{}\n{}", entry.revision, entry.at, entry.image, entry.note);
    let text = format!("{}\n{}\n{}", broken.what, before.map(of).unwrap_or_default(), of(entry));
    let digest = Digest::of(text.as_bytes()).to_string();
    let hex = digest.rsplit(':').next().unwrap_or_default();
    format!("{}:{}", broken.revision, &hex[..SEAL.min(hex.len())])
}

/// Whether an entry accepts what its note says: it leaves the pointer where it was, with a reason, and the service bears
/// out who says so. In another account that is the role that the program takes there.
fn accepts(before: &Entry, entry: &Entry, note: &Note) -> bool {
    let account = |arn: &str| arn.split(':').nth(4).map(str::to_owned);
    let is_borne_out = match (&entry.by, &note.by) {
        (None, _) => true,
        (Some(writer), Some(by)) => writer == by || account(writer) != account(by),
        (Some(_), None) => false,
    };
    let stays = note.kind == Kind::Rollback && before.image == entry.image;
    is_borne_out && stays && !note.accepts.is_empty() && note.reason().is_some_and(|why| !why.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::note::Kind;
    use super::*;
    use time::Duration;

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
        // What came before its mover had decided was there to be read.
        let between = moment(&entries[1].at).unwrap();
        let text = |at: time::OffsetDateTime| at.format(&time::format_description::well_known::Rfc3339).unwrap();
        let mut earlier = entries.clone();
        earlier[1].at = text(between - Duration::minutes(2));
        assert_eq!(History::of(&earlier).breaks.iter().map(|b| b.revision).collect::<Vec<_>>(), [3]);
        earlier[1].at = text(between - Duration::seconds(30));
        assert!(History::of(&earlier).is_whole());
        // Nor does it follow what was dropped, where anything was kept that is older than it.
        let mut kept: Vec<Entry> = earlier[1..].to_vec();
        assert!(History::of(&kept).is_whole());
        kept[0].at = text(between - Duration::minutes(2));
        assert_eq!(History::of(&kept).breaks[0].revision, 3);
        entries[0].image = "ami-0000000f".into();
        assert_eq!(History::of(&entries).breaks[0].revision, 3);
    }

    #[test]
    fn a_note_that_names_another_version_than_its_image_has_is_told() {
        let mut entries = chain(&["ami-00000001", "ami-00000002"]);
        let note = Note { version: Some("1.0.1".parse().unwrap()), ..Note::read(&entries[1].note).unwrap() };
        entries[1].note = note.text();
        let of = |known: &[&str]| {
            let known: BTreeSet<Version> = known.iter().map(|version| version.parse().unwrap()).collect();
            History::of(&entries)
                .with_versions(|image| if image.ends_with('2') { known.clone() } else { BTreeSet::new() })
        };
        for known in [&[][..], &["1.0.1"], &["1.0.0", "1.0.1"]] {
            assert!(of(known).is_sound(), "{known:?}");
        }
        let told = of(&["1.0.0"]);
        assert!(told.is_whole() && !told.is_sound() && told.last_contradicted().is_some());
        assert!(told.verdict().starts_with(
            "what some entries say is not so: revision 2: its note says 1.0.1, and ami-00000002 is 1.0.0; the record is whole"
        ), "{}", told.verdict());
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

    /// The third entry was edited, and someone has accepted that, staying where the channel was.
    fn accepted() -> Vec<Entry> {
        let mut entries = chain(&["ami-00000001", "ami-00000002", "ami-00000003", "ami-00000004"]);
        entries[1].note = entries[1].note.replace("promote", "rollback");
        accept(&mut entries, "restored from what the auditors kept");
        entries
    }

    fn accept(entries: &mut Vec<Entry>, why: &str) {
        let last = entries.last().unwrap().clone();
        let note = Note {
            why: Some(why.to_owned()),
            by: Some("ann".into()),
            version: Some("1.0.4".parse().unwrap()),
            accepts: History::open(entries, Account::Own).into_iter().map(|(_, seal)| seal).collect(),
            ..Note::new(Kind::Rollback, "2026-11-28T00:00:00Z".into())
        };
        append(entries, &last.image, &note);
    }

    fn append(entries: &mut Vec<Entry>, image: &str, note: &Note) {
        let last = entries.last().unwrap();
        let note = note.after(Some((&last.image, &last.note)));
        let (revision, at) = (last.revision + 1, note.at.clone());
        entries.push(Entry { revision, image: image.into(), at, note: note.text(), ..Entry::default() });
    }

    #[test]
    fn a_break_that_was_accepted_is_told_and_the_record_is_whole_from_there_on() {
        let mut entries = accepted();
        append(&mut entries, "ami-00000005", &Note::new(Kind::Promote, "2026-11-29T00:00:00Z".into()));
        let history = History::of(&entries);
        assert!(history.is_whole() && History::open(&entries, Account::Own).is_empty());
        assert_eq!(history.vouched().iter().map(|moved| moved.revision).collect::<Vec<_>>(), [5, 6]);
        insta::assert_snapshot!(history.verdict(), @"the record is whole from revision 5 on, and was edited before that; revision 3: it follows another entry than revision 2, as that now reads, which ann accepted at revision 5 (1.0.4): restored from what the auditors kept");
        // Where nothing was accepted, all counts.
        assert_eq!(History::of(&chain(&["ami-00000001", "ami-00000002"])).vouched().len(), 2);
        // The service drops the oldest entries, and with them what was wrong with them.
        assert!(History::of(&entries[1..]).is_whole() && History::of(&entries[2..]).is_whole());
    }

    #[test]
    fn what_is_not_so_is_accepted_as_an_edit_is() {
        let ann = || "arn:aws:iam::123456789012:user/ann".to_owned();
        let mut entries = chain(&["ami-00000001", "ami-00000002"]);
        let forged = Note { by: Some(ann()), ..Note::new(Kind::Promote, "2026-11-24T00:00:00Z".into()) };
        append(&mut entries, "ami-00000003", &forged);
        entries[2].by = Some("arn:aws:iam::123456789012:user/bob".into());
        let history = History::of(&entries);
        assert!(history.is_whole() && !history.is_sound(), "{}", history.verdict());
        accept(&mut entries, "bob stood in for ann");
        let history = History::of(&entries);
        assert!(history.is_sound() && history.accepted_at() == Some(4), "{}", history.verdict());
        assert!(History::open(&entries, Account::Own).is_empty());
        // An entry that is not so itself accepts nothing.
        entries[3].by = Some("arn:aws:iam::123456789012:user/bob".into());
        entries[3].note = entries[3].note.replace("\"ann\"", &format!("\"{}\"", ann()));
        let history = History::of(&entries);
        assert!(!history.is_sound() && history.accepted.is_empty(), "{}", history.verdict());
    }

    #[test]
    fn nothing_that_is_changed_afterwards_was_accepted() {
        let whole = accepted();
        assert!(History::of(&whole).is_whole());
        for at in 0..whole.len() - 1 {
            for edit in [
                |entry: &mut Entry| entry.image = "ami-0000000f".into(),
                |entry: &mut Entry| entry.note = entry.note.replace("2026-11-2", "2026-10-2"),
                |entry: &mut Entry| entry.note = String::new(),
            ] {
                let mut entries = whole.clone();
                edit(&mut entries[at]);
                assert!(!History::of(&entries).is_whole(), "{at}: {:?}", entries[at]);
            }
            let mut entries = whole.clone();
            entries.remove(at);
            // The oldest goes by itself, on a service; with it what the second one no longer follows.
            assert_eq!(History::of(&entries).is_whole(), at == 0, "{at}");
        }
        // A second one accepts what came since, and leaves the first as it was.
        let mut entries = whole.clone();
        entries[0].image = "ami-0000000f".into();
        let broken = History::of(&entries);
        assert_eq!((broken.breaks.len(), broken.accepted.len()), (1, 1), "{}", broken.verdict());
        accept(&mut entries, "known now");
        let history = History::of(&entries);
        assert_eq!((history.breaks.len(), history.accepted.len(), history.accepted_at()), (0, 2, Some(6)));
    }

    #[test]
    fn what_does_not_stay_gives_no_reason_or_is_said_in_anothers_name_accepts_nothing() {
        let entries = accepted();
        let (earlier, note) = (&entries[..4], Note::read(&entries[4].note).unwrap());
        let (ann, bob) =
            ("arn:aws:iam::123456789012:user/ann".to_owned(), "arn:aws:iam::123456789012:user/bob".to_owned());
        let consumer = "arn:aws:sts::210987654321:assumed-role/amifactory-consumer/amifactory".to_owned();
        let told = |image: &str, writer: Option<&String>, note: Note| {
            let mut entries = earlier.to_vec();
            append(&mut entries, image, &note);
            let account = if writer == Some(&consumer) { Account::Other } else { Account::Own };
            entries[4].by = writer.cloned();
            History::in_account(&entries, account).is_whole()
        };
        let here = earlier[3].image.as_str();
        let by_ann = || Note { by: Some(ann.clone()), ..note.clone() };
        assert!(told(here, None, note.clone()) && told(here, Some(&ann), by_ann()));
        // Where the record follows in another account, a role of that writes it.
        assert!(told(here, Some(&consumer), by_ann()));
        assert!(!told(here, Some(&bob), by_ann()));
        assert!(!told(here, Some(&bob), Note { by: None, ..note.clone() }));
        assert!(!told("ami-00000009", None, note.clone()));
        assert!(!told(here, None, Note { why: None, ..note.clone() }));
        assert!(!told(here, None, Note { why: Some(" ".into()), ..note.clone() }));
        assert!(!told(here, None, Note { kind: Kind::Promote, ..note.clone() }));
        assert!(!told(here, None, Note { accepts: vec![format!("3:{}", "0".repeat(32))], ..note.clone() }));
        // What it is kept with as an override is a reason too.
        assert!(told(here, None, Note { why: None, overridden: note.why.clone(), ..note.clone() }));
    }
}
