//! Pointers on this machine: one JSON document each, changed under the store's lock.

use super::store::{self, Store};
use crate::identity::{Arch, ImageId, RecipeName};
use crate::pipeline::clock;
use crate::target::{Pointer, PointerName, Slot, TargetError};
use std::path::PathBuf;

fn path(store: &Store, name: &PointerName) -> PathBuf {
    let folder = store.pointers().join(name.recipe.as_str()).join(name.arch.as_str());
    match &name.slot {
        Slot::Version(version) => folder.join("versions").join(format!("{version}.json")),
        Slot::Channel(channel) => folder.join("channels").join(format!("{channel}.json")),
    }
}

/// What a pointer names.
pub fn get(store: &Store, name: &PointerName) -> Result<Option<Pointer>, TargetError> {
    store::read(&path(store, name))
}

/// All pointers of a recipe, on all architectures.
pub fn of_recipe(store: &Store, recipe: &RecipeName) -> Result<Vec<Pointer>, TargetError> {
    let mut pointers = Vec::new();
    for arch in Arch::ALL {
        for kind in ["versions", "channels"] {
            let folder = store.pointers().join(recipe.as_str()).join(arch.as_str()).join(kind);
            for name in store::names(&folder)?.iter().filter(|name| name.ends_with(".json") && !name.starts_with('.')) {
                pointers.extend(store::read::<Pointer>(&folder.join(name))?);
            }
        }
    }
    Ok(pointers)
}

/// Writes a pointer that must not exist; the same value again is fine.
pub fn create(store: &Store, name: &PointerName, image: &ImageId) -> Result<(), TargetError> {
    let _lock = store.lock()?;
    match get(store, name)? {
        Some(pointer) if pointer.image == *image => Ok(()),
        Some(pointer) => Err(TargetError::Conflict { what: name.to_string(), found: pointer.image.to_string() }),
        None => put(store, name, image, 1),
    }
}

/// Moves a pointer from what it is expected to name.
pub fn replace(
    store: &Store,
    name: &PointerName,
    expected: Option<&ImageId>,
    image: &ImageId,
) -> Result<(), TargetError> {
    let _lock = store.lock()?;
    let current = get(store, name)?;
    if current.as_ref().map(|pointer| &pointer.image) != expected {
        let found = current.map_or_else(|| "nothing".to_owned(), |pointer| pointer.image.to_string());
        return Err(TargetError::Conflict { what: name.to_string(), found });
    }
    put(store, name, image, current.map_or(1, |pointer| pointer.revision + 1))
}

fn put(store: &Store, name: &PointerName, image: &ImageId, revision: u64) -> Result<(), TargetError> {
    let path = path(store, name);
    if let Some(folder) = path.parent() {
        store::make_folder(folder)?;
    }
    let pointer = Pointer { name: name.clone(), image: image.clone(), revision, written_at: clock::timestamp() };
    store::write(&path, &pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(slot: Slot) -> PointerName {
        PointerName { recipe: "web".parse().unwrap(), arch: Arch::X86_64, slot }
    }

    #[test]
    fn a_version_pointer_is_never_overwritten_and_a_channel_moves_only_from_what_was_seen() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (one, two): (ImageId, ImageId) = ("img-00000001".parse().unwrap(), "img-00000002".parse().unwrap());

        let version = name(Slot::Version("1.0.0".parse().unwrap()));
        create(&store, &version, &one).unwrap();
        create(&store, &version, &one).unwrap();
        assert!(matches!(create(&store, &version, &two), Err(TargetError::Conflict { .. })));
        assert_eq!(get(&store, &version).unwrap().unwrap().image, one);

        let channel = name(Slot::Channel("dev".parse().unwrap()));
        assert!(matches!(replace(&store, &channel, Some(&one), &two), Err(TargetError::Conflict { .. })));
        replace(&store, &channel, None, &one).unwrap();
        assert!(matches!(replace(&store, &channel, None, &two), Err(TargetError::Conflict { .. })));
        replace(&store, &channel, Some(&one), &two).unwrap();
        let moved = get(&store, &channel).unwrap().unwrap();
        assert_eq!((moved.image, moved.revision), (two, 2));
        assert_eq!(of_recipe(&store, &"web".parse().unwrap()).unwrap().len(), 2);
    }

    #[test]
    fn of_two_that_move_a_channel_at_once_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let channel = name(Slot::Channel("dev".parse().unwrap()));
        let moved: Vec<bool> = std::thread::scope(|scope| {
            let threads: Vec<_> = (1..=8)
                .map(|n| {
                    let (store, channel) = (&store, &channel);
                    let image: ImageId = format!("img-0000000{n}").parse().unwrap();
                    scope.spawn(move || replace(store, channel, None, &image).is_ok())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(moved.iter().filter(|moved| **moved).count(), 1);
    }
}
