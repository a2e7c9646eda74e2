//! Layers: what a builder's sandbox wrote. An image keeps its builder's layer; it goes when nothing names it.

use super::files::Files;
use super::oci::BlobStore;
use super::store::{self, Store};
use super::tree::FileOperation;
use super::{builders, images, shelf};
use crate::identity::{BuilderId, ImageId};
use crate::target::TargetError;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The overlay's upper directory of a layer.
pub fn upper(store: &Store, layer: &str) -> PathBuf {
    store.layers().join(layer).join("upper")
}

/// The overlay's work directory of a layer.
pub fn work(store: &Store, layer: &str) -> PathBuf {
    store.layers().join(layer).join("work")
}

/// Makes an empty layer. What a crash left under its name is removed first, also what was packed of it.
pub fn make(store: &Store, files: &Files, layer: &str) -> Result<(), TargetError> {
    remove(store, files, layer)?;
    let blobs = store.cache().join("blobs");
    BlobStore::forget(&blobs, layer).map_err(|failure| failure.of_stored(&blobs))?;
    store::make_folder(&upper(store, layer))?;
    store::make_folder(&work(store, layer))?;
    // The upper directory is the root of what runs on it: its mode is the root's.
    let path = upper(store, layer);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, mode).map_err(store::io_error("setting the mode of", &path))
}

/// Removes a layer and all in it.
pub fn remove(store: &Store, files: &Files, layer: &str) -> Result<(), TargetError> {
    remove_folder(files, &store.layers().join(layer))
}

/// Removes a folder and all in it, without following links, whoever its files belong to.
pub fn remove_folder(files: &Files, folder: &Path) -> Result<(), TargetError> {
    let operation = FileOperation::RemoveTree { path: folder.to_owned() };
    files.run(&operation).map(drop).map_err(|failure| failure.of_stored(folder))
}

/// Whether any image but one, or any builder but one, is made of this layer. An image that can't be read may be.
pub fn used_by_others(
    store: &Store,
    layer: &str,
    image: Option<&ImageId>,
    builder: Option<&BuilderId>,
) -> Result<bool, TargetError> {
    let names = |layers: &[String]| layers.iter().any(|other| other == layer);
    let by_image = match images::all(store) {
        Ok(all) => all.iter().any(|other| Some(&other.image.id) != image && names(&other.layers)),
        Err(TargetError::Damaged { .. }) => true,
        Err(error) => return Err(error),
    };
    let by_builder = builders::all(store)?.iter().any(|other| {
        Some(&other.builder.id) != builder && (names(&other.layers) || other.builder.id.as_str() == layer)
    });
    Ok(by_image || by_builder)
}

/// Removes layers that nothing is made of: they stayed while an image could not be read. As long as a pointer names an
/// image that is not there, all of them stay: whoever has moved it away may bring it back. Whoever calls this holds the
/// store's lock.
pub fn remove_unused(store: &Store, files: &Files) -> Result<(), TargetError> {
    let (images, builders) = match (images::all(store), builders::all(store)) {
        (Err(TargetError::Damaged { .. }), _) | (_, Err(TargetError::Damaged { .. })) => return Ok(()),
        (images, builders) => (images?, builders?),
    };
    let mut used: BTreeSet<&str> = images.iter().flat_map(|image| &image.layers).map(String::as_str).collect();
    for builder in &builders {
        used.insert(builder.builder.id.as_str());
        used.extend(builder.layers.iter().map(String::as_str));
    }
    let all = store::names(&store.layers())?;
    let unused: Vec<&String> = all.iter().filter(|layer| !used.contains(layer.as_str())).collect();
    if unused.is_empty() || shelf::is_missed(store, &images)? {
        return Ok(());
    }
    unused.into_iter().try_for_each(|layer| remove(store, files, layer))
}
