//! Images of this machine on their way out. There is one step: what nothing keeps is removed, and its disk is free again.

use super::images::ImageDocument;
use super::store::{self, Store};
use super::{LocalTarget, builders, images, layers, pointers};
use crate::identity::{Arch, ImageId, RecipeName};
use crate::pipeline::clock;
use crate::target::{Image, Intent, PointerName, Retirement, Shelf, Slot, TargetError, Use, Uses, WayOut};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

fn folder(store: &Store, recipe: &RecipeName, arch: Arch) -> PathBuf {
    store.pointers().join(recipe.as_str()).join(arch.as_str()).join("retired")
}

fn path(store: &Store, name: &PointerName) -> Option<PathBuf> {
    let Slot::Version(version) = name.slot else { return None };
    Some(folder(store, &name.recipe, name.arch).join(format!("{version}.json")))
}

fn put(store: &Store, retirement: &Retirement) -> Result<(), TargetError> {
    let Some(path) = path(store, &retirement.name) else { return Ok(()) };
    if let Some(folder) = path.parent() {
        store::make_folder(folder)?;
    }
    store::write(&path, retirement)
}

/// Everything that is written down of a recipe's images on their way out.
fn retirements(store: &Store, recipe: &RecipeName) -> Result<Vec<Retirement>, TargetError> {
    let mut found = Vec::new();
    for arch in Arch::ALL {
        let folder = folder(store, recipe, *arch);
        for name in store::names(&folder)?.iter().filter(|name| name.ends_with(".json") && !name.starts_with('.')) {
            found.extend(store::read::<Retirement>(&folder.join(name))?);
        }
    }
    Ok(found)
}

/// Whether a pointer names an image that is not there and was not removed by us, or can't be read.
pub fn is_missed(store: &Store, there: &[ImageDocument]) -> Result<bool, TargetError> {
    let there: BTreeSet<&ImageId> = there.iter().map(|document| &document.image.id).collect();
    for recipe in store::names(&store.pointers())? {
        let Ok(recipe) = recipe.parse::<RecipeName>() else { continue };
        let named = pointers::told_apart(store, &recipe)?;
        if !named.damaged.is_empty() {
            return Ok(true);
        }
        let missed: Vec<&ImageId> = named.readable.iter().map(|p| &p.image).filter(|id| !there.contains(id)).collect();
        if missed.is_empty() {
            continue;
        }
        let removed = match retirements(store, &recipe) {
            Err(TargetError::Damaged { .. }) => return Ok(true),
            read => read?,
        };
        if missed.iter().any(|id| !removed.iter().any(|gone| gone.image == **id && gone.removed_at.is_some())) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[async_trait]
impl Shelf for LocalTarget {
    /// Builders that stand on an image's layers: a build on it, or its own boot test.
    async fn uses(&self, images: &[Image]) -> Result<Uses, TargetError> {
        let store = &self.inner.store;
        let builders = builders::all(store)?;
        let mut uses = Uses::default();
        for image in images {
            let Some(document) = images::get(store, &image.id)? else { continue };
            let Some(own) = document.layers.last() else { continue };
            let on_it = builders.iter().filter(|builder| builder.layers.contains(own));
            let used: Vec<Use> = on_it.map(|found| Use { kind: "builder", id: found.builder.id.to_string() }).collect();
            if !used.is_empty() {
                uses.uses.insert(image.id.clone(), used);
            }
        }
        Ok(uses)
    }

    async fn sizes(&self, images: &[Image]) -> Result<BTreeMap<ImageId, u64>, TargetError> {
        let images: Vec<ImageId> = images.iter().map(|image| image.id.clone()).collect();
        self.blocking(move |inner| {
            let mut sizes = BTreeMap::new();
            for id in images {
                let Some(document) = images::get(&inner.store, &id)? else { continue };
                if let Ok(size) = size(&inner.store, &document)? {
                    sizes.insert(id, size);
                }
            }
            Ok(sizes)
        })
        .await
    }

    async fn retirements(&self, recipe: &RecipeName) -> Result<Vec<Retirement>, TargetError> {
        retirements(&self.inner.store, recipe)
    }

    fn way_out(&self) -> Option<&dyn WayOut> {
        Some(self)
    }
}

#[async_trait]
impl WayOut for LocalTarget {
    async fn write_down(&self, retirement: &Retirement) -> Result<(), TargetError> {
        let wanted = retirement.clone();
        self.blocking(move |inner| {
            let _lock = inner.store.lock()?;
            put(&inner.store, &wanted)
        })
        .await
    }

    /// Under the store's lock no channel can be moved to it meanwhile.
    async fn take(&self, retirement: &Retirement, intent: Intent<'_>) -> Result<(), TargetError> {
        intent("remove")?;
        let retirement = retirement.clone();
        self.blocking(move |inner| {
            let _lock = inner.store.lock()?;
            if let Some(pointer) = pointers::channel_naming(&inner.store, &retirement.image)? {
                return Err(TargetError::Conflict {
                    what: pointer.name.to_string(),
                    found: retirement.image.to_string(),
                });
            }
            images::remove_locked(&inner.store, &inner.files, &retirement.image)?;
            put(&inner.store, &Retirement { removed_at: Some(clock::timestamp()), ..retirement })
        })
        .await
    }

    async fn give_back(&self, retirement: &Retirement, _intent: Intent<'_>) -> Result<(), TargetError> {
        Err(TargetError::Unsupported {
            what: format!("{} can't be brought back: local images go at once", retirement.image),
            help: format!("build it again: amifactory build {} --force", retirement.name.recipe),
        })
    }
}

/// What the disk gets back. Layers that others stand on stay, and files that have other names too.
fn size(store: &Store, document: &ImageDocument) -> Result<io::Result<u64>, TargetError> {
    let id = &document.image.id;
    let mut folders = vec![images::folder(store, id)];
    if let Some(own) = document.layers.last()
        && !layers::used_by_others(store, own, Some(id), None)?
    {
        folders.push(store.layers().join(own));
    }
    Ok(folders.iter().map(|folder| used(folder)).sum())
}

/// What a folder takes on disk, in bytes. Files of other users' are counted where they can be seen.
fn used(folder: &Path) -> io::Result<u64> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut bytes = 0;
    for entry in entries {
        let path = entry?.path();
        let found = std::fs::symlink_metadata(&path)?;
        if found.is_dir() {
            bytes += found.blocks() * 512 + used(&path)?;
        } else if found.nlink() == 1 {
            bytes += found.blocks() * 512;
        }
    }
    Ok(bytes)
}
