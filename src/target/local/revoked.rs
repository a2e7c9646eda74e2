//! Marks of versions that must not be used: tags go with their image, and these stay.

use super::store::{self, Store};
use crate::identity::{Arch, RecipeName};
use crate::pipeline::tags;
use crate::target::{Image, PointerName, Revocation, Revocations, Slot, TargetError};
use std::path::PathBuf;

fn folder(store: &Store, recipe: &RecipeName, arch: Arch) -> PathBuf {
    store.pointers().join(recipe.as_str()).join(arch.as_str()).join("revoked")
}

fn read(path: &std::path::Path) -> Result<Option<Revocation>, TargetError> {
    let damaged = |what: String, why: String| TargetError::Damaged {
        what,
        why,
        help: "someone wrote it by hand, and it revokes nothing: remove it, and revoke the version again".into(),
    };
    let found = store::read::<Revocation>(path).map_err(|error| match error {
        TargetError::Damaged { what, why, .. } => damaged(what, why),
        error => error,
    })?;
    match found.as_ref().and_then(Revocation::flaw) {
        None => Ok(found),
        Some(flaw) => Err(damaged(path.display().to_string(), flaw.to_owned())),
    }
}

/// All of a recipe.
pub fn of_recipe(store: &Store, recipe: &RecipeName) -> Result<Revocations, TargetError> {
    let mut found = Revocations::new();
    for arch in Arch::ALL {
        let folder = folder(store, recipe, *arch);
        for file in store::names(&folder)? {
            let Some(Ok(version)) = file.strip_suffix(".json").map(str::parse) else { continue };
            let name = PointerName { recipe: recipe.clone(), arch: *arch, slot: Slot::Version(version) };
            match read(&folder.join(&file)) {
                Ok(revocation) => found.extend(revocation.map(|revocation| (name, Ok(revocation)))),
                Err(error @ TargetError::Damaged { .. }) => drop(found.insert(name, Err(error))),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(found)
}

/// Why an image is revoked, as the mark of its version says; one that nobody can read, or that names another image, says
/// nothing of it.
pub fn reason(store: &Store, image: &Image) -> Result<Option<String>, TargetError> {
    let Some(owner) = tags::owner(&image.tags) else { return Ok(None) };
    let marks = of_recipe(store, &owner.recipe)?;
    Ok(marks.into_values().flatten().find(|mark| mark.image == image.id).map(|mark| mark.reason))
}

/// Writes one, once: what was there first stays. One that nobody can read is an error, and so is one of another image; both
/// stay too.
pub fn mark(store: &Store, name: &PointerName, revocation: &Revocation) -> Result<(), TargetError> {
    let Slot::Version(version) = name.slot else { return Ok(()) };
    let folder = folder(store, &name.recipe, name.arch);
    let path = folder.join(format!("{version}.json"));
    let _lock = store.lock()?;
    if let Some(there) = read(&path)? {
        let (what, delete) = (path.display().to_string(), format!("rm {}", path.display()));
        return there.is_of(&revocation.image, name, what, &delete);
    }
    store::make_folder(&folder)?;
    store::write(&path, revocation)
}
