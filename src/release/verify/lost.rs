//! Version pointers that someone deleted: no pointer of a version goes away by itself while its image is there. What is left
//! says that they were there.

use super::places::Everywhere;
use super::{Drift, from_home};
use crate::identity::{ImageId, RecipeName, Region};
use crate::pipeline::tags::{self, ImageState};
use crate::recipe::ChannelRule;
use crate::release::distribute::copy_of;
use crate::release::places::Place;
use crate::release::seen::Seen;
use crate::target::{Entry, Image, Pointer, PointerName, Slot, TargetError};
use std::collections::BTreeMap;

/// Whether what a pointer of a version names is an image of that version in the region of one's own: a copy of what home has
/// under that name, where home has it.
pub(super) fn is_of_version(own: &Seen, home: &Seen, pointer: &Pointer) -> bool {
    let PointerName { recipe, arch, slot: Slot::Version(version) } = &pointer.name else { return false };
    let Some(image) = own.image(&pointer.image).filter(|image| is_ready(image)) else { return false };
    let says = tags::owner(&image.tags).is_some_and(|owner| owner.recipe == *recipe && owner.version == *version)
        && tags::arch(&image.tags).is_none_or(|of| of == *arch);
    let at_home = home.pointers(recipe).find(|found| found.name == pointer.name);
    says && at_home.is_none_or(|at_home| at_home.image == image.id || is_copy(image, &at_home.image, home))
}

fn is_ready(image: &Image) -> bool {
    image.available && ImageState::of(&image.tags) >= ImageState::Verified
}

fn is_copy(image: &Image, source: &ImageId, home: &Seen) -> bool {
    let origin = home.region.as_ref().map(|region| copy_of(source, region));
    origin.is_some() && image.tags.get(tags::COPY_OF) == origin.as_ref()
}

/// The ready copy of an image at home in another region, by its tags: where no version names it there.
pub(super) fn copy_in(own: &Seen, home: &Seen, recipe: &RecipeName, source: &ImageId) -> Option<ImageId> {
    let mut copies = own.images_of(recipe).filter(|image| is_ready(image) && is_copy(image, source, home));
    copies.next().map(|image| image.id.clone())
}

/// The version pointers of a recipe that were there, in regions of one's own and in accounts.
pub(super) fn pointers(recipe: &RecipeName, all: &Everywhere, home: &Seen, rules: &[ChannelRule]) -> Vec<Drift> {
    let mut found: BTreeMap<(PointerName, Place), String> = BTreeMap::new();
    for (place, there) in all.seen.iter().filter(|(place, _)| place.account.is_some()) {
        let own_place = Place { account: None, region: place.region.clone() };
        let Some(own) = all.seen.get(&own_place) else { continue };
        for pointer in there.pointers(recipe).filter(|pointer| matches!(pointer.name.slot, Slot::Version(_))) {
            if !names(own, &pointer.name) && is_of_version(own, home, pointer) {
                let wrong =
                    format!("it is not there, and {place} names its image {}: someone deleted it", pointer.image);
                found.entry((pointer.name.clone(), own_place.clone())).or_insert(wrong);
            }
        }
        if reaching(rules, place, home).is_none() {
            continue;
        }
        for pointer in own.pointers(recipe).filter(|pointer| matches!(pointer.name.slot, Slot::Version(_))) {
            let is_there = own.image(&pointer.image).is_some_and(|image| is_ready(image) && !is_revoked(image));
            if let Some(wrong) = missing(there, own, pointer, place).filter(|_| is_there) {
                found.insert((pointer.name.clone(), place.clone()), wrong);
            }
        }
    }
    let drift = |((name, place), wrong): ((PointerName, Place), String)| Drift {
        recipe: recipe.clone(),
        what: if Some(&place.region) == home.region.as_ref() && place.account.is_none() {
            name.to_string()
        } else {
            format!("{name} in {place}")
        },
        wrong,
        mend: mend(home, rules, &name, &place, all),
    };
    found.into_iter().map(drift).collect()
}

fn is_revoked(image: &Image) -> bool {
    tags::revoked(&image.tags).is_some()
}

/// Whether a place has a pointer of this name, also one that can't be read: that is told by itself.
fn names(seen: &Seen, name: &PointerName) -> bool {
    let is_it = |read: &Result<Pointer, TargetError>| match read {
        Ok(pointer) => pointer.name == *name,
        Err(TargetError::Damaged { what, .. }) => what.ends_with(&name.to_string()),
        Err(_) => false,
    };
    seen.recipes.get(&name.recipe).is_some_and(|overview| overview.pointers.iter().any(is_it))
}

/// Why a version of the region's own is to have a pointer in an account too, where it has none.
fn missing(there: &Seen, own: &Seen, pointer: &Pointer, place: &Place) -> Option<String> {
    let Pointer { name, image, .. } = pointer;
    if names(there, name) {
        return None;
    }
    // A version is brought to an account before its channel moves there.
    let named = |read: &Result<Vec<Entry>, TargetError>| {
        read.as_ref().is_ok_and(|entries| entries.iter().any(|entry| entry.image == image.as_str()))
    };
    let of_it = |channel: &PointerName| {
        (&channel.recipe, channel.arch) == (&name.recipe, name.arch) && matches!(channel.slot, Slot::Channel(_))
    };
    if let Some((channel, _)) = there.histories.iter().find(|(channel, read)| of_it(channel) && named(read)) {
        return Some(format!("it is not there, and {channel} has named its image {image} there: someone deleted it"));
    }
    let account = place.account.as_ref()?.as_str();
    let is_shared = own.launchers.of.get(image).is_some_and(|whom| whom.iter().any(|whom| whom == account));
    let why = "someone deleted it, or it never came there";
    is_shared.then(|| format!("it is not there, and its image {image} is shared with that account: {why}"))
}

/// A channel that reaches a place.
fn reaching<'r>(rules: &'r [ChannelRule], place: &Place, home: &Seen) -> Option<&'r ChannelRule> {
    let is_home = home.region.as_ref() == Some(&place.region);
    rules.iter().find(|rule| {
        let account = place.account.as_ref().is_none_or(|account| rule.reach.accounts.contains(account));
        account && (is_home || rule.reach.regions.contains(&place.region)) && !rule.reach.is_home()
    })
}

fn mend(home: &Seen, rules: &[ChannelRule], name: &PointerName, place: &Place, all: &Everywhere) -> String {
    let Slot::Version(version) = name.slot else { return String::new() };
    let is_home = home.region.as_ref() == Some(&place.region) && place.account.is_none();
    if is_home {
        let named = all
            .seen
            .values()
            .flat_map(|seen| seen.pointers(&name.recipe))
            .find(|pointer| pointer.name == *name && home.image(&pointer.image).is_some());
        return named.map(|named| put_back(name, &named.image, &place.region)).unwrap_or_default();
    }
    let to = reaching(rules, place, home).map(|rule| format!(" --to {}", rule.name)).unwrap_or_default();
    format!("{}{to} puts it back", from_home::distribute(home, name, version))
}

/// The command that writes a version's pointer again.
fn put_back(name: &PointerName, image: &ImageId, region: &Region) -> String {
    format!(
        "put it back: aws ssm put-parameter --name {name} --region {region} --type String --data-type aws:ec2:image --value \
         {image}"
    )
}
