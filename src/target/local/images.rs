//! Images on this machine: a document, the record, an OCI layout, and the layers that it is made of.

use super::builders::RootDocument;
use super::files::Files;
use super::layers;
use super::oci::BlobStore;
use super::revoked;
use super::store::{self, Store};
use crate::identity::{Digest, ImageId};
use crate::pipeline::tags;
use crate::target::{Image, ImageRecord, Tags, TargetError};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What is kept of an image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImageDocument {
    /// What everyone sees.
    pub image: Image,
    /// The root filesystem at the bottom.
    pub root: RootDocument,
    /// Its layers over it, bottom first; the last is its own.
    pub layers: Vec<String>,
}

/// The id that an image of this name has.
pub fn id(name: &str) -> Result<ImageId, TargetError> {
    let text = format!("img-{}", &Digest::of(name).as_str()[..17]);
    text.parse().map_err(|error| TargetError::Damaged {
        what: format!("image name {name}"),
        why: format!("{error}"),
        help: "report this as a bug".into(),
    })
}

/// An image's folder.
pub fn folder(store: &Store, id: &ImageId) -> PathBuf {
    store.images().join(id.as_str())
}

/// Reads an image; none where there is none.
pub fn get(store: &Store, id: &ImageId) -> Result<Option<ImageDocument>, TargetError> {
    store::read(&folder(store, id).join("image.json"))
}

/// Reads an image that must be there.
pub fn expect(store: &Store, id: &ImageId) -> Result<ImageDocument, TargetError> {
    get(store, id)?.ok_or_else(|| TargetError::NotFound { what: format!("image {id}") })
}

/// Checks that an image is there, can be used and was not revoked, by its tags and by the mark of its version.
pub fn expect_usable(store: &Store, id: &ImageId) -> Result<(), TargetError> {
    let gone = || TargetError::NotFound { what: format!("image {id}") };
    let document = get(store, id)?.filter(|document| document.image.available).ok_or_else(gone)?;
    let reason = match tags::revoked(&document.image.tags) {
        Some(reason) => Some(reason.to_owned()),
        None => revoked::reason(store, &document.image)?,
    };
    match reason {
        None => Ok(()),
        Some(reason) => Err(TargetError::Revoked {
            image: id.clone(),
            reason,
            what: "no channel was moved".into(),
            help: "take another version (amifactory images), or build a new one".into(),
        }),
    }
}

/// All images as everyone sees them. One whose document can't be read is none that can be used, and keeps nobody from the
/// others.
pub fn shown(store: &Store) -> Result<Vec<Image>, TargetError> {
    let mut shown = Vec::new();
    for name in store::names(&store.images())? {
        let Ok(id) = name.parse::<ImageId>() else { continue };
        match get(store, &id) {
            Ok(None) => {}
            Ok(Some(mut document)) => {
                document.image.available &= is_whole(store, &document);
                shown.push(document.image);
            }
            Err(TargetError::Damaged { what, why, .. }) => shown.push(damaged(id, &format!("{what}: {why}"))),
            Err(error) => return Err(error),
        }
    }
    Ok(shown)
}

/// Nothing can be started, or said, of an image whose layers or record someone has taken away.
fn is_whole(store: &Store, document: &ImageDocument) -> bool {
    document.layers.iter().all(|layer| layers::upper(store, layer).is_dir())
        && folder(store, &document.image.id).join("record.json").is_file()
}

fn damaged(id: ImageId, why: &str) -> Image {
    Image {
        name: id.to_string(),
        id,
        tags: Tags::new(),
        available: false,
        failed: Some(format!("damaged ({why})")),
        created_at: String::new(),
        public: false,
    }
}

/// All images, half-made and half-removed ones too. Fails where one can't be read: it may hold any layer.
pub fn all(store: &Store) -> Result<Vec<ImageDocument>, TargetError> {
    let mut all = Vec::new();
    for name in store::names(&store.images())? {
        let Ok(id) = name.parse() else { continue };
        all.extend(get(store, &id)?);
    }
    Ok(all)
}

/// Writes an image's document.
pub fn put(store: &Store, document: &ImageDocument) -> Result<(), TargetError> {
    let folder = folder(store, &document.image.id);
    store::make_folder(&folder)?;
    store::write(&folder.join("image.json"), document)
}

/// Sets tags over those that are there.
pub fn tag(store: &Store, id: &ImageId, tags: &Tags) -> Result<(), TargetError> {
    let _lock = store.lock()?;
    let mut document = expect(store, id)?;
    document.image.tags.extend(tags.clone());
    put(store, &document)
}

/// Reads the record.
pub fn record(store: &Store, id: &ImageId) -> Result<ImageRecord, TargetError> {
    let path = folder(store, id).join("record.json");
    store::read(&path)?.ok_or_else(|| TargetError::NotFound { what: format!("the record of image {id}") })
}

/// Writes the record.
pub fn put_record(store: &Store, id: &ImageId, record: &ImageRecord) -> Result<(), TargetError> {
    store::write(&folder(store, id).join("record.json"), record)
}

/// Removes an image. From the first moment it is no longer usable; its document goes last.
pub fn remove(store: &Store, files: &Files, id: &ImageId) -> Result<(), TargetError> {
    let _lock = store.lock()?;
    remove_locked(store, files, id)
}

/// The same for whoever holds the store's lock.
pub fn remove_locked(store: &Store, files: &Files, id: &ImageId) -> Result<(), TargetError> {
    let folder = folder(store, id);
    let Some(mut document) = get(store, id)? else {
        return layers::remove_folder(files, &folder);
    };
    document.image.available = false;
    put(store, &document)?;
    layers::remove_folder(files, &folder.join("oci"))?;
    if let Some(own) = document.layers.last()
        && !layers::used_by_others(store, own, Some(id), None)?
    {
        layers::remove(store, files, own)?;
    }
    store::remove_file(&folder.join("record.json"))?;
    store::remove_file(&folder.join("image.json"))?;
    layers::remove_folder(files, &folder)?;
    // Layers of layouts that no image links to any more.
    let blobs = store.cache().join("blobs");
    BlobStore::prune(&blobs).map(drop).map_err(|failure| failure.of_stored(&blobs))
}

#[cfg(test)]
pub mod tests {
    use super::super::builders::RootSpec;
    use super::*;
    use crate::identity::{Arch, OsFamily};
    use crate::recipe::LocalBase;
    use crate::target::ResolvedBase;

    /// Writes an image of nothing.
    pub fn put_image(store: &Store, id: &ImageId) {
        let resolved = ResolvedBase {
            id: "host:0".into(),
            description: String::new(),
            family: OsFamily::Debian12,
            os_name: String::new(),
            arch: Arch::X86_64,
            parts: Default::default(),
        };
        let image = Image {
            id: id.clone(),
            name: id.to_string(),
            tags: Tags::new(),
            available: true,
            failed: None,
            created_at: String::new(),
            public: false,
        };
        let root = RootDocument { spec: RootSpec { local: LocalBase::Host }, resolved };
        put(store, &ImageDocument { image, root, layers: Vec::new() }).unwrap();
    }
}
