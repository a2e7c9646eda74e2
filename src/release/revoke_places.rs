//! Revoking in other places: copies are marked as their source is, and it is told who uses any of them. What can't be
//! read is told too: nobody is said not to use what nobody could look at.

use super::distribute::copy_of;
use super::places::{Place, Places};
use super::revoke::Revoked;
use crate::identity::{AccountId, Arch, Channel, ImageId, RecipeName, Region};
use crate::pipeline::tags;
use crate::recipe::{ChannelRule, OtherService};
use crate::target::{Image, Slot, Tags, Target, TargetError, Unread, Uses};
use futures_util::future::join_all;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A copy of a revoked image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevokedCopy {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// The copy.
    pub image: ImageId,
    /// What it is a copy of.
    pub of: ImageId,
    /// Why it is not marked; none where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// A channel in another place that names a revoked image or its copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedThere {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// The recipe.
    pub recipe: RecipeName,
    /// The architecture.
    pub arch: Arch,
    /// The channel.
    pub channel: Channel,
    /// What it names.
    pub image: ImageId,
}

/// Something that uses a revoked image or its copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsedBy {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// The image there.
    pub image: ImageId,
    /// What kind of thing it is: `instance`, `launch template`.
    pub kind: &'static str,
    /// Its name or ARN.
    pub id: String,
}

/// What could not be read, so that it may use any of the images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// What.
    pub what: String,
    /// Why, and what to do.
    pub why: String,
    /// Where; in words, because it is often the same in many places.
    pub places: Vec<String>,
}

/// What a revoke has found beside the images at home.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// Copies, marked or not.
    pub copies: Vec<RevokedCopy>,
    /// Channels that name one of them.
    pub channels: Vec<NamedThere>,
    /// Who uses one of them, home included.
    pub uses: Vec<UsedBy>,
    /// What is not known.
    pub unknown: Vec<Unknown>,
}

impl Reached {
    /// Whether every copy that was found is marked, and every region could be looked at.
    pub fn is_complete(&self) -> bool {
        self.copies.iter().all(|copy| copy.failed.is_none())
            && !self.unknown.iter().any(|unknown| unknown.what == COPIES)
    }
}

/// What a factory declares that nothing there uses its images: nobody has to look there.
#[derive(Debug, Clone, Default)]
pub struct NotUsed {
    /// `not_used_here:` services.
    pub services: BTreeSet<OtherService>,
    /// `not_used_by:` accounts, and ARNs of organizations and their units.
    pub by: BTreeSet<String>,
}

/// What is not known of a region that could not be looked at.
pub const COPIES: &str = "copies, and what uses them";

/// What one place has shown.
#[derive(Default)]
struct There {
    copies: Vec<RevokedCopy>,
    channels: Vec<NamedThere>,
    uses: Vec<UsedBy>,
    unknown: Vec<(String, String)>,
}

/// Looks for everything that uses these images at home alone.
pub async fn at_home(home: &dyn Target, revoked: &[Revoked], not_used: &NotUsed) -> Reached {
    let place = home.region().map(|region| Place { account: None, region });
    let images: Vec<ImageId> = revoked.iter().map(|revoked| revoked.image.clone()).collect();
    let mut there = There::default();
    used(home, place.as_ref(), &images, not_used, &mut there).await;
    gathered(vec![(place, there)])
}

/// Marks all copies, in all regions at once, and looks everywhere who uses what.
pub async fn everywhere(
    places: &Places<'_>,
    rules: &[ChannelRule],
    revoked: &[Revoked],
    not_used: &NotUsed,
) -> Reached {
    let home = places.home_place();
    let images: Vec<ImageId> = revoked.iter().map(|revoked| revoked.image.clone()).collect();
    let marks = marks(places.home, revoked).await;
    let each = places.known.regions.keys().map(|region| in_region(places, region, revoked, &marks, not_used));
    let regions: Vec<(Region, There, BTreeMap<ImageId, ImageId>)> = join_all(each).await;
    let mut at_home = There::default();
    used(places.home, Some(&home), &images, not_used, &mut at_home).await;
    let mut all = vec![(Some(home.clone()), at_home)];
    let own: BTreeMap<ImageId, ImageId> = images.iter().map(|image| (image.clone(), image.clone())).collect();
    let named_there: Vec<(Region, BTreeMap<ImageId, ImageId>)> = std::iter::once((home.region.clone(), own))
        .chain(regions.iter().map(|(region, _, copies)| (region.clone(), copies.clone())))
        .collect();
    all.extend(regions.into_iter().map(|(region, there, _)| (Some(Place { account: None, region }), there)));
    let mut accounts: BTreeSet<(AccountId, Region)> = BTreeSet::new();
    for rule in rules {
        for account in &rule.reach.accounts {
            accounts.extend(places.regions(&rule.reach).into_iter().map(|region| (account.clone(), region)));
        }
    }
    let each = accounts.into_iter().map(|(account, region)| {
        let copies = named_there.iter().find(|(other, _)| *other == region).map(|(_, copies)| copies.clone());
        let place = Place { account: Some(account), region };
        async move {
            let there = in_account(places, &place, revoked, &copies.unwrap_or_default(), not_used).await;
            (Some(place), there)
        }
    });
    all.extend(join_all(each).await);
    let wide = rules.iter().flat_map(|rule| {
        let units = rule.reach.organizational_units.iter().map(ToString::to_string);
        rule.reach.organizations.iter().map(ToString::to_string).chain(units)
    });
    let wide: BTreeSet<String> = wide.filter(|whom| !not_used.by.contains(whom)).collect();
    let why = "its accounts can't be listed from here: ask whoever runs them".to_owned();
    let unknown = wide.into_iter().map(|whom| (format!("what {whom} launches"), why.clone())).collect();
    all.push((None, There { unknown, ..There::default() }));
    gathered(all)
}

/// The tags that each image at home was marked with.
async fn marks(home: &dyn Target, revoked: &[Revoked]) -> BTreeMap<ImageId, Tags> {
    let images = home.images().await.unwrap_or_default();
    let of = |revoked: &Revoked| {
        let found = images.iter().find(|image| image.id == revoked.image);
        let mut mark: Tags = [(tags::REVOKED.to_owned(), revoked.reason.clone())].into();
        let by = found.and_then(|image| image.tags.get(tags::REVOKED_BY));
        mark.extend(by.map(|by| (tags::REVOKED_BY.to_owned(), by.clone())));
        (revoked.image.clone(), mark)
    };
    revoked.iter().map(of).collect()
}

/// A region of one's own. Answers also with the copies there: source by copy.
async fn in_region(
    places: &Places<'_>,
    region: &Region,
    revoked: &[Revoked],
    marks: &BTreeMap<ImageId, Tags>,
    not_used: &NotUsed,
) -> (Region, There, BTreeMap<ImageId, ImageId>) {
    let place = Place { account: None, region: region.clone() };
    let mut there = There::default();
    let mut copies = BTreeMap::new();
    let looked = async {
        let target = places.at(&place).await?;
        let images = target.images().await?;
        Ok::<_, TargetError>((target, images))
    };
    let (target, images) = match looked.await {
        Ok(looked) => looked,
        Err(error) => {
            there.unknown.push((COPIES.into(), error.to_string()));
            return (region.clone(), there, copies);
        }
    };
    let origins: BTreeMap<String, &Revoked> =
        revoked.iter().map(|revoked| (copy_of(&revoked.image, &places.known.home), revoked)).collect();
    let is_copy = |image: &Image| image.tags.get(tags::COPY_OF).and_then(|origin| origins.get(origin)).copied();
    for (image, source) in images.iter().filter_map(|image| Some((image, is_copy(image)?))) {
        copies.insert(image.id.clone(), source.image.clone());
        let failed = match (tags::revoked(&image.tags), marks.get(&source.image)) {
            // The reason that was there first stays.
            (Some(_), _) | (None, None) => None,
            (None, Some(mark)) => target.tag_image(&image.id, mark).await.err().map(|error| error.to_string()),
        };
        let (place, image, of) = (place.clone(), image.id.clone(), source.image.clone());
        there.copies.push(RevokedCopy { place, image, of, failed });
    }
    named(&*target, &place, revoked, &copies, &mut there).await;
    let ids: Vec<ImageId> = copies.keys().cloned().collect();
    used(&*target, Some(&place), &ids, not_used, &mut there).await;
    (region.clone(), there, copies)
}

/// Another account in a region, where its role can be assumed; `copies` are the images that it was given there.
async fn in_account(
    places: &Places<'_>,
    place: &Place,
    revoked: &[Revoked],
    copies: &BTreeMap<ImageId, ImageId>,
    not_used: &NotUsed,
) -> There {
    let mut there = There::default();
    match places.at(place).await {
        Ok(target) => {
            named(&*target, place, revoked, copies, &mut there).await;
            let ids: Vec<ImageId> = copies.keys().cloned().collect();
            used(&*target, Some(place), &ids, not_used, &mut there).await;
        }
        // Who can't be asked, and is said not to use anything, is not unknown.
        Err(_) if place.account.as_ref().is_some_and(|account| not_used.by.contains(account.as_str())) => {}
        Err(error) => there.unknown.push(("what is launched there".into(), error.to_string())),
    }
    there
}

/// Channels there that name one of these images.
async fn named(
    target: &dyn Target,
    place: &Place,
    revoked: &[Revoked],
    copies: &BTreeMap<ImageId, ImageId>,
    there: &mut There,
) {
    let recipes: BTreeSet<&RecipeName> = revoked.iter().map(|revoked| &revoked.recipe).collect();
    for recipe in recipes {
        let read = match target.pointers_read(recipe).await {
            Ok(read) => read,
            Err(error) => {
                there.unknown.push((format!("channels of {recipe}"), error.to_string()));
                continue;
            }
        };
        for pointer in read {
            match pointer {
                Ok(pointer) if copies.contains_key(&pointer.image) => {
                    let Slot::Channel(channel) = pointer.name.slot else { continue };
                    let (recipe, arch, image) = (recipe.clone(), pointer.name.arch, pointer.image);
                    there.channels.push(NamedThere { place: place.clone(), recipe, arch, channel, image });
                }
                Ok(_) => {}
                Err(error) => there.unknown.push((format!("a channel of {recipe}"), error.to_string())),
            }
        }
    }
}

/// Who uses these images there.
async fn used(target: &dyn Target, place: Option<&Place>, images: &[ImageId], not_used: &NotUsed, there: &mut There) {
    let Some(shelf) = target.shelf().filter(|_| !images.is_empty()) else { return };
    let image = |id: &ImageId| Image {
        id: id.clone(),
        name: String::new(),
        tags: Tags::new(),
        available: true,
        failed: None,
        created_at: String::new(),
        public: false,
    };
    let all: Vec<Image> = images.iter().map(image).collect();
    // What only their owner can ask is refused to another account, and then nothing would be known there.
    let found = match place.is_some_and(|place| place.account.is_some()) {
        true => shelf.uses_of_shared(&all).await,
        false => shelf.uses(&all).await,
    };
    match found {
        Ok(Uses { uses, unread, .. }) => {
            let declared = |unread: &Unread| unread.service.is_some_and(|service| not_used.services.contains(&service));
            let unread = unread.into_iter().filter(|unread| !declared(unread));
            there.unknown.extend(unread.map(|unread| (unread.what, unread.why)));
            let Some(place) = place else { return };
            for (image, uses) in uses {
                let by = |used: crate::target::Use| UsedBy {
                    place: place.clone(),
                    image: image.clone(),
                    kind: used.kind,
                    id: used.id,
                };
                there.uses.extend(uses.into_iter().map(by));
            }
        }
        Err(error) => there.unknown.push(("what uses the images".into(), error.to_string())),
    }
}

/// Puts places together; what is not known for the same reason in several of them is said once.
fn gathered(all: Vec<(Option<Place>, There)>) -> Reached {
    let mut reached = Reached::default();
    for (place, there) in all {
        reached.copies.extend(there.copies);
        reached.channels.extend(there.channels);
        reached.uses.extend(there.uses);
        for (what, why) in there.unknown {
            let place = place.as_ref().map(ToString::to_string);
            match reached.unknown.iter_mut().find(|unknown| unknown.what == what && unknown.why == why) {
                Some(unknown) => unknown.places.extend(place.filter(|place| !unknown.places.contains(place))),
                None => reached.unknown.push(Unknown { what, why, places: place.into_iter().collect() }),
            }
        }
    }
    reached
}
