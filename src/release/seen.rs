//! All that `verify` asks of one place, asked at once: the number of questions grows with what is there.

use super::error::ReleaseError;
use super::history::History;
use super::opened::{self, Launchers};
use crate::identity::{ImageId, RecipeName, Region, Version};
use crate::pipeline::tags;
use crate::target::{Evidence, Histories, Image, Overview, Pointer, PointerName, Slot, Target, TargetError, remind};
use std::collections::{BTreeMap, BTreeSet};

/// What a place shows of some recipes.
#[derive(Default)]
pub struct Seen {
    /// All images, of other recipes too.
    pub images: Vec<Image>,
    /// Those among them that were revoked, and whose tags don't say so.
    pub marked_alone: BTreeSet<ImageId>,
    by_id: BTreeMap<ImageId, usize>,
    of_recipe: BTreeMap<RecipeName, Vec<usize>>,
    /// The recipes that were asked for.
    pub recipes: BTreeMap<RecipeName, Overview>,
    /// The history of each of their channels; on this machine that of each version too.
    pub histories: Histories,
    /// Of the images that their channels name; of one recipe at home those that its versions name too.
    pub evidence: BTreeMap<ImageId, Evidence>,
    /// Of the channels that name what can't be used, those that are held.
    pub held: BTreeSet<PointerName>,
    /// Who wrote the locks that open gates by their own word, as the service says.
    pub writers: BTreeMap<PointerName, String>,
    /// Who else may launch images.
    pub launchers: Launchers,
    /// Which region it is, where it is one.
    pub region: Option<Region>,
}

impl Seen {
    /// Looks at everything. Records are read at home; a snapshot never changes, so of a copy's it is enough that it is
    /// there.
    pub async fn look(target: &dyn Target, recipes: &[RecipeName], is_home: bool) -> Result<Seen, ReleaseError> {
        let mut seen = Seen::pointers_of(target, recipes).await?;
        seen.images = match recipes {
            [recipe] => target.images_of(recipe).await?,
            _ => target.images().await?,
        };
        seen.remind();
        // What was built on a revoked image may be of any recipe, and what a pointer names may say that it is of another one.
        let is_listed = |pointer: &Pointer| seen.images.iter().any(|image| image.id == pointer.image);
        let is_revoked = |image: &Image| tags::revoked(&image.tags).is_some();
        let is_whole = seen.all_pointers().all(is_listed) && !seen.images.iter().any(is_revoked);
        if recipes.len() == 1 && !is_whole {
            seen.images = target.images().await?;
            seen.remind();
        }
        for (at, image) in seen.images.iter().enumerate() {
            if let Some(owner) = tags::owner(&image.tags) {
                seen.of_recipe.entry(owner.recipe).or_default().push(at);
            }
            seen.by_id.insert(image.id.clone(), at);
        }
        // One whose tags don't say whose it is may have a record that does.
        let is_told = |image: &Image| tags::owner(&image.tags).is_some() || image.tags.contains_key(tags::BUILD);
        let is_there = |image: &Image| image.available && is_told(image);
        // Over a whole factory those that channels name, of one recipe at home all that versions name.
        let is_one = is_home && recipes.len() == 1;
        let named: BTreeSet<&ImageId> = seen
            .all_pointers()
            .filter(|pointer| is_one || matches!(pointer.name.slot, Slot::Channel(_)))
            .map(|pointer| &pointer.image)
            .collect();
        let named: Vec<&Image> =
            named.into_iter().filter_map(|id| seen.image(id)).filter(|image| is_there(image)).collect();
        seen.evidence = target.evidence(&named, is_home).await?;
        if is_home {
            seen.held = seen.held(target).await?;
        }
        seen.region = target.region();
        seen.launchers = opened::look(target, &seen).await;
        Ok(seen)
    }

    fn remind(&mut self) {
        for overview in self.recipes.values() {
            self.marked_alone.extend(remind(&mut self.images, &overview.revocations));
        }
    }

    /// Only where a channel has to move it matters whether it may: few do.
    async fn held(&self, target: &dyn Target) -> Result<BTreeSet<PointerName>, ReleaseError> {
        let is_fit = |image: &Image| image.available && tags::revoked(&image.tags).is_none();
        let is_ours = |name: &PointerName| match self.histories.get(name) {
            Some(Ok(entries)) => {
                let history = History::of(entries);
                history.unrecorded().is_none() && history.is_sound()
            }
            _ => true,
        };
        let has_to_move = |pointer: &&Pointer| {
            matches!(pointer.name.slot, Slot::Channel(_))
                && !(self.image(&pointer.image).is_some_and(is_fit) && is_ours(&pointer.name))
        };
        let mut held = BTreeSet::new();
        for pointer in self.all_pointers().filter(has_to_move) {
            let holds = match target.pin(&pointer.name).await {
                // Nobody moves the channel past what can't be read either, and `unpin` clears it.
                Err(TargetError::Damaged { .. }) => true,
                read => read?.is_some_and(|pin| pin.holds(target.now())),
            };
            if holds {
                held.insert(pointer.name.clone());
            }
        }
        Ok(held)
    }

    /// Looks at pointers and histories alone: images of another account are not listed there.
    pub async fn pointers_of(target: &dyn Target, recipes: &[RecipeName]) -> Result<Seen, ReleaseError> {
        let overview = target.overview(recipes).await?;
        let mut seen = Seen { recipes: overview, ..Seen::default() };
        // In Parameter Store a version's revision says that it was written once; a file can say anything.
        let has_history = |name: &PointerName| matches!(name.slot, Slot::Channel(_)) || !target.is_remote();
        let named: Vec<_> = seen.all_pointers().map(|pointer| pointer.name.clone()).filter(has_history).collect();
        seen.histories = target.histories(&named).await?;
        let underway = seen.recipes.values().flat_map(|overview| overview.underway.iter().flatten());
        let vouching = underway.filter(|underway| underway.note.vouches_for_itself());
        let vouching: Vec<PointerName> = vouching.map(|underway| underway.name.clone()).collect();
        for name in vouching {
            seen.writers.extend(target.mover(&name).await?.map(|writer| (name, writer)));
        }
        Ok(seen)
    }

    /// An image, where it is there.
    pub fn image(&self, id: &ImageId) -> Option<&Image> {
        self.by_id.get(id).map(|at| &self.images[*at])
    }

    /// The images of a recipe, by what their tags say.
    pub fn images_of(&self, recipe: &RecipeName) -> impl Iterator<Item = &Image> {
        self.of_recipe.get(recipe).into_iter().flatten().map(|at| &self.images[*at])
    }

    /// The versions of a recipe that name an image.
    pub fn versions_of(&self, recipe: &RecipeName, image: &ImageId) -> impl Iterator<Item = Version> {
        self.pointers(recipe).filter_map(move |pointer| match pointer.name.slot {
            Slot::Version(version) if pointer.image == *image => Some(version),
            _ => None,
        })
    }

    /// All pointers that can be read.
    pub fn all_pointers(&self) -> impl Iterator<Item = &Pointer> {
        self.recipes.values().flat_map(|overview| overview.pointers.iter().flatten())
    }

    /// Those of a recipe.
    pub fn pointers(&self, recipe: &RecipeName) -> impl Iterator<Item = &Pointer> {
        self.recipes.get(recipe).into_iter().flat_map(|overview| overview.pointers.iter().flatten())
    }
}
