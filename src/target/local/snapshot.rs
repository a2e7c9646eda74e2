//! Snapshot: a stopped builder's layer becomes an image, kept as layers here and as an OCI layout for other tools.

use super::builders;
use super::files::Files;
use super::images::{self, ImageDocument};
use super::layers;
use super::oci::{BlobStore, Layout, LayoutBase, LayoutLayer};
use super::roots::Roots;
use super::store::Store;
use crate::identity::{BuilderId, Version};
use crate::pipeline::{clock, tags};
use crate::recipe::LocalBase;
use crate::target::{BuilderState, Image, ImageRequest, TargetError};

/// Makes the image, or answers with the one of this name. Its document comes first and says that it is not yet
/// usable; that it is, is written last.
pub fn create(
    store: &Store,
    roots: &Roots,
    files: &Files,
    builder: &BuilderId,
    request: &ImageRequest,
) -> Result<Image, TargetError> {
    let id = images::id(&request.name)?;
    let Some(record) = &request.record else {
        return Err(TargetError::NotFound { what: format!("a record of what was done on builder {builder}") });
    };
    let source = builders::expect(store, builder)?;
    if source.builder.state != BuilderState::Stopped {
        return Err(TargetError::Conflict { what: format!("builder {builder}"), found: "a running sandbox".into() });
    }
    let mut document = match images::get(store, &id)? {
        Some(found) if found.image.available => return Ok(found.image),
        Some(half_made) => half_made,
        None => {
            let mut layers = source.layers.clone();
            layers.push(builder.as_str().to_owned());
            let image = Image {
                id: id.clone(),
                name: request.name.clone(),
                tags: request.tags.clone(),
                available: false,
                failed: None,
                created_at: clock::timestamp(),
                public: false,
            };
            let document = ImageDocument { image, root: source.root.clone(), layers };
            // Under the lock nobody takes the folder, which has no document yet, for one that was left behind.
            let _lock = store.lock()?;
            images::put(store, &document)?;
            document
        }
    };
    roots.still(&source.root)?;
    images::put_record(store, &id, record)?;
    write_layout(store, roots, files, &document, record.version)?;
    document.image.available = true;
    images::put(store, &document)?;
    Ok(document.image)
}

fn write_layout(
    store: &Store,
    roots: &Roots,
    files: &Files,
    document: &ImageDocument,
    version: Version,
) -> Result<(), TargetError> {
    let resolved = roots.resolve(&document.root.spec.local)?;
    let base = match &document.root.spec.local {
        LocalBase::Host => LayoutBase::Host(&document.root.resolved),
        _ => match resolved.lowers.as_slice() {
            [root] => LayoutBase::Tree { base: &document.root.resolved, root },
            others => {
                return Err(TargetError::Damaged {
                    what: format!("base {}", document.root.resolved.id),
                    why: format!("it has {} directories, expected one", others.len()),
                    help: "report this as a bug".into(),
                });
            }
        },
    };
    let uppers: Vec<_> = document.layers.iter().map(|layer| layers::upper(store, layer)).collect();
    // A layer is named after its builder, and the builder after its build.
    let makers: Vec<_> = document.layers.iter().map(|layer| format!("amifactory build {layer}")).collect();
    let parts = document.layers.iter().zip(&uppers).zip(&makers);
    let layers: Vec<_> = parts.map(|((key, upper), created_by)| LayoutLayer { upper, key, created_by }).collect();
    let folder = images::folder(store, &document.image.id).join("oci");
    let layout = Layout {
        dir: &folder,
        version,
        arch: document.root.resolved.arch,
        created: &document.image.created_at,
        base,
        layers: &layers,
        tags: &public(&document.image.tags),
        overlay: files.overlay(),
    };
    let run = |operation: &_| files.run(operation);
    let blobs = store.cache().join("blobs");
    let blobs = BlobStore::open(&blobs).map_err(|failure| failure.of_stored(&blobs))?;
    super::oci::write(&layout, &blobs, &run).map(drop)
}

/// The state moves on after the layout is written: it is no part of it.
fn public(all: &crate::target::Tags) -> crate::target::Tags {
    all.iter().filter(|(key, _)| *key != tags::STATE).map(|(key, value)| (key.clone(), value.clone())).collect()
}
