//! Looks at a target: which images there are, and all that speaks for or against each.

use super::decide::{Reason, Verdict, decide};
use super::facts::{self, Facts, Released};
use super::home::Home;
use super::ladder;
use super::shared;
use crate::identity::{Arch, BuildId, ImageId, RecipeName, Version};
use crate::pipeline::tags;
use crate::recipe::{AwsBaseImage, BaseSpec, ChannelRule, Factory, Retention};
use crate::release::{History, trace};
use crate::target::{Image, PointerName, Retirement, Rung, Shelf, Slot, Target, TargetError, Unread, Use};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What is to be looked at.
pub struct Wanted<'a> {
    /// What keeps images, and which of them recipes name.
    pub factory: &'a Factory,
    /// These recipes' images; also of recipes that have no file any more.
    pub recipes: &'a [RecipeName],
    /// Only these images.
    pub only: Option<&'a BTreeSet<ImageId>>,
    /// Recipes that someone is at work on, and who.
    pub busy: &'a BTreeMap<RecipeName, String>,
    /// What home says of copies, where that was read already.
    pub home: Option<&'a Home>,
}

/// An image, or what is left of one.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its id.
    pub image: ImageId,
    /// Its version's pointer.
    pub name: PointerName,
    /// Its version.
    pub version: Version,
    /// When it was made, RFC 3339; empty where that is not known any more.
    pub created_at: String,
    /// What keeps images of its recipe; none where they stay for ever.
    pub retention: Option<Retention>,
    /// All that is known of it.
    pub facts: Facts,
    /// Its build, where its tags say.
    pub build: Option<BuildId>,
    /// What is written down of its way out, where it is on it.
    pub retirement: Option<Retirement>,
    /// Who else may launch it: accounts, ARNs, `all`. Known only of what the factory itself does not keep.
    pub launchers: Vec<String>,
}

impl Item {
    /// How long each of its steps lasts.
    pub fn soak(&self) -> Duration {
        self.retention.as_ref().map(|retention| retention.soak).unwrap_or_default()
    }

    /// Whether it is on its way out, and comes back for these reasons.
    pub fn is_brought_back(&self, shelf: &dyn Shelf, reasons: &[Reason]) -> bool {
        shelf.rungs().len() > 1 && self.retirement.is_some() && ladder::brings_back(reasons)
    }
}

/// Looks. Of images whose tags don't say whose they are nothing is said: they are not ours to remove.
pub async fn survey(target: &dyn Target, shelf: &dyn Shelf, wanted: &Wanted<'_>) -> Result<Vec<Item>, TargetError> {
    let images = target.images().await?;
    let mut all = released(target, shelf.rungs().len() > 1, wanted.recipes).await?;
    if wanted.factory.distribution.as_ref().is_none_or(|known| target.region().as_ref() == Some(&known.home)) {
        tell_deleted(&mut all, &images, &wanted.factory.channels);
    }
    let read = match wanted.home {
        Some(_) => None,
        None => Home::of(target, wanted.factory, wanted.recipes).await,
    };
    let home = target.region().zip(wanted.home.or(read.as_ref()));
    let mut items: Vec<(Item, Option<&Image>)> = Vec::new();
    for recipe in wanted.recipes {
        let retention = retention(wanted.factory, recipe);
        let per_channel = per_channel(wanted.factory, recipe);
        let released = all.remove(recipe).unwrap_or_default();
        for image in &images {
            let Some((owner, arch)) = tags::owner(&image.tags).zip(tags::arch(&image.tags)) else { continue };
            if owner.recipe == *recipe {
                let mut facts = Facts {
                    busy: wanted.busy.get(recipe).cloned(),
                    ..facts::of(image, &images, &released, per_channel)
                };
                if let Some((here, home)) = &home {
                    home.add(wanted.factory, here, recipe, image, &mut facts);
                }
                let item = Item {
                    image: image.id.clone(),
                    name: version_name(recipe, arch, owner.version),
                    version: owner.version,
                    created_at: image.created_at.clone(),
                    retention: retention.clone(),
                    facts,
                    build: Some(owner.build),
                    retirement: facts::retirement(image, &released).filter(|found| found.is_open()).cloned(),
                    launchers: Vec::new(),
                };
                items.push((item, Some(image)));
            }
        }
        // An image that is not seen is half removed only where its removal was begun.
        let gone = |retirement: &&Retirement| {
            let begun = retirement.is_open() && retirement.rung == Rung::Remove;
            begun && !images.iter().any(|image| image.id == retirement.image)
        };
        for left in released.retirements.iter().filter(gone) {
            let Slot::Version(version) = left.name.slot else { continue };
            let facts = Facts { half_removed: true, busy: wanted.busy.get(recipe).cloned(), ..Facts::default() };
            let item = Item {
                image: left.image.clone(),
                name: left.name.clone(),
                version,
                created_at: String::new(),
                retention: retention.clone(),
                facts,
                build: left.build.clone(),
                retirement: Some(left.clone()),
                launchers: Vec::new(),
            };
            items.push((item, None));
        }
    }
    items.retain(|(item, _)| wanted.only.is_none_or(|only| only.contains(&item.image)));
    let mut named = named_by_recipes(wanted.factory);
    for (item, _) in &mut items {
        item.facts.uses.extend(named.remove(item.image.as_str()).into_iter().flatten());
    }
    // What the factory itself keeps is not asked about: on a service each question is a call.
    let is_free = |item: &Item| !matches!(decide(&item.facts, item.retention.as_ref(), target.now()), Verdict::Keep(_));
    let free: Vec<Image> =
        items.iter().filter(|(item, _)| is_free(item)).filter_map(|(_, image)| image.cloned()).collect();
    let uses = shelf.uses(&free).await?;
    let (mut copies, unread) = copies(target, wanted.factory, &free).await;
    let sizes = shelf.sizes(&free).await?;
    for (item, _) in &mut items {
        if free.iter().any(|image| image.id == item.image) {
            let used = uses.uses.get(&item.image).cloned().unwrap_or_default();
            item.launchers.extend(used.iter().filter(|used| used.kind == Use::LAUNCH_PERMISSION).map(|u| u.id.clone()));
            item.facts.uses.extend(used);
            item.facts.uses.extend(copies.remove(&item.image).into_iter().flatten());
            item.facts.unread.extend(unread.iter().cloned());
            item.facts.held.extend(uses.held.get(&item.image).cloned().unwrap_or_default());
            item.facts.unread.extend(uses.unread.iter().cloned());
            item.facts.bytes = sizes.get(&item.image).copied();
        }
    }
    let mut asked: Vec<(&mut Item, &Image)> = items
        .iter_mut()
        .filter(|(item, _)| free.iter().any(|image| image.id == item.image))
        .filter_map(|(item, image)| Some((item, (*image)?)))
        .collect();
    shared::look(target, wanted.factory, &mut asked).await;
    let mut items: Vec<Item> = items.into_iter().map(|(item, _)| item).collect();
    items.sort_by(|a, b| (&a.name.recipe, a.name.arch, b.version).cmp(&(&b.name.recipe, b.name.arch, a.version)));
    Ok(items)
}

/// Copies of these images in the other regions of the factory: they go first, by the same command there.
async fn copies(
    target: &dyn Target,
    factory: &Factory,
    images: &[Image],
) -> (BTreeMap<ImageId, Vec<Use>>, Vec<Unread>) {
    let (mut copies, mut unread): (BTreeMap<ImageId, Vec<Use>>, Vec<Unread>) = Default::default();
    let known = factory.distribution.as_ref().filter(|known| target.region().as_ref() == Some(&known.home));
    let Some(known) = known.filter(|_| !images.is_empty()) else { return (copies, unread) };
    for region in known.regions.keys() {
        let seen = match target.place(region, None) {
            Ok(there) => there.images().await,
            Err(error) => Err(error),
        };
        let there = match seen {
            Ok(there) => there,
            Err(error) => {
                unread.push(Unread { what: format!("copies in {region}"), why: error.to_string(), service: None });
                continue;
            }
        };
        for image in images {
            let source = format!("{} {}", image.id, known.home);
            let of_it = there.iter().filter(|copy| copy.tags.get(tags::COPY_OF) == Some(&source));
            let of_it = of_it.map(|copy| Use { kind: "copy", id: format!("{} in {region}", copy.id) });
            copies.entry(image.id.clone()).or_default().extend(of_it);
        }
    }
    (copies, unread)
}

/// What keeps images of a recipe: its own word, or the factory's where it has no file any more.
fn retention(factory: &Factory, recipe: &RecipeName) -> Option<Retention> {
    match factory.recipes.get(recipe) {
        Some(recipe) => recipe.retention.clone(),
        None => factory.retention.clone(),
    }
}

/// How many of the images that each channel has named stay.
pub(super) fn per_channel(factory: &Factory, recipe: &RecipeName) -> usize {
    retention(factory, recipe).map_or(Retention::LEAST_PER_CHANNEL, |retention| retention.keep_per_channel)
}

fn version_name(recipe: &RecipeName, arch: Arch, version: Version) -> PointerName {
    PointerName { recipe: recipe.clone(), arch, slot: Slot::Version(version) }
}

/// Images that recipes name by their ids.
fn named_by_recipes(factory: &Factory) -> BTreeMap<String, Vec<Use>> {
    let mut named: BTreeMap<String, Vec<Use>> = BTreeMap::new();
    for recipe in factory.recipes.values() {
        if let BaseSpec::Own { aws: Some(base), .. } = &recipe.base
            && let AwsBaseImage::Ami(id) = &base.image
        {
            let used = Use { kind: "recipe", id: format!("recipes/{}.yaml", recipe.name) };
            named.entry(id.to_string()).or_default().push(used);
        }
    }
    named
}

/// The recipes' pointers. What someone has damaged keeps the images of its recipe, and not those of others.
pub(super) async fn released(
    target: &dyn Target,
    by_steps: bool,
    recipes: &[RecipeName],
) -> Result<BTreeMap<RecipeName, Released>, TargetError> {
    let mut all = BTreeMap::new();
    for (recipe, overview) in target.overview(recipes).await? {
        let mut released = Released { by_steps, ..Released::default() };
        for read in overview.retirements {
            released.retirements.extend(or_unread(read, &mut released.unread)?);
        }
        for read in overview.pointers {
            released.pointers.extend(or_unread(read, &mut released.unread)?);
        }
        for read in overview.underway {
            released.underway.extend(or_unread(read, &mut released.unread)?);
        }
        drop_forged(&mut released);
        all.insert(recipe, released);
    }
    let pointers = all.values().flat_map(|released| &released.pointers);
    let channels = pointers.filter(|pointer| matches!(pointer.name.slot, Slot::Channel(_)));
    let channels: Vec<PointerName> = channels.map(|pointer| pointer.name.clone()).collect();
    for (name, entries) in target.histories(&channels).await? {
        let Some(released) = all.get_mut(&name.recipe) else { continue };
        if let Some(entries) = or_unread(entries, &mut released.unread)? {
            released.histories.insert(name, History::of(&entries));
        }
    }
    Ok(all)
}

/// At home all channels are seen that ever were; elsewhere only those that reach there.
pub(super) fn tell_deleted(all: &mut BTreeMap<RecipeName, Released>, images: &[Image], rules: &[ChannelRule]) {
    for (recipe, released) in all {
        let deleted = deleted(recipe, released, images, rules);
        released.unread.extend(deleted);
    }
}

/// Channels that others took images from, or that images say have named them, and that are there no more: what they named, and
/// would go back to, went with them.
fn deleted(recipe: &RecipeName, released: &Released, images: &[Image], rules: &[ChannelRule]) -> Vec<Unread> {
    let is_there = |name: &PointerName| released.pointers.iter().any(|pointer| pointer.name == *name);
    // One that can't be read is there, and keeps them by that.
    let named = match released.unread.is_empty() {
        true => trace::gone(images, recipe, rules, is_there),
        false => BTreeMap::new(),
    };
    let mut deleted: BTreeSet<PointerName> = named.into_keys().collect();
    for (name, history) in &released.histories {
        let from =
            history.came_from().into_iter().map(|from| PointerName { slot: Slot::Channel(from), ..name.clone() });
        deleted.extend(from.filter(|from| !is_there(from)));
    }
    let unread = |name: PointerName| Unread {
        what: name.to_string(),
        why: "someone deleted it, and its history with it: amifactory verify says what to do".into(),
        service: None,
    };
    deleted.into_iter().map(unread).collect()
}

/// An image is retired from its version, whose pointer stays. What is written of another image is someone's hand: nothing is
/// done by it, and until it is put right the recipe's images stay.
fn drop_forged(released: &mut Released) {
    let named = |open: &Retirement| {
        released.pointers.iter().any(|pointer| pointer.name == open.name && pointer.image == open.image)
    };
    let (kept, forged): (Vec<Retirement>, Vec<Retirement>) =
        released.retirements.iter().cloned().partition(|retirement| !retirement.is_open() || named(retirement));
    released.retirements = kept;
    released.unread.extend(forged.into_iter().map(|forged| Unread {
        what: format!("the retirement of {}", forged.name),
        why: format!(
            "it is of {}, which that version does not name: find out who wrote it, and delete what is wrong of the two",
            forged.image
        ),
        service: None,
    }));
}

fn or_unread<T>(read: Result<T, TargetError>, unread: &mut Vec<Unread>) -> Result<Option<T>, TargetError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(TargetError::Damaged { what, why, help }) => {
            unread.push(Unread { what, why: format!("{why}; {help}"), service: None });
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
