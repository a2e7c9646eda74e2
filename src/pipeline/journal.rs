//! The journal of a build: what was about to be done, fsynced before it was done.
//!
//! It is a cache and a story for people. Truth is what the target answers: a journal that is missing, cut off or
//! damaged costs time at most.

use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// RFC 3339, UTC.
    pub at: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What a journal tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum What {
    /// The build has begun.
    Begun {
        /// The recipe.
        recipe: String,
        /// The version it makes.
        version: String,
        /// The plan's digest.
        digest: String,
    },
    /// A mutating call is about to be sent.
    Intent {
        /// The step.
        step: String,
        /// The call.
        call: String,
        /// On what.
        resource: String,
    },
    /// It was answered.
    Answered {
        /// The step.
        step: String,
        /// The call.
        call: String,
    },
    /// The build has ended; nothing is left to do.
    Ended {
        /// How.
        outcome: String,
    },
}

/// A journal open for writing.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens a build's journal for more entries.
    pub fn open(build_folder: &Path) -> io::Result<Journal> {
        let path = build_folder.join("journal.jsonl");
        let cut = unfinished_line(&path)?;
        let mut file = File::options().append(true).create(true).open(&path)?;
        if cut {
            // A line that a crash cut off is closed, so that the next one stands alone.
            file.write_all(b"\n")?;
        }
        // The folder is synced too: a file whose name is lost is no journal.
        File::open(build_folder)?.sync_all()?;
        Ok(Journal { path, file })
    }

    /// Writes an entry and waits until it is on disk.
    pub fn write(&mut self, what: What) -> io::Result<()> {
        let entry = Entry { at: super::clock::timestamp(), what };
        let mut line = serde_json::to_vec(&entry).map_err(io::Error::other)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// All entries that can be read. Lines that can't are passed over: they were being written in a crash.
pub fn read(build_folder: &Path) -> io::Result<Vec<Entry>> {
    match std::fs::read(build_folder.join("journal.jsonl")) {
        Ok(bytes) => Ok(bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// True where the journal says that the build has ended, and was not begun again after that.
pub fn has_ended(entries: &[Entry]) -> bool {
    let last = entries.iter().rev().find(|entry| matches!(entry.what, What::Begun { .. } | What::Ended { .. }));
    last.is_some_and(|entry| matches!(entry.what, What::Ended { .. }))
}

/// How a build ends whose builder was lost, or whose token a builder had that is gone: it is begun anew.
pub const LOST: &str = "interrupted";

/// Whether a build that ended has used up its token: a builder was launched with it, here or elsewhere. One that failed
/// before has not, and another machine may be using it now.
pub fn has_launched(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| match &entry.what {
        What::Answered { call, .. } => call == "launch",
        What::Ended { outcome } => outcome == LOST,
        _ => false,
    })
}

fn unfinished_line(path: &Path) -> io::Result<bool> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(bytes.last().is_some_and(|b| *b != b'\n')),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_cut_at_any_byte_can_be_read_and_continued() {
        let folder = tempfile::tempdir().unwrap();
        let intent = |n: u32| What::Intent { step: "launch".into(), call: "launch".into(), resource: n.to_string() };
        let mut journal = Journal::open(folder.path()).unwrap();
        for n in 0..3 {
            journal.write(intent(n)).unwrap();
        }
        let whole = std::fs::read(journal.path()).unwrap();
        for cut in 0..=whole.len() {
            std::fs::write(folder.path().join("journal.jsonl"), &whole[..cut]).unwrap();
            let before = read(folder.path()).unwrap().len();
            Journal::open(folder.path()).unwrap().write(intent(9)).unwrap();
            let after = read(folder.path()).unwrap();
            assert_eq!(after.last().unwrap().what, intent(9), "cut at {cut}");
            assert!(after.len() > before, "cut at {cut}");
        }
    }
}
