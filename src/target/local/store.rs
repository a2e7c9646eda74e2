//! The local target's store: JSON documents in folders, each written whole or not at all.
//!
//! ```text
//! local/builders/<id>/builder.json   first written, last removed: nothing is ever without an owner
//! local/builders/<id>/runs/          bundles, markers and results by bundle digest
//! local/images/<id>/image.json       first written, last removed; record.json; oci/
//! local/layers/<builder>/            what a builder wrote: the overlay's upper directory
//! local/pointers/<recipe>/<arch>/    versions/ and channels/
//! local/cache/                       unpacked bases and their digests
//! ```

use super::files::Files;
use super::layers;
use crate::target::TargetError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The folder that everything is in.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens the store below a state folder, making it where it is missing.
    pub fn open(state: &Path) -> Result<Store, TargetError> {
        let root = state.join("local");
        for part in ["builders", "images", "layers", "pointers", "cache"] {
            make_folder(&root.join(part))?;
        }
        Ok(Store { root })
    }

    /// Builders' folders.
    pub fn builders(&self) -> PathBuf {
        self.root.join("builders")
    }
    /// Images' folders.
    pub fn images(&self) -> PathBuf {
        self.root.join("images")
    }
    /// Layers' folders.
    pub fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }
    /// Pointers' folders.
    pub fn pointers(&self) -> PathBuf {
        self.root.join("pointers")
    }
    /// Unpacked bases.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// Removes folders that were made for a builder or an image whose document was never written, because whoever made them
    /// died in between, and layers that nothing is made of.
    pub fn remove_ownerless(&self, files: &Files) -> Result<(), TargetError> {
        let _lock = self.lock()?;
        for (folders, document) in [(self.builders(), "builder.json"), (self.images(), "image.json")] {
            for name in names(&folders)? {
                let folder = folders.join(name);
                let owned = folder.join(document).try_exists().map_err(io_error("looking for", &folder))?;
                if !owned {
                    layers::remove_folder(files, &folder)?;
                }
            }
        }
        layers::remove_unused(self, files)
    }

    /// Waits for the right to change the store. Held for moments only; the system gives it back when a process dies.
    pub fn lock(&self) -> Result<File, TargetError> {
        let path = self.root.join("lock");
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io_error("opening", &path))?;
        file.lock().map_err(io_error("locking", &path))?;
        Ok(file)
    }
}

/// Makes a folder that only its owner can look into, and those above it.
pub fn make_folder(path: &Path) -> Result<(), TargetError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error("making", path))
}

/// Names of the entries of a folder; none where the folder is missing.
pub fn names(folder: &Path) -> Result<Vec<String>, TargetError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error("reading", folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(io_error("reading", folder))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// Writes a document so that a reader, or a program after a crash, sees all of it or what was there before.
pub fn write<T: Serialize>(path: &Path, document: &T) -> Result<(), TargetError> {
    let bytes = serde_json::to_vec(document).map_err(|error| io_error("writing", path)(io::Error::other(error)))?;
    write_bytes(path, &bytes)
}

/// Writes bytes whole or not at all.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), TargetError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        // One name per document: what a crash leaves half-written is overwritten the next time. Whoever writes a
        // document holds its recipe's lock or the store's.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let fresh = folder.join(format!(".new-{name}"));
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(io_error("writing", path))
}

/// Reads a document; none where it is missing.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, TargetError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("reading", path)(error)),
    };
    match serde_json::from_slice(&bytes) {
        Ok(document) => Ok(Some(document)),
        Err(error) => Err(TargetError::Damaged {
            what: path.display().to_string(),
            why: error.to_string(),
            help: "restore it from a backup, or move its folder away and build again".into(),
        }),
    }
}

/// Removes a file; one that is gone is fine.
pub fn remove_file(path: &Path) -> Result<(), TargetError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("removing", path)(error)),
        _ => Ok(()),
    }
}

/// Says what was being done to which file.
pub fn io_error<'a>(doing: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> TargetError + 'a {
    move |source| TargetError::Io { what: format!("{doing} {}", path.display()), source }
}
