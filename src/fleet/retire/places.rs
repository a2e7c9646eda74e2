//! All regions of a factory at once. Each is looked at for itself, and takes its own steps; the home region comes last, because
//! the image there goes after its copies.

use super::carry_out::{Ended, RetireError, carry_out};
use super::home::Home;
use super::survey::{Item, Wanted, survey};
use crate::identity::{RecipeName, Region};
use crate::pipeline::folder::StateFolder;
use crate::pipeline::tags;
use crate::recipe::Factory;
use crate::target::{Shelf, Target, TargetError, WayOut};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where is looked: the regions that images are copied to, then where the program itself is.
pub struct Places<'a> {
    here: &'a dyn Target,
    others: Vec<(Region, Arc<dyn Target>)>,
}

/// What was found in one of them.
#[derive(Debug)]
pub struct Surveyed {
    /// The region; none where there are no others.
    pub region: Option<Region>,
    /// What was found; or why nothing could be read there, so that everything there stays.
    pub items: Result<Vec<Item>, TargetError>,
}

impl<'a> Places<'a> {
    /// Asks nothing yet. Only from the home region the others are seen: elsewhere there is this one alone.
    pub fn new(here: &'a dyn Target, factory: &Factory) -> Result<Places<'a>, TargetError> {
        let known = factory.distribution.as_ref().filter(|known| here.region().as_ref() == Some(&known.home));
        let regions = known.into_iter().flat_map(|known| known.regions.keys());
        let others: Result<_, TargetError> =
            regions.map(|region| Ok((region.clone(), here.place(region, None)?))).collect();
        Ok(Places { here, others: others? })
    }

    /// All of them, the program's own last.
    pub fn all(&self) -> Vec<(Option<Region>, &dyn Target)> {
        let own = self.here.region().filter(|_| !self.others.is_empty());
        let others = self.others.iter().map(|(region, target)| (Some(region.clone()), &**target));
        others.chain([(own, self.here)]).collect()
    }

    /// Recipes that have left images in one of the other regions, where that can be read.
    pub async fn recipes(&self) -> BTreeSet<RecipeName> {
        let seen = join_all(self.others.iter().map(|(_, target)| target.images())).await;
        let images = seen.into_iter().flatten().flatten();
        images.filter_map(|image| tags::owner(&image.tags)).map(|owner| owner.recipe).collect()
    }

    /// Looks at all of them side by side. An error: the program's own place could not be read.
    pub async fn survey(&self, wanted: &Wanted<'_>) -> Result<Vec<Surveyed>, TargetError> {
        let home = Home::at(self.here, wanted.factory, wanted.recipes).await.filter(|_| !self.others.is_empty());
        let elsewhere = Wanted { home: home.as_ref(), ..*wanted };
        let each = self.all().into_iter().map(|(region, target)| async {
            let wanted = if target.region() == self.here.region() { wanted } else { &elsewhere };
            let items = match shelf(target) {
                Ok(shelf) => survey(target, shelf, wanted).await,
                Err(error) => Err(error),
            };
            Surveyed { region, items }
        });
        let mut seen = join_all(each).await;
        match seen.pop() {
            Some(Surveyed { items: Err(error), .. }) => Err(error),
            own => Ok(seen.into_iter().chain(own).collect()),
        }
    }

    /// Takes the step that is due with each of these images, in the other regions side by side and then in the program's own.
    /// `going`: by place, in the order of [`Places::all`]. What a place could not go on with is its own answer.
    pub async fn carry_out(
        &self,
        kept: (&StateFolder, &Factory),
        going: &[Vec<Item>],
        busy: &BTreeMap<RecipeName, String>,
    ) -> Vec<Result<Vec<Ended>, RetireError>> {
        let one = |target, items| one(target, kept, items, busy);
        let others = self.others.iter().zip(going).map(|((_, target), items)| one(&**target, items));
        let mut ended = join_all(others).await;
        if let Some(items) = going.get(self.others.len()) {
            ended.push(one(self.here, items).await);
        }
        ended
    }
}

async fn one(
    target: &dyn Target,
    kept: (&StateFolder, &Factory),
    items: &[Item],
    busy: &BTreeMap<RecipeName, String>,
) -> Result<Vec<Ended>, RetireError> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let shelf = shelf(target)?;
    carry_out(target, (shelf, way_out(shelf, target)?), kept, items, busy).await
}

fn shelf(target: &dyn Target) -> Result<&dyn Shelf, TargetError> {
    target.shelf().ok_or_else(|| unsupported(target))
}

fn way_out<'s>(shelf: &'s dyn Shelf, target: &dyn Target) -> Result<&'s dyn WayOut, TargetError> {
    shelf.way_out().ok_or_else(|| unsupported(target))
}

fn unsupported(target: &dyn Target) -> TargetError {
    TargetError::Unsupported {
        what: format!("images on the target {} can't be retired", target.kind()),
        help: "nothing was changed".into(),
    }
}
