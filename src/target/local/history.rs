//! The history of a pointer on this machine: a line of JSON for each write, in a file beside the pointer.

use super::store;
use crate::target::{Entry, Pointer, TargetError};
use std::path::{Path, PathBuf};

/// `channels/dev.json` has its history in `channels/dev.history`.
pub fn path(pointer: &Path) -> PathBuf {
    pointer.with_extension("history")
}

/// The entries that the pointer has followed, oldest first. What the pointer names and no entry tells of was written by
/// something else: it is an entry without a note.
pub fn in_effect(pointer: &Path, current: Option<&Pointer>) -> Result<Vec<Entry>, TargetError> {
    let Some(current) = current else { return Ok(Vec::new()) };
    let mut entries = read(&path(pointer))?;
    entries.retain(|entry| entry.revision <= current.revision);
    let told =
        entries.last().is_some_and(|last| last.revision == current.revision && last.image == current.image.as_str());
    if !told {
        entries.retain(|entry| entry.revision < current.revision);
        entries.push(Entry {
            revision: current.revision,
            image: current.image.to_string(),
            at: current.written_at.clone(),
            by: None,
            note: String::new(),
        });
    }
    Ok(entries)
}

fn read(path: &Path) -> Result<Vec<Entry>, TargetError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(store::io_error("reading", path)(error)),
    };
    let damaged = |line: usize, error: serde_json::Error| TargetError::Damaged {
        what: format!("{}, line {}", path.display(), line + 1),
        why: error.to_string(),
        help: "restore it from a backup, or move it away: the history then begins anew, and says so".into(),
    };
    text.lines().enumerate().map(|(n, line)| serde_json::from_str(line).map_err(|error| damaged(n, error))).collect()
}

/// Writes the whole history, or leaves it as it was.
pub fn write(pointer: &Path, entries: &[Entry]) -> Result<(), TargetError> {
    let path = path(pointer);
    let mut text = Vec::new();
    for entry in entries {
        let line =
            serde_json::to_vec(entry).map_err(|e| store::io_error("writing", &path)(std::io::Error::other(e)))?;
        text.extend(line);
        text.push(b'\n');
    }
    store::write_bytes(&path, &text)
}
