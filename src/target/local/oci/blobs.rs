//! Layers as blobs, packed once and hard-linked into every image that has them.
//!
//! ```text
//! layers/<sha256 of the key>   one line: digest and size of the layer that was packed under this key
//! blobs/<digest>               the layer
//! lock                         shared by those who use blobs, exclusive for who removes them
//! ```

use crate::identity::Digest;
use crate::target::local::tree::{FileFailure, FileOperation, FileOutcome, OverlayXattrs, Runner};
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// A folder of layers.
pub struct BlobStore {
    dir: PathBuf,
    /// Held as long as the store is open.
    _lock: std::fs::File,
}

/// A layer in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerBlob {
    /// sha256 of the tar, which is its diff id too.
    pub digest: Digest,
    /// Length of the tar.
    pub size: u64,
    /// Where it is.
    pub path: PathBuf,
}

impl BlobStore {
    /// Opens the store in this folder, made where it does not exist.
    pub fn open(dir: &Path) -> Result<Self, FileFailure> {
        for part in ["layers", "blobs"] {
            private_dir(&dir.join(part))?;
        }
        let lock = lock_file(&dir.join("lock"), FlockOperation::LockShared)?;
        Ok(BlobStore { dir: dir.to_owned(), _lock: lock })
    }

    /// The layer of this key: packed from `tree` the first time, found again after that. The key says what the
    /// content is (a base's id, a build's plan and attempt); the tree behind it must not change.
    pub fn layer(
        &self,
        key: &str,
        tree: &Path,
        overlay: Option<OverlayXattrs>,
        run: Runner<'_>,
    ) -> Result<LayerBlob, FileFailure> {
        let key = Digest::of(key);
        let record = self.dir.join("layers").join(key.as_str());
        if let Some(layer) = self.recorded(&record) {
            return Ok(layer);
        }
        // Builds on the same base at the same time pack it once.
        let _packing = lock_file(&self.dir.join("layers").join(format!("{key}.lock")), FlockOperation::LockExclusive)?;
        if let Some(layer) = self.recorded(&record) {
            return Ok(layer);
        }
        let partial = self.dir.join("blobs").join(format!("{key}.partial"));
        remove_file(&partial)?;
        let operation = FileOperation::PackLayer { tree: tree.to_owned(), blob: partial.clone(), overlay };
        let packed = match run(&operation) {
            Ok(FileOutcome::Packed(packed)) => packed,
            Ok(_) => return Err(FileFailure::io("packing a layer", std::io::Error::other("answered something else"))),
            Err(failure) => {
                remove_file(&partial)?;
                return Err(failure);
            }
        };
        let path = self.dir.join("blobs").join(packed.digest.as_str());
        let failed = |e| FileFailure::io(format!("keeping layer {}", path.display()), e);
        std::fs::rename(&partial, &path).map_err(failed)?;
        write_file(&record, format!("{} {}\n", packed.digest, packed.size).as_bytes())?;
        Ok(LayerBlob { digest: packed.digest, size: packed.size, path })
    }

    /// Forgets the layer of this key: the tree behind it is about to become another.
    pub fn forget(dir: &Path, key: &str) -> Result<(), FileFailure> {
        remove_file(&dir.join("layers").join(Digest::of(key).as_str()))
    }

    fn recorded(&self, record: &Path) -> Option<LayerBlob> {
        let text = std::fs::read_to_string(record).ok()?;
        let (digest, size) = text.trim_end().split_once(' ')?;
        let (digest, size): (Digest, u64) = (digest.parse().ok()?, size.parse().ok()?);
        let path = self.dir.join("blobs").join(digest.as_str());
        let whole = std::fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() == size);
        whole.then_some(LayerBlob { digest, size, path })
    }

    /// Removes layers that no image links to any more. Does nothing while a build uses the store; answers how many
    /// bytes went.
    pub fn prune(dir: &Path) -> Result<u64, FileFailure> {
        let failed = |e| FileFailure::io(format!("pruning {}", dir.display()), e);
        if !dir.exists() {
            return Ok(0);
        }
        let _lock = match lock_file(&dir.join("lock"), FlockOperation::NonBlockingLockExclusive) {
            Ok(lock) => lock,
            Err(FileFailure::Io { errno, .. }) if errno == Some(Errno::WOULDBLOCK.raw_os_error()) => return Ok(0),
            Err(failure) => return Err(failure),
        };
        let mut freed = 0;
        for entry in std::fs::read_dir(dir.join("blobs")).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let found = entry.metadata().map_err(failed)?;
            if found.is_file() && found.nlink() == 1 {
                freed += found.len();
                remove_file(&entry.path())?;
            }
        }
        // A record whose layer is gone says nothing, nor do the locks and unfinished files of those who died.
        for entry in std::fs::read_dir(dir.join("layers")).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let record =
                path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.parse::<Digest>().is_ok());
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let layer = text.split(' ').next().filter(|digest| !digest.is_empty());
            if !record || !layer.is_some_and(|digest| dir.join("blobs").join(digest).is_file()) {
                remove_file(&path)?;
            }
        }
        Ok(freed)
    }
}

/// Makes a folder that only its owner can look into, with all above it.
pub(in crate::target::local) fn private_dir(path: &Path) -> Result<(), FileFailure> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| FileFailure::io(format!("making {}", path.display()), e))
}

/// Opens and locks a file; the lock is gone when the file is closed, also where the program is killed.
pub(in crate::target::local) fn lock_file(path: &Path, how: FlockOperation) -> Result<std::fs::File, FileFailure> {
    let failed = |e: std::io::Error| FileFailure::io(format!("locking {}", path.display()), e);
    let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    loop {
        match rustix::fs::flock(&file, how) {
            Err(Errno::INTR) => {}
            other => {
                other.map_err(|e| failed(e.into()))?;
                return Ok(file);
            }
        }
    }
}

/// Writes a file so that it is there as a whole or not at all, also after a power cut.
pub(in crate::target::local) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), FileFailure> {
    let failed = |e: std::io::Error| FileFailure::io(format!("writing {}", path.display()), e);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_data().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    std::fs::File::open(folder).and_then(|dir| dir.sync_all()).map_err(failed)
}

fn remove_file(path: &Path) -> Result<(), FileFailure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(FileFailure::io(format!("removing {}", path.display()), error))
        }
        _ => Ok(()),
    }
}
