//! The operations on file trees as plain data, for a helper process or for this one.

use super::{
    Blob, FileFailure, Hashed, OverlayXattrs, Owners, Packed, UnpackLimits, Unpacked, digest, pack, remove, unpack,
};
use crate::identity::Digest;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One operation on a file tree. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileOperation {
    /// Unpacks a tar or tar.gz file into an existing, empty directory.
    UnpackTar {
        /// The archive.
        archive: PathBuf,
        /// What sha256 of the archive's bytes must be.
        digest: Digest,
        /// The directory.
        into: PathBuf,
        /// At most this much.
        limits: UnpackLimits,
        /// Whose the files are to be.
        owners: Owners,
    },
    /// Unpacks a layer of an OCI image over what is in a directory, its whiteouts applied.
    UnpackOciLayer {
        /// The layer.
        blob: Blob,
        /// The directory.
        into: PathBuf,
        /// At most this much.
        limits: UnpackLimits,
        /// Whose the files are to be.
        owners: Owners,
    },
    /// Writes a directory as the tar of an OCI layer.
    PackLayer {
        /// The directory.
        tree: PathBuf,
        /// The file to write; it must not exist.
        blob: PathBuf,
        /// Where the directory is the upper directory of an overlay: how that overlay marks what it hides.
        overlay: Option<OverlayXattrs>,
    },
    /// Removes a directory and all it holds.
    RemoveTree {
        /// The directory. That it does not exist is success.
        path: PathBuf,
    },
    /// The digest of a directory's content.
    HashTree {
        /// The directory.
        root: PathBuf,
        /// Where the last answer is kept with the times of all files, so that an unchanged tree is not read again.
        cache: Option<PathBuf>,
    },
    /// Writes down every entry of a directory, as a [`super::Listing`].
    ListTree {
        /// The directory.
        root: PathBuf,
        /// The file to write.
        into: PathBuf,
    },
}

/// What an operation answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileOutcome {
    /// Of the two that unpack.
    Unpacked(Unpacked),
    /// Of `PackLayer`.
    Packed(Packed),
    /// Of `RemoveTree`.
    Removed,
    /// Of `HashTree`.
    Hashed(Hashed),
    /// Of `ListTree`.
    Listed,
}

/// Who performs operations: [`perform`] for this process, or the sandbox's helper process.
pub type Runner<'a> = &'a (dyn Fn(&FileOperation) -> Result<FileOutcome, FileFailure> + Sync);

/// Performs an operation in this process.
pub fn perform(operation: &FileOperation) -> Result<FileOutcome, FileFailure> {
    match operation {
        FileOperation::UnpackTar { archive, digest, into, limits, owners } => {
            unpack::unpack_tar(archive, digest, into, *limits, *owners).map(FileOutcome::Unpacked)
        }
        FileOperation::UnpackOciLayer { blob, into, limits, owners } => {
            unpack::unpack_layer(blob, into, *limits, *owners).map(FileOutcome::Unpacked)
        }
        FileOperation::PackLayer { tree, blob, overlay } => {
            pack::pack_layer(tree, blob, *overlay).map(FileOutcome::Packed)
        }
        FileOperation::RemoveTree { path } => remove::remove_tree(path).map(|()| FileOutcome::Removed),
        FileOperation::HashTree { root, cache } => digest::digest_tree(root, cache.as_deref()).map(FileOutcome::Hashed),
        FileOperation::ListTree { root, into } => {
            let listing = serde_json::to_vec(&super::list_tree(root)?).map_err(std::io::Error::from);
            let written = listing.and_then(|bytes| std::fs::write(into, bytes));
            written
                .map(|()| FileOutcome::Listed)
                .map_err(|error| FileFailure::io(format!("writing {}", into.display()), error))
        }
    }
}
