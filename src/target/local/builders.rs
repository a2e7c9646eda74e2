//! Builders on this machine: a folder with a document, and a layer that its sandbox writes to.

use super::files::Files;
use super::layers;
use super::store::{self, Store};
use crate::identity::BuilderId;
use crate::recipe::{Limits, LocalBase};
use crate::target::{Builder, BuilderState, ResolvedBase, TargetError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What is kept of a builder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BuilderDocument {
    /// What everyone sees.
    pub builder: Builder,
    /// The root filesystem at the bottom.
    pub root: RootDocument,
    /// Layers of parent images over it, bottom first.
    pub layers: Vec<String>,
    /// What it may use.
    pub limits: Limits,
}

/// The root filesystem at the bottom of a builder or image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootDocument {
    /// Where to find it.
    pub spec: RootSpec,
    /// What it was when it was resolved.
    pub resolved: ResolvedBase,
}

/// Where a root filesystem is found, in the form that `base:` has in a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootSpec {
    /// The base.
    pub local: LocalBase,
}

/// A builder's folder.
pub fn folder(store: &Store, id: &BuilderId) -> PathBuf {
    store.builders().join(id.as_str())
}

fn document(folder: &Path) -> PathBuf {
    folder.join("builder.json")
}

/// Reads a builder; none where there is none.
pub fn get(store: &Store, id: &BuilderId) -> Result<Option<BuilderDocument>, TargetError> {
    store::read(&document(&folder(store, id)))
}

/// Reads a builder that must be there.
pub fn expect(store: &Store, id: &BuilderId) -> Result<BuilderDocument, TargetError> {
    get(store, id)?.ok_or_else(|| TargetError::NotFound { what: format!("builder {id}") })
}

/// All builders, half-made and half-removed ones too.
pub fn all(store: &Store) -> Result<Vec<BuilderDocument>, TargetError> {
    let mut all = Vec::new();
    for name in store::names(&store.builders())? {
        let Ok(id) = name.parse() else { continue };
        all.extend(get(store, &id)?);
    }
    Ok(all)
}

/// Makes a builder, or answers with the one that has this id. Its document comes first, so that all that follows has
/// an owner.
pub fn make(store: &Store, files: &Files, document: BuilderDocument) -> Result<Builder, TargetError> {
    let id = document.builder.id.clone();
    let _lock = store.lock()?;
    let mut document = match get(store, &id)? {
        Some(found) if found.builder.state != BuilderState::Pending => return Ok(found.builder),
        Some(half_made) => half_made,
        None => {
            store::make_folder(&folder(store, &id).join("runs"))?;
            write(store, &document)?;
            document
        }
    };
    layers::make(store, files, id.as_str())?;
    document.builder.state = BuilderState::Running;
    write(store, &document)?;
    Ok(document.builder)
}

/// Changes a builder's state.
pub fn set_state(store: &Store, id: &BuilderId, state: BuilderState) -> Result<(), TargetError> {
    let _lock = store.lock()?;
    let mut document = expect(store, id)?;
    document.builder.state = state;
    write(store, &document)
}

/// Removes a builder. From the first moment it is no longer up, so that nobody goes on with half of it; its document
/// goes last.
pub fn remove(store: &Store, files: &Files, id: &BuilderId) -> Result<(), TargetError> {
    let folder = folder(store, id);
    if let Some(mut document) = get(store, id)? {
        document.builder.state = BuilderState::Pending;
        write(store, &document)?;
    }
    // What an image was made of stays.
    if !layers::used_by_others(store, id.as_str(), None, Some(id))? {
        layers::remove(store, files, id.as_str())?;
    }
    let runs = folder.join("runs");
    for name in store::names(&runs)? {
        store::remove_file(&runs.join(name))?;
    }
    let gone = |result: std::io::Result<()>, path: &Path| match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(store::io_error("removing", path)(error)),
        _ => Ok(()),
    };
    gone(std::fs::remove_dir(&runs), &runs)?;
    store::remove_file(&document(&folder))?;
    // Anything else here is a document that a crash left half-written.
    for name in store::names(&folder)? {
        store::remove_file(&folder.join(name))?;
    }
    gone(std::fs::remove_dir(&folder), &folder)
}

fn write(store: &Store, document_: &BuilderDocument) -> Result<(), TargetError> {
    store::write(&document(&folder(store, &document_.builder.id)), document_)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_of_earlier_versions_are_read() {
        let resolved =
            r#"{"id":"host:0","description":"d","family":"debian-12","os_name":"Debian 12","arch":"x86_64"}"#;
        let read = |spec: &str| {
            let text = format!(r#"{{"spec":{spec},"resolved":{resolved}}}"#);
            let document: RootDocument = serde_json::from_str(&text).unwrap();
            assert!(serde_json::to_string(&document).unwrap().starts_with(&format!(r#"{{"spec":{spec},"#)));
            document.spec.local
        };
        assert_eq!(read(r#"{"local":"host"}"#), LocalBase::Host);
        assert_eq!(read(r#"{"local":{"rootfs":"/srv/root"}}"#), LocalBase::Rootfs("/srv/root".into()));
    }
}
