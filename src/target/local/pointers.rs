//! Pointers on this machine: one JSON document each with its history beside it, changed under the store's lock.

use super::history::{self, Document, Kept};
use super::store::{self, Store};
use super::{images, revoked};
use crate::identity::{Arch, ImageId, RecipeName};
use crate::pipeline::clock;
use crate::release::Note;
use crate::target::{DamagedPointer, Entry, Pin, Pointer, PointerName, Pointers, Slot, TargetError};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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

/// What a pointer names. Of a damaged one that is what its history says.
pub fn get(store: &Store, name: &PointerName) -> Result<Option<Pointer>, TargetError> {
    let path = path(store, name);
    match history::kept(&path, name) {
        Ok(kept) => Ok(kept.pointer),
        // The history is damaged, which keeps nobody from reading what the pointer names.
        Err(error @ TargetError::Damaged { .. }) => match history::document(&path) {
            Ok(Some(document)) => Ok(Some(Pointer { name: name.clone(), ..document.pointer })),
            _ => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// All pointers of a recipe, on all architectures.
pub fn of_recipe(store: &Store, recipe: &RecipeName) -> Result<Vec<Pointer>, TargetError> {
    told_apart(store, recipe)?.or_last()
}

/// The same: those that can be read, and the others.
pub fn told_apart(store: &Store, recipe: &RecipeName) -> Result<Pointers, TargetError> {
    let mut pointers = Pointers { revocations: revoked::of_recipe(store, recipe)?, ..Pointers::default() };
    for arch in Arch::ALL {
        for kind in ["versions", "channels"] {
            let folder = store.pointers().join(recipe.as_str()).join(arch.as_str()).join(kind);
            let files = store::names(&folder)?;
            let stem = |file: &String| file.strip_suffix(".json").or(file.strip_suffix(".history")).map(str::to_owned);
            let slots: BTreeSet<Slot> = files.iter().filter_map(stem).filter_map(|name| slot(kind, &name)).collect();
            for slot in slots {
                let name = PointerName { recipe: recipe.clone(), arch: *arch, slot };
                let damage = history::kept(&path(store, &name), &name).map(|kept| kept.damage);
                match (damage, get(store, &name)) {
                    (Ok(Some(error)), last) => pointers.damaged.push(DamagedPointer { name, error, last: last? }),
                    (_, Err(error @ TargetError::Damaged { .. })) => {
                        pointers.damaged.push(DamagedPointer { name, error, last: None });
                    }
                    (_, pointer) => pointers.readable.extend(pointer?),
                }
            }
        }
        let pins = store.pointers().join(recipe.as_str()).join(arch.as_str()).join("pins");
        for file in store::names(&pins)? {
            let Some(slot) = file.strip_suffix(".json").and_then(|name| slot("pins", name)) else { continue };
            match pin(store, &PointerName { recipe: recipe.clone(), arch: *arch, slot }) {
                Err(error @ TargetError::Damaged { .. }) => pointers.beside.push(error),
                pin => drop(pin?),
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
    let path = path(store, name);
    let kept = history::kept(&path, name)?;
    match &kept.pointer {
        Some(pointer) if pointer.image == *image => match kept.entries.get(..kept.filed).and_then(<[Entry]>::last) {
            // A version is written once: its document is put back as it was.
            Some(last) if kept.damage.is_some() => store::write(&path, &Document::after(name, image, last)),
            _ => Ok(()),
        },
        Some(pointer) => Err(TargetError::Conflict { what: name.to_string(), found: pointer.image.to_string() }),
        None => put(&path, name, &kept, image, note).map(drop),
    }
}

/// Writes the documents of versions again that can't be read or are gone, where their history holds their one write.
pub fn put_back_versions(store: &Store, recipe: &RecipeName) -> Result<Vec<PointerName>, TargetError> {
    let damaged = told_apart(store, recipe)?.damaged.into_iter().map(|damaged| damaged.name);
    let mut put_back = Vec::new();
    for name in damaged.filter(|name| matches!(name.slot, Slot::Version(_))) {
        let _lock = store.lock()?;
        let path = path(store, &name);
        // Who can't read the history either is told by whoever verifies.
        let Ok(kept) = history::kept(&path, &name) else { continue };
        let filed = kept.entries.get(..kept.filed).unwrap_or_default();
        let ([only], true) = (filed, kept.damage.is_some()) else { continue };
        let image = Note::read(&only.note).filter(|_| only.wrong.is_none()).and_then(|_| only.image.parse().ok());
        if let Some(image) = image {
            store::write(&path, &Document::after(&name, &image, only))?;
            put_back.push(name);
        }
    }
    Ok(put_back)
}

/// Moves a pointer from what it is expected to name, unless someone holds it. Under the store's lock this is
/// compare-and-set, for pins too.
pub fn replace(
    store: &Store,
    name: &PointerName,
    expected: Option<&Pointer>,
    image: &ImageId,
    note: &Note,
) -> Result<Pointer, TargetError> {
    let _lock = store.lock()?;
    if let Some(pin) = pin(store, name)?.filter(|pin| pin.holds(clock::now())) {
        return Err(held(name, pin));
    }
    // Under the lock: it may have been removed or revoked since anyone has looked.
    images::expect_usable(store, image)?;
    let path = path(store, name);
    let kept = history::kept(&path, name)?;
    let seen = |pointer: &Pointer| (pointer.image.clone(), pointer.revision);
    // Whoever could not read a damaged one expects nothing of it.
    let unread = kept.damage.is_some() && expected.is_none();
    if !unread && kept.pointer.as_ref().map(seen) != expected.map(seen) {
        let found = kept.pointer.map_or_else(|| "nothing".to_owned(), |pointer| pointer.image.to_string());
        return Err(TargetError::Conflict { what: name.to_string(), found });
    }
    put(&path, name, &kept, image, note)
}

fn held(name: &PointerName, pin: Pin) -> TargetError {
    TargetError::Held { what: name.to_string(), by: pin.by, why: pin.why }
}

/// First what has no line in the history yet, then the document with its entry, then the line of that.
fn put(path: &Path, name: &PointerName, kept: &Kept, image: &ImageId, note: &Note) -> Result<Pointer, TargetError> {
    if let Some(folder) = path.parent() {
        store::make_folder(folder)?;
    }
    let last = kept.entries.last();
    let at = clock::timestamp();
    // The moment of the write, and so the chain holds it too.
    let note = Note { at: at.clone(), ..note.after(last.map(|last| (last.image.as_str(), last.note.as_str()))) };
    let revision = last.map_or(1, |last| last.revision + 1);
    let entry = Entry { revision, image: image.to_string(), at, note: note.text(), ..Entry::default() };
    history::append(path, &kept.entries[kept.filed..])?;
    let document = Document::after(name, image, &entry);
    store::write(path, &document)?;
    // The pointer has moved, and its document holds the entry: a line that a full disk keeps from the history is written
    // with the next move.
    history::append(path, &[entry]).ok();
    Ok(document.pointer)
}

/// All writes of a pointer that are in effect, oldest first.
pub fn entries(store: &Store, name: &PointerName) -> Result<Vec<Entry>, TargetError> {
    Ok(history::kept(&path(store, name), name)?.entries)
}

fn pin_path(store: &Store, name: &PointerName) -> Option<PathBuf> {
    let Slot::Channel(channel) = &name.slot else { return None };
    let folder = store.pointers().join(name.recipe.as_str()).join(name.arch.as_str());
    Some(folder.join("pins").join(format!("{channel}.json")))
}

/// The pin of a channel.
pub fn pin(store: &Store, name: &PointerName) -> Result<Option<Pin>, TargetError> {
    let read = |path: PathBuf| store::read(&path);
    pin_path(store, name).map_or(Ok(None), read).map_err(|error| match (error, &name.slot) {
        (TargetError::Damaged { what, why, .. }, Slot::Channel(channel)) => {
            let help = format!("amifactory unpin {} --channel {channel} removes it: nobody is held by it", name.recipe);
            TargetError::Damaged { what, why, help }
        }
        (error, _) => error,
    })
}

/// Holds a channel that nobody holds: of several at once one has success.
pub fn take_pin(store: &Store, name: &PointerName, wanted: &Pin) -> Result<(), TargetError> {
    let _lock = store.lock()?;
    let there = match pin(store, name) {
        Err(TargetError::Damaged { .. }) => None,
        there => there?,
    };
    match there.filter(|pin| pin.holds(clock::now())) {
        Some(pin) => Err(held(name, pin)),
        None => write_pin(store, name, wanted),
    }
}

/// Replaces the pin of a channel.
pub fn put_pin(store: &Store, name: &PointerName, pin: &Pin) -> Result<(), TargetError> {
    let _lock = store.lock()?;
    write_pin(store, name, pin)
}

fn write_pin(store: &Store, name: &PointerName, pin: &Pin) -> Result<(), TargetError> {
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

    /// A channel that has named three images, and what its two files hold.
    fn moved_thrice(store: &Store) -> (PointerName, PathBuf, PathBuf) {
        let channel = name(Slot::Channel("dev".parse().unwrap()));
        let mut last = None;
        for n in 1..=3 {
            last = Some(replace(store, &channel, last.as_ref(), &image(n), &note()).unwrap());
        }
        let pointer = path(store, &channel);
        let file = history::path(&pointer);
        (channel, pointer, file)
    }

    fn image(n: u32) -> ImageId {
        format!("img-0000000{n}").parse().unwrap()
    }

    fn told(store: &Store, channel: &PointerName) -> History {
        History::of(&entries(store, channel).unwrap())
    }

    #[test]
    fn a_crash_between_pointer_and_history_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let (channel, _, file) = moved_thrice(&store);
        let whole = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = whole.lines().collect();
        std::fs::write(&file, format!("{}\n{}\n", lines[0], lines[1])).unwrap();
        let history = told(&store, &channel);
        assert_eq!((history.moves.len(), history.is_whole()), (3, true), "{}", history.verdict());
        let current = get(&store, &channel).unwrap();
        replace(&store, &channel, current.as_ref(), &image(4), &note()).unwrap();
        assert!(std::fs::read_to_string(&file).unwrap().starts_with(&whole));
        let history = told(&store, &channel);
        assert_eq!((history.moves.len(), history.is_whole()), (4, true), "{}", history.verdict());
    }

    #[test]
    fn an_edit_of_the_history_shows_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let (channel, _, file) = moved_thrice(&store);
        let whole = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = whole.lines().collect();
        type Edit = fn(&str) -> String;
        let edits: [(&str, Edit); 5] = [
            ("time", |line| line.replacen("\"at\":\"20", "\"at\":\"19", 1)),
            ("who", |line| line.replacen('{', "{\"by\":\"ceo\",", 1)),
            ("kind", |line| line.replacen("promote", "publish", 1)),
            ("note", |line| line.replacen("\\\"kind", "\\\"by\\\":\\\"ceo\\\",\\\"kind", 1)),
            ("image", |line| line.replacen("img-0000000", "img-0000001", 1)),
        ];
        for (what, edit) in edits {
            for n in 0..3 {
                let mut edited: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
                edited[n] = edit(lines[n]);
                assert_ne!(edited[n], lines[n], "{what}");
                std::fs::write(&file, edited.join("\n")).unwrap();
                let history = told(&store, &channel);
                assert!(!history.is_whole(), "{what} of {n}: {}", history.verdict());
            }
        }
        // What is cut: nothing is dropped here by itself.
        for cut in [&lines[1..], &lines[2..], &lines[..1], &[]] {
            std::fs::write(&file, cut.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
            let history = told(&store, &channel);
            assert!(!history.is_whole() && !history.earlier_dropped, "{cut:?}: {}", history.verdict());
        }
        std::fs::remove_file(&file).unwrap();
        assert!(!told(&store, &channel).is_whole());
        std::fs::write(&file, &whole).unwrap();
        assert!(told(&store, &channel).is_whole());
        // What can't be read is not taken for nothing, and what the pointer names is read all the same.
        std::fs::write(&file, "{\n").unwrap();
        assert!(matches!(entries(&store, &channel), Err(TargetError::Damaged { .. })));
        assert_eq!(get(&store, &channel).unwrap().unwrap().image, image(3));
    }

    #[test]
    fn a_pointer_that_is_written_by_hand_is_an_entry_of_its_own_and_takes_none_away() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let (channel, pointer, file) = moved_thrice(&store);
        let (document, whole) = (std::fs::read_to_string(&pointer).unwrap(), std::fs::read_to_string(&file).unwrap());
        let third = get(&store, &channel).unwrap().unwrap();
        let by_hand = |image: ImageId| serde_json::to_string(&Pointer { image, ..third.clone() }).unwrap();
        let edited = document.replacen("img-00000003", "img-00000001", 1);
        // Another image in the document; a document of one's own; and of an earlier time, with a cut history or without.
        for (text, filed) in [(edited.clone(), 3), (by_hand(image(1)), 3), (by_hand(image(3)), 3), (edited, 2)] {
            let filed: String = whole.lines().take(filed).map(|line| format!("{line}\n")).collect();
            std::fs::write(&file, &filed).unwrap();
            std::fs::write(&pointer, &text).unwrap();
            let history = told(&store, &channel);
            assert_eq!((history.moves.len(), history.is_whole()), (4, true), "{text}: {}", history.verdict());
            assert_eq!((history.moves[3].note.as_ref(), history.moves[3].at.as_str()), (None, ""));
            let current = get(&store, &channel).unwrap().unwrap();
            assert_eq!((current.revision, current.image.to_string()), (4, history.moves[3].image.clone()));
            replace(&store, &channel, Some(&current), &image(5), &note()).unwrap();
            assert!(std::fs::read_to_string(&file).unwrap().starts_with(&filed), "{text}");
            let history = told(&store, &channel);
            assert_eq!((history.moves.len(), history.is_whole()), (5, true), "{text}: {}", history.verdict());
            assert_eq!(history.moves[2].image, image(3).to_string());
        }
        // Put back to what it was one move ago.
        std::fs::write(&pointer, &document).unwrap();
        std::fs::write(&file, &whole).unwrap();
        replace(&store, &channel, Some(&third), &image(4), &note()).unwrap();
        std::fs::write(&pointer, &document).unwrap();
        let history = told(&store, &channel);
        assert_eq!((history.moves.len(), history.last().unwrap().note.as_ref()), (5, None));
    }

    #[test]
    fn a_pointer_that_is_damaged_or_gone_is_read_from_its_history_and_the_next_move_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let (channel, pointer, file) = moved_thrice(&store);
        let (document, whole) = (std::fs::read(&pointer).unwrap(), std::fs::read(&file).unwrap());
        let recipe = "web".parse().unwrap();
        for damage in [Some("garbage"), Some(""), None] {
            for expects_nothing in [true, false] {
                match damage {
                    Some(text) => std::fs::write(&pointer, text).unwrap(),
                    None => std::fs::remove_file(&pointer).unwrap(),
                }
                let apart = told_apart(&store, &recipe).unwrap();
                assert_eq!((apart.readable.len(), apart.damaged.len()), (0, 1), "{damage:?}");
                assert!(matches!(apart.damaged[0].error, TargetError::Damaged { .. }));
                let last = apart.damaged[0].last.clone().unwrap();
                assert_eq!((&last.image, of_recipe(&store, &recipe).unwrap()), (&image(3), vec![last.clone()]));
                let expected = Some(&last).filter(|_| !expects_nothing);
                let moved = replace(&store, &channel, expected, &image(4), &note()).unwrap();
                assert_eq!(moved.revision, 5, "{damage:?}");
                let history = told(&store, &channel);
                assert_eq!((history.moves.len(), history.is_whole()), (5, true), "{}", history.verdict());
                assert_eq!(history.moves[3].note, None, "the history says that something was done by hand");
                assert_eq!(told_apart(&store, &recipe).unwrap().readable, [moved]);
                std::fs::write(&pointer, &document).unwrap();
                std::fs::write(&file, &whole).unwrap();
            }
        }
        // Without a history nothing is known of it; others are read all the same.
        let other = name(Slot::Channel("prod".parse().unwrap()));
        replace(&store, &other, None, &image(1), &note()).unwrap();
        std::fs::write(&pointer, "garbage").unwrap();
        std::fs::remove_file(&file).unwrap();
        let apart = told_apart(&store, &recipe).unwrap();
        assert_eq!((apart.readable.len(), apart.damaged.len()), (1, 1));
        assert_eq!((&apart.damaged[0].name, &apart.damaged[0].last), (&channel, &None));
        assert!(replace(&store, &channel, None, &image(1), &note()).is_err());
    }

    #[test]
    fn a_version_that_is_damaged_is_put_back_as_it_was_and_goes_to_no_other_image() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let version = name(Slot::Version("1.0.0".parse().unwrap()));
        create(&store, &version, &image(1), &note()).unwrap();
        let document = std::fs::read(path(&store, &version)).unwrap();
        for damage in [Some("garbage"), None] {
            match damage {
                Some(text) => std::fs::write(path(&store, &version), text).unwrap(),
                None => std::fs::remove_file(path(&store, &version)).unwrap(),
            }
            let other = create(&store, &version, &image(2), &note());
            assert!(matches!(other, Err(TargetError::Conflict { .. })), "{other:?}");
            create(&store, &version, &image(1), &note()).unwrap();
            assert_eq!(std::fs::read(path(&store, &version)).unwrap(), document);
        }
    }

    #[test]
    fn of_two_who_hold_a_channel_at_once_one_is_told_and_nobody_moves_it_after_that() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let channel = name(Slot::Channel("dev".parse().unwrap()));
        let held =
            |why: &str| Pin { by: "ops".into(), why: why.into(), at: clock::timestamp(), until: None, lifted: None };
        take_pin(&store, &channel, &held("first")).unwrap();
        let refused = |error| matches!(error, Err(TargetError::Held { why, .. }) if why == "first");
        assert!(refused(take_pin(&store, &channel, &held("second"))));
        assert!(refused(replace(&store, &channel, None, &image(1), &note()).map(drop)));
        let lifted = Some((clock::timestamp(), "ops".to_owned()));
        put_pin(&store, &channel, &Pin { lifted, ..held("first") }).unwrap();
        replace(&store, &channel, None, &image(1), &note()).unwrap();
        take_pin(&store, &channel, &held("second")).unwrap();
    }

    #[test]
    fn a_pin_that_can_not_be_read_is_found_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let channel = name(Slot::Channel("dev".parse().unwrap()));
        let pin = Pin { by: "ops".into(), why: "x".into(), at: clock::timestamp(), until: None, lifted: None };
        put_pin(&store, &channel, &pin).unwrap();
        std::fs::write(pin_path(&store, &channel).unwrap(), "junk").unwrap();
        let apart = told_apart(&store, &"web".parse().unwrap()).unwrap();
        assert_eq!((apart.damaged.len(), apart.beside.len()), (0, 1));
        assert!(apart.beside[0].to_string().contains("amifactory unpin web --channel dev"), "{}", apart.beside[0]);
        take_pin(&store, &channel, &pin).unwrap();
        assert_eq!(super::pin(&store, &channel).unwrap(), Some(pin));
    }

    #[test]
    fn nobody_moves_a_channel_to_an_image_that_was_revoked_since_it_was_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let reason: String = "a key\nwas left".into();
        images::tag(&store, &image(1), &[(crate::pipeline::tags::REVOKED.to_owned(), reason)].into()).unwrap();
        let channel = name(Slot::Channel("dev".parse().unwrap()));
        let error = replace(&store, &channel, None, &image(1), &note()).unwrap_err().to_string();
        assert!(error.contains("is revoked: a key\\nwas left"), "{error}");
        assert_eq!(get(&store, &channel).unwrap(), None);
    }

    /// Whoever revoked it died before its tags said so, or someone took them off.
    #[test]
    fn nobody_moves_a_channel_to_an_image_that_is_marked_as_revoked() {
        use crate::pipeline::tags;
        use crate::target::Revocation;
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let own = [
            (tags::RECIPE, "web".to_owned()),
            (tags::VERSION, "1.0.0".to_owned()),
            (tags::DIGEST, crate::identity::Digest::of("plan").to_string()),
            (tags::BUILD, "web-000000000001-1".to_owned()),
        ];
        let own = own.map(|(key, value)| (key.to_owned(), value)).into();
        images::tag(&store, &image(1), &own).unwrap();
        images::tag(&store, &image(2), &own).unwrap();
        let at = "2026-11-20T12:00:00Z".to_owned();
        let mark = Revocation { image: image(1), reason: "a key\nwas left".into(), by: "ann".into(), at };
        let version = name(Slot::Version("1.0.0".parse().unwrap()));
        revoked::mark(&store, &version, &mark).unwrap();
        let channel = name(Slot::Channel("dev".parse().unwrap()));
        for written in [
            replace(&store, &channel, None, &image(1), &note()).map(drop),
            create(&store, &version, &image(1), &note()),
        ] {
            let error = written.unwrap_err().to_string();
            assert!(error.contains("is revoked: a key\\nwas left"), "{error}");
        }
        assert_eq!((get(&store, &channel).unwrap(), get(&store, &version).unwrap()), (None, None));
        // It counts for the image that it names, and for no other that says that it is this version.
        replace(&store, &channel, None, &image(2), &note()).unwrap();
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
