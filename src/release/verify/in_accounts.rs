//! Version pointers in other accounts, against those of the region's own: no image lies there, so nothing but the two can
//! say what a version is.

use super::places::Everywhere;
use super::{Drift, from_home, lost};
use crate::identity::RecipeName;
use crate::release::places::Place;
use crate::release::seen::Seen;
use crate::target::{Pointer, PointerName, Slot, TargetError};

/// What is wrong with the version pointers of a recipe in other accounts.
pub(super) fn versions(recipe: &RecipeName, all: &Everywhere, home: &Seen) -> Vec<Drift> {
    let mut found = Vec::new();
    for (place, there) in all.seen.iter().filter(|(place, _)| place.account.is_some()) {
        let own = Place { account: None, region: place.region.clone() };
        // What an account is to name is known only by the region's own pointers.
        let Some(own) = all.seen.get(&own) else { continue };
        let drift = |what: &str, wrong: String, mend: String| Drift {
            recipe: recipe.clone(),
            what: format!("{what} in {place}"),
            wrong,
            mend,
        };
        for pointer in there.pointers(recipe) {
            let Slot::Version(version) = pointer.name.slot else { continue };
            let said = own.pointers(recipe).find(|said| said.name == pointer.name);
            // Then the region's own pointer is what is missing.
            if said.is_none() && lost::is_of_version(own, home, pointer) {
                continue;
            }
            let name = pointer.name.to_string();
            let gone =
                || is_gone(all, recipe, place, pointer).then(|| format!("it names {}, which is gone", pointer.image));
            let Some(wrong) = differs(pointer, said, place).or_else(gone) else { continue };
            let mut mend = delete(&name, place);
            if said.is_some() && from_home::has(home, &pointer.name) {
                mend.push_str(&format!(", then {}", from_home::distribute(home, &pointer.name, version)));
            }
            found.push(drift(&name, wrong, mend));
        }
        let overview = there.recipes.get(recipe).into_iter();
        for read in overview.flat_map(|overview| &overview.pointers) {
            // Damaged channels are told with what they should name.
            if let Err(TargetError::Damaged { what, why, .. }) = read
                && let Some(name) = version(what)
            {
                found.push(drift(&name, why.clone(), delete(&name, place)));
            }
        }
    }
    found
}

/// Whether what an account's pointer names lay in the region of one's own, and is gone from there; not where that is as it
/// is to be: the version was retired or revoked, and its pointers stay.
pub(super) fn is_gone(all: &Everywhere, recipe: &RecipeName, place: &Place, pointer: &Pointer) -> bool {
    let own = Place { account: None, region: place.region.clone() };
    let Some(own) = all.seen.get(&own).filter(|own| own.image(&pointer.image).is_none()) else { return false };
    let is_it = |said: &&Pointer| matches!(said.name.slot, Slot::Version(_)) && said.image == pointer.image;
    let Some(version) = own.pointers(recipe).find(is_it) else { return false };
    let is_kept = all.seen.values().filter_map(|seen| seen.recipes.get(recipe)).any(|overview| {
        let mut retired = overview.retirements.iter().flatten();
        retired.any(|found| found.image == pointer.image && found.restored_at.is_none())
            || overview.revocations.contains_key(&version.name)
    });
    !is_kept
}

/// The name of a version's pointer that someone has damaged: anything in it may be called `versions`.
fn version(what: &str) -> Option<String> {
    let name: PointerName = what.strip_prefix("pointer ").unwrap_or(what).parse().ok()?;
    matches!(name.slot, Slot::Version(_)).then(|| name.to_string())
}

fn delete(name: &str, place: &Place) -> String {
    format!(
        "find out who wrote it, then delete it with the credentials of that account: aws ssm delete-parameter --name \
         {name} --region {}",
        place.region
    )
}

/// How it differs from what the region's own pointer says; none where it does not.
fn differs(pointer: &Pointer, said: Option<&Pointer>, place: &Place) -> Option<String> {
    let region = &place.region;
    match said {
        None => Some(format!("it names {}, and {region} has no such version", pointer.image)),
        Some(said) if said.image != pointer.image => {
            Some(format!("it names {}, and the version is {} in {region}", pointer.image, said.image))
        }
        Some(_) if pointer.revision > 1 => {
            Some(format!("it was written {} times, and a version is written once", pointer.revision))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_what_stands_where_versions_do() {
        let name = "/amifactory/versions/x86_64/versions/1.0.2";
        assert_eq!(version(&format!("pointer {name}")).as_deref(), Some(name));
        for other in ["/amifactory/versions/x86_64/channels/prod", "/amifactory/web/x86_64/channels/versions", "web"] {
            assert_eq!(version(&format!("pointer {other}")), None, "{other}");
        }
    }
}
