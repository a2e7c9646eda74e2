//! Verify in other places: what is there by itself, and whether it is what home says. Looks and changes nothing.

use super::error::ReleaseError;
use super::history::History;
use super::places::{Place, Places};
use super::verify::{Drift, Verified, verify};
use crate::identity::{Arch, Channel, ImageId, RecipeName, Region};
use crate::recipe::ChannelRule;
use crate::target::{Pointer, PointerName, Slot, TargetError};

/// Looks at all places beside home, and adds what is wrong there.
pub async fn verify_places(
    places: &Places<'_>,
    rules: &[ChannelRule],
    recipes: &[RecipeName],
    verified: &mut Verified,
) -> Result<(), ReleaseError> {
    for region in places.known.regions.keys() {
        let place = Place { account: None, region: region.clone() };
        let there = places.at(&place).await?;
        let found = verify(&*there, rules, recipes).await?;
        verified.pointers += found.pointers;
        let here = |drift: Drift| Drift { what: format!("{} in {place}", drift.what), ..drift };
        verified.drift.extend(found.drift.into_iter().map(here));
    }
    for recipe in recipes {
        let at_home: Vec<Pointer> = places.home.pointers_read(recipe).await?.into_iter().flatten().collect();
        for pointer in &at_home {
            let Slot::Channel(channel) = &pointer.name.slot else { continue };
            let Some(rule) = rules.iter().find(|rule| rule.name == *channel) else { continue };
            let mut look = Look { places, recipe, channel, arch: pointer.name.arch, at_home: &at_home, verified };
            for region in places.regions(&rule.reach) {
                let image = look.expected(pointer, &region).await?;
                if region != places.known.home {
                    look.follows(&Place { account: None, region: region.clone() }, pointer, image.as_ref()).await?;
                }
                for account in places.accounts(&rule.reach) {
                    let place = Place { account: Some(account), region: region.clone() };
                    look.follows(&place, pointer, image.as_ref()).await?;
                }
            }
        }
    }
    Ok(())
}

struct Look<'a, 'p> {
    places: &'a Places<'p>,
    recipe: &'a RecipeName,
    channel: &'a Channel,
    arch: Arch,
    at_home: &'a [Pointer],
    verified: &'a mut Verified,
}

impl Look<'_, '_> {
    /// The image in a region that is the same as what home names; none where it is not there.
    async fn expected(&self, at_home: &Pointer, region: &Region) -> Result<Option<ImageId>, TargetError> {
        if *region == self.places.known.home {
            return Ok(Some(at_home.image.clone()));
        }
        let is_it = |pointer: &&Pointer| {
            matches!(pointer.name.slot, Slot::Version(_))
                && pointer.image == at_home.image
                && pointer.name.arch == self.arch
        };
        let Some(version) = self.at_home.iter().find(is_it) else { return Ok(None) };
        let there = self.places.at(&Place { account: None, region: region.clone() }).await?;
        Ok(there.pointer(&version.name).await?.map(|pointer| pointer.image))
    }

    /// A channel in a place names what it should.
    async fn follows(&mut self, place: &Place, at_home: &Pointer, image: Option<&ImageId>) -> Result<(), TargetError> {
        let there = self.places.at(place).await?;
        let named = there.pointer(&at_home.name).await;
        let wrong = match (&named, image) {
            (Ok(Some(named)), Some(image)) if named.image == *image => None,
            (_, None) => Some("what home names is not there".to_owned()),
            (Ok(Some(named)), Some(image)) => {
                Some(format!("it names {}, and home's image is {image} there", named.image))
            }
            (Ok(None), Some(_)) => Some("it names nothing there".to_owned()),
            (Err(TargetError::Damaged { why, .. }), _) => Some(why.clone()),
            (Err(_), _) => return named.map(drop),
        };
        let history = History::of(&there.history(&at_home.name).await?);
        let edited = (place.account.is_some() && !history.is_whole()).then(|| history.verdict());
        for wrong in wrong.into_iter().chain(edited) {
            let what = format!("{} in {place}", at_home.name);
            let version = version_of(self.at_home, &at_home.image, self.arch);
            let mend = format!("amifactory promote {}{version} --to {} brings it there", self.recipe, self.channel);
            self.verified.drift.push(Drift { recipe: self.recipe.clone(), what, wrong, mend });
        }
        if named.is_ok_and(|named| named.is_some()) && place.account.is_some() {
            self.verified.pointers += 1;
        }
        Ok(())
    }
}

/// `@1.0.3`; nothing where no version names the image.
fn version_of(pointers: &[Pointer], image: &ImageId, arch: Arch) -> String {
    let version = pointers.iter().find_map(|pointer| match &pointer.name {
        PointerName { slot: Slot::Version(version), arch: of, .. } if pointer.image == *image && *of == arch => {
            Some(version)
        }
        _ => None,
    });
    version.map_or_else(String::new, |version| format!("@{version}"))
}
