//! The history of a pointer on this machine: a line of JSON for each write, in a file beside the pointer's document.
//!
//! The newest entry stands in the document too, to the letter: an edit of it, or a cut, shows because the two differ.
//! Earlier entries are chained by the hashes in their notes, and an entry's time is that of its note. What was written by
//! hand becomes an entry of its own, without a note and without a time, so that it takes nothing from what was there.

use super::store;
use crate::identity::ImageId;
use crate::release::Note;
use crate::target::{Entry, Pointer, PointerName, Slot, TargetError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// `channels/dev.json` has its history in `channels/dev.history`.
pub fn path(pointer: &Path) -> PathBuf {
    pointer.with_extension("history")
}

/// What a pointer's document holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Document {
    /// What everyone sees.
    #[serde(flatten)]
    pub pointer: Pointer,
    /// The entry of its last write; none where the document was written by hand.
    #[serde(default)]
    pub entry: Option<Entry>,
}

impl Document {
    /// The document after this write.
    pub fn after(name: &PointerName, image: &ImageId, entry: &Entry) -> Document {
        let (revision, written_at) = (entry.revision, entry.at.clone());
        let pointer = Pointer { name: name.clone(), image: image.clone(), revision, written_at };
        Document { pointer, entry: Some(entry.clone()) }
    }

    /// The entry, where the document names what it says.
    fn told(&self, name: &PointerName) -> Option<&Entry> {
        let Pointer { image, revision, written_at, .. } = &self.pointer;
        self.entry.as_ref().filter(|entry| {
            (entry.image.as_str(), entry.revision, &entry.at) == (image.as_str(), *revision, written_at)
                && self.pointer.name == *name
        })
    }
}

/// What is kept of a pointer.
#[derive(Debug, Default)]
pub struct Kept {
    /// What it names; none where it never named anything. Of a damaged one what its history says that it named last.
    pub pointer: Option<Pointer>,
    /// All writes, oldest first.
    pub entries: Vec<Entry>,
    /// How many of them have their line in the history.
    pub filed: usize,
    /// What is wrong with the document, where it can't be read or is gone.
    pub damage: Option<TargetError>,
}

/// Reads document and history, and sees what was done to them by hand.
pub fn kept(path: &Path, name: &PointerName) -> Result<Kept, TargetError> {
    let entries = read(&self::path(path), name)?;
    let mut kept = Kept { filed: entries.len(), entries, ..Kept::default() };
    match document(path) {
        Ok(Some(document)) => kept.take(document, name),
        Ok(None) if kept.entries.is_empty() => {}
        Ok(None) => kept.rebuild(damaged(path, "it is gone, and its history is there".into()), name)?,
        Err(error @ TargetError::Damaged { .. }) => kept.rebuild(error, name)?,
        Err(error) => return Err(error),
    }
    mark(&mut kept.entries);
    Ok(kept)
}

/// Reads the document alone.
pub fn document(path: &Path) -> Result<Option<Document>, TargetError> {
    store::read(path).map_err(|error| match error {
        TargetError::Damaged { why, .. } => damaged(path, why),
        error => error,
    })
}

fn damaged(path: &Path, why: String) -> TargetError {
    let help = match self::path(path).exists() {
        true => "what it named is read from its history; the next move writes it anew, and its history says so",
        false => "restore this one file from a backup, or move it away: what it names then begins anew",
    };
    TargetError::Damaged { what: path.display().to_string(), why, help: help.into() }
}

impl Kept {
    fn last_revision(&self) -> u64 {
        self.entries.last().map_or(0, |last| last.revision)
    }

    fn take(&mut self, document: Document, name: &PointerName) {
        let last = self.last_revision();
        match document.told(name) {
            Some(told) if told.revision > last => self.entries.push(told.clone()),
            Some(told) if told.revision == last => {
                if let Some(filed) = self.entries.last_mut().filter(|filed| *filed != told) {
                    let wrong = Some("its line in the history says something else than its pointer".into());
                    *filed = Entry { wrong, ..told.clone() };
                }
            }
            // Set back to an earlier one, or written by hand altogether.
            told => {
                let unfiled = document.entry.as_ref().filter(|entry| told.is_none() && entry.revision == last + 1);
                self.entries.extend(unfiled.cloned());
                let revision = if self.entries.is_empty() { document.pointer.revision } else { 0 };
                self.by_hand(&document.pointer.image, revision);
            }
        }
        self.pointer = Some(Pointer { name: name.clone(), revision: self.last_revision(), ..document.pointer });
    }

    fn rebuild(&mut self, damage: TargetError, name: &PointerName) -> Result<(), TargetError> {
        let named = |entry: &Entry| Some((entry.image.parse::<ImageId>().ok()?, entry.at.clone()));
        let Some((image, written_at)) = self.entries.iter().rev().find_map(named) else { return Err(damage) };
        self.by_hand(&image, 0);
        self.pointer = Some(Pointer { name: name.clone(), image, revision: self.last_revision(), written_at });
        self.damage = Some(match (damage, &name.slot) {
            (TargetError::Damaged { what, why, .. }, Slot::Version(_)) => {
                let help = "amifactory resume puts it back, as its history says".to_owned();
                TargetError::Damaged { what, why, help }
            }
            (damage, _) => damage,
        });
        Ok(())
    }

    /// An entry for what no entry tells of. One that has its line already is there because the write after it was cut off.
    fn by_hand(&mut self, image: &ImageId, least: u64) {
        let there = self.entries.last().is_some_and(|last| last.note.is_empty() && last.image == image.as_str());
        if !there {
            let revision = (self.last_revision() + 1).max(least);
            self.entries.push(Entry { revision, image: image.to_string(), ..Entry::default() });
        }
    }
}

/// Marks entries that were edited, as far as that shows without the chain.
fn mark(entries: &mut [Entry]) {
    for (n, entry) in entries.iter_mut().enumerate() {
        // Only a service knows by itself who has written.
        let by = entry.by.take();
        let at = Note::read(&entry.note).map_or_else(String::new, |note| note.at);
        let wrong = if n == 0 && entry.revision != 1 {
            "the moves before it were taken away"
        } else if by.is_some() {
            "someone wrote a name beside its note"
        } else if entry.at != at {
            "its time is another one than its note says"
        } else {
            continue;
        };
        entry.wrong = Some(wrong.into());
    }
}

fn read(path: &Path, name: &PointerName) -> Result<Vec<Entry>, TargetError> {
    let damaged = |line: usize, error: serde_json::Error| TargetError::Damaged {
        what: format!("{}, line {}", path.display(), line + 1),
        why: error.to_string(),
        help: match &name.slot {
            // What the pointer's document holds alone would be a history whose beginning was taken away.
            Slot::Channel(channel) => format!(
                "restore it from a backup, or move it and {channel}.json beside it away, then amifactory promote \
                 {}@VERSION --to {channel} begins it anew",
                name.recipe
            ),
            Slot::Version(version) => format!(
                "restore it from a backup, or move it away: what it held stands in {version}.json beside it too"
            ),
        },
    };
    let text = text(path)?;
    text.lines().enumerate().map(|(n, line)| serde_json::from_str(line).map_err(|error| damaged(n, error))).collect()
}

fn text(path: &Path) -> Result<String, TargetError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(store::io_error("reading", path)(error)),
    }
}

/// Adds entries to the history, or leaves it as it was. What stands there stays to the letter.
pub fn append(pointer: &Path, entries: &[Entry]) -> Result<(), TargetError> {
    if entries.is_empty() {
        return Ok(());
    }
    let path = path(pointer);
    let mut text = text(&path)?;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for entry in entries {
        let line =
            serde_json::to_string(entry).map_err(|e| store::io_error("writing", &path)(std::io::Error::other(e)))?;
        text.push_str(&line);
        text.push('\n');
    }
    store::write_bytes(&path, text.as_bytes())
}
