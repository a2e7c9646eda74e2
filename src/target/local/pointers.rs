//! Pointers on this machine: one JSON document each with its history beside it, changed under the store's lock.

use super::history;
use super::images;
use super::store::{self, Store};
use crate::identity::{Arch, ImageId, RecipeName};
use crate::pipeline::clock;
use crate::release::Note;
use crate::target::{DamagedPointer, Entry, Pin, Pointer, PointerName, Pointers, Slot, TargetError};
use std::path::PathBuf;

fn path(store: &Store, name: &PointerName) -> PathBuf {
    let folder = store.pointers().join(name.recipe.as_str()).join(name.arch.as_str());
    match &name.slot {
        Slot::Version(version) => folder.join("versions").join(format!("{version}.json")),
        Slot::Channel(channel) => folder.join("channels").join(format!("{channel}.json")),
    }
}

/// What a file in one of the folders is for; none where its name is no version's or channel's.
fn slot(kind: &str, name: &str) -> Option<Slot> {
    match kind {
        "versions" => name.parse().ok().map(Slot::Version),
        _ => name.parse().ok().map(Slot::Channel),
    }
}

/// What a pointer names.
pub fn get(store: &Store, name: &PointerName) -> Result<Option<Pointer>, TargetError> {
    store::read(&path(store, name))
}

/// All pointers of a recipe, on all architectures.
pub fn of_recipe(store: &Store, recipe: &RecipeName) -> Result<Vec<Pointer>, TargetError> {
    let Pointers { readable, damaged } = told_apart(store, recipe)?;
    damaged.into_iter().next().map_or(Ok(readable), |damaged| Err(damaged.error))
}

/// The same: those that can be read, and the others.
pub fn told_apart(store: &Store, recipe: &RecipeName) -> Result<Pointers, TargetError> {
    let mut pointers = Pointers::default();
    for arch in Arch::ALL {
        for kind in ["versions", "channels"] {
            let folder = store.pointers().join(recipe.as_str()).join(arch.as_str()).join(kind);
            for file in store::names(&folder)? {
                let Some(slot) = file.strip_suffix(".json").and_then(|name| slot(kind, name)) else { continue };
                let name = PointerName { recipe: recipe.clone(), arch: *arch, slot };
                match get(store, &name) {
                    Ok(pointer) => pointers.readable.extend(pointer),
                    Err(error @ TargetError::Damaged { .. }) => {
                        pointers.damaged.push(DamagedPointer { name, error, last: None });
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(pointers)
}

/// A channel, of any recipe, that names this image.
pub fn channel_naming(store: &Store, image: &ImageId) -> Result<Option<Pointer>, TargetError> {
    for recipe in store::names(&store.pointers())? {
        let Ok(recipe) = recipe.parse() else { continue };
        let named = |pointer: &Pointer| matches!(pointer.name.slot, Slot::Channel(_)) && pointer.image == *image;
        if let Some(pointer) = of_recipe(store, &recipe)?.into_iter().find(named) {
            return Ok(Some(pointer));
        }
    }
    Ok(None)
}

/// Writes a pointer that must not exist; the same value again is fine.
pub fn create(store: &Store, name: &PointerName, image: &ImageId, note: &Note) -> Result<(), TargetError> {
    let _lock = store.lock()?;
    images::expect_usable(store, image)?;
    match get(store, name)? {
        Some(pointer) if pointer.image == *image => Ok(()),
        Some(pointer) => Err(TargetError::Conflict { what: name.to_string(), found: pointer.image.to_string() }),
        None => put(store, name, None, image, note).map(drop),
    }
}

/// Moves a pointer from what it is expected to name. Under the store's lock this is compare-and-set.
pub fn replace(
    store: &Store,
    name: &PointerName,
    expected: Option<&Pointer>,
    image: &ImageId,
    note: &Note,
) -> Result<Pointer, TargetError> {
    let _lock = store.lock()?;
    // Under the lock: it may have been removed since anyone has looked.
    images::expect_usable(store, image)?;
    let current = get(store, name)?;
    let seen = |pointer: &Pointer| (pointer.image.clone(), pointer.revision);
    if current.as_ref().map(seen) != expected.map(seen) {
        let found = current.map_or_else(|| "nothing".to_owned(), |pointer| pointer.image.to_string());
        return Err(TargetError::Conflict { what: name.to_string(), found });
    }
    put(store, name, current.as_ref(), image, note)
}

/// The history first: an entry that no pointer followed is not in effect, and goes with the next write.
fn put(
    store: &Store,
    name: &PointerName,
    current: Option<&Pointer>,
    image: &ImageId,
    note: &Note,
) -> Result<Pointer, TargetError> {
    let path = path(store, name);
    if let Some(folder) = path.parent() {
        store::make_folder(folder)?;
    }
    let mut entries = history::in_effect(&path, current)?;
    let note = note.after(entries.last().map(|entry| (entry.image.as_str(), entry.note.as_str())));
    let revision = current.map_or(1, |pointer| pointer.revision + 1);
    let at = clock::timestamp();
    entries.push(Entry { revision, image: image.to_string(), at: at.clone(), by: None, note: note.text() });
    history::write(&path, &entries)?;
    let pointer = Pointer { name: name.clone(), image: image.clone(), revision, written_at: at };
    store::write(&path, &pointer)?;
    Ok(pointer)
}

/// All writes of a pointer that are in effect, oldest first.
pub fn entries(store: &Store, name: &PointerName) -> Result<Vec<Entry>, TargetError> {
    let current = get(store, name)?;
    match &current {
        Some(_) => history::in_effect(&path(store, name), current.as_ref()),
        None => Ok(Vec::new()),
    }
}

fn pin_path(store: &Store, name: &PointerName) -> Option<PathBuf> {
    let Slot::Channel(channel) = &name.slot else { return None };
    let folder = store.pointers().join(name.recipe.as_str()).join(name.arch.as_str());
    Some(folder.join("pins").join(format!("{channel}.json")))
}

/// The pin of a channel.
pub fn pin(store: &Store, name: &PointerName) -> Result<Option<Pin>, TargetError> {
    pin_path(store, name).map_or(Ok(None), |path| store::read(&path))
}

/// Replaces the pin of a channel.
pub fn put_pin(store: &Store, name: &PointerName, pin: &Pin) -> Result<(), TargetError> {
    let _lock = store.lock()?;
    let Some(path) = pin_path(store, name) else { return Ok(()) };
    if let Some(folder) = path.parent() {
        store::make_folder(folder)?;
    }
    store::write(&path, pin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::{History, Kind};

    fn note() -> Note {
        Note::new(Kind::Promote, clock::timestamp())
    }

    /// A store in which all images are that the tests name.
    fn store(folder: &std::path::Path) -> Store {
        let store = Store::open(folder).unwrap();
        (0..10).for_each(|n| images::tests::put_image(&store, &format!("img-0000000{n}").parse().unwrap()));
        store
    }

    fn name(slot: Slot) -> PointerName {
        PointerName { recipe: "web".parse().unwrap(), arch: Arch::X86_64, slot }
    }

    #[test]
    fn a_version_pointer_is_never_overwritten_and_a_channel_moves_only_from_what_was_seen() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let (one, two): (ImageId, ImageId) = ("img-00000001".parse().unwrap(), "img-00000002".parse().unwrap());

        let version = name(Slot::Version("1.0.0".parse().unwrap()));
        create(&store, &version, &one, &note()).unwrap();
        create(&store, &version, &one, &note()).unwrap();
        assert!(matches!(create(&store, &version, &two, &note()), Err(TargetError::Conflict { .. })));
        assert_eq!(get(&store, &version).unwrap().unwrap().image, one);

        let channel = name(Slot::Channel("dev".parse().unwrap()));
        let never = Pointer { name: channel.clone(), image: one.clone(), revision: 1, written_at: String::new() };
        assert!(matches!(replace(&store, &channel, Some(&never), &two, &note()), Err(TargetError::Conflict { .. })));
        let first = replace(&store, &channel, None, &one, &note()).unwrap();
        assert!(matches!(replace(&store, &channel, None, &two, &note()), Err(TargetError::Conflict { .. })));
        let moved = replace(&store, &channel, Some(&first), &two, &note()).unwrap();
        assert_eq!(get(&store, &channel).unwrap(), Some(moved.clone()));
        // Once it has moved and come back, what was seen before is not what is there.
        let back = replace(&store, &channel, Some(&moved), &one, &note()).unwrap();
        assert!(matches!(replace(&store, &channel, Some(&first), &two, &note()), Err(TargetError::Conflict { .. })));
        let moved = replace(&store, &channel, Some(&back), &two, &note()).unwrap();
        assert_eq!((moved.image, moved.revision), (two, 4));
        let history = History::of(&entries(&store, &channel).unwrap());
        assert!(history.is_whole() && history.moves.len() == 4, "{history:?}");
        assert_eq!(of_recipe(&store, &"web".parse().unwrap()).unwrap().len(), 2);
    }

    #[test]
    fn of_two_that_move_a_channel_at_once_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let channel = name(Slot::Channel("dev".parse().unwrap()));
        let moved: Vec<bool> = std::thread::scope(|scope| {
            let threads: Vec<_> = (1..=8)
                .map(|n| {
                    let (store, channel) = (&store, &channel);
                    let image: ImageId = format!("img-0000000{n}").parse().unwrap();
                    scope.spawn(move || replace(store, channel, None, &image, &note()).is_ok())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(moved.iter().filter(|moved| **moved).count(), 1);
    }

    #[test]
    fn a_crash_between_history_and_pointer_leaves_the_old_image_and_a_whole_chain() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let (one, two): (ImageId, ImageId) = ("img-00000001".parse().unwrap(), "img-00000002".parse().unwrap());
        let channel = name(Slot::Channel("dev".parse().unwrap()));
        let first = replace(&store, &channel, None, &one, &note()).unwrap();
        let document = std::fs::read(path(&store, &channel)).unwrap();
        replace(&store, &channel, Some(&first), &two, &note()).unwrap();
        std::fs::write(path(&store, &channel), document).unwrap();
        let history = History::of(&entries(&store, &channel).unwrap());
        assert_eq!((history.moves.len(), history.is_whole()), (1, true));
        replace(&store, &channel, Some(&first), &two, &note()).unwrap();
        let history = History::of(&entries(&store, &channel).unwrap());
        assert_eq!((history.moves.len(), history.is_whole()), (2, true));
        assert_eq!(history.last().unwrap().image, two.to_string());
    }

    #[test]
    fn edits_by_hand_show() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let (one, two): (ImageId, ImageId) = ("img-00000001".parse().unwrap(), "img-00000002".parse().unwrap());
        let channel = name(Slot::Channel("dev".parse().unwrap()));
        let first = replace(&store, &channel, None, &one, &note()).unwrap();
        let second = replace(&store, &channel, Some(&first), &two, &note()).unwrap();
        // The pointer alone: what it names was never moved there.
        store::write(&path(&store, &channel), &Pointer { image: one.clone(), ..second.clone() }).unwrap();
        let history = History::of(&entries(&store, &channel).unwrap());
        assert_eq!(
            (history.last().unwrap().image.clone(), history.last().unwrap().note.clone()),
            (one.to_string(), None)
        );
        // The history alone.
        store::write(&path(&store, &channel), &second).unwrap();
        let file = history::path(&path(&store, &channel));
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replacen("img-00000001", "img-00000003", 1)).unwrap();
        assert!(!History::of(&entries(&store, &channel).unwrap()).is_whole());
        std::fs::remove_file(&file).unwrap();
        let history = History::of(&entries(&store, &channel).unwrap());
        assert!(history.earlier_dropped && history.moves.len() == 1 && history.moves[0].note.is_none());
        // What can't be read is not taken for nothing.
        std::fs::write(&file, "{\n").unwrap();
        assert!(matches!(entries(&store, &channel), Err(TargetError::Damaged { .. })));
    }

    #[test]
    fn no_pointer_names_an_image_that_is_gone_or_going() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let (one, never): (ImageId, ImageId) = ("img-00000001".parse().unwrap(), "img-000000ff".parse().unwrap());
        let mut going = images::expect(&store, &one).unwrap();
        going.image.available = false;
        images::put(&store, &going).unwrap();
        let (channel, version) =
            (name(Slot::Channel("dev".parse().unwrap())), name(Slot::Version("1.0.0".parse().unwrap())));
        for image in [&one, &never] {
            assert!(matches!(replace(&store, &channel, None, image, &note()), Err(TargetError::NotFound { .. })));
            assert!(matches!(create(&store, &version, image, &note()), Err(TargetError::NotFound { .. })));
        }
        assert_eq!(channel_naming(&store, &one).unwrap(), None);
        let two: ImageId = "img-00000002".parse().unwrap();
        let moved = replace(&store, &channel, None, &two, &note()).unwrap();
        assert_eq!(channel_naming(&store, &two).unwrap(), Some(moved));
    }
}
