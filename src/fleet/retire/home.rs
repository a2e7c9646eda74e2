//! What home says of copies: a copy in another region is in use as long as its image is, at home, in a channel that reaches the
//! region; and while a move that was decided at home is on its way there.

use super::facts::{self, Facts, Released, back, has_named};
use super::survey;
use crate::identity::{RecipeName, Region};
use crate::pipeline::tags;
use crate::recipe::Factory;
use crate::target::{Image, Slot, Target, TargetError, Unread};
use std::collections::BTreeMap;

/// What was read at home; or why it could not be, which keeps all copies.
pub struct Home {
    region: Region,
    read: Result<(BTreeMap<RecipeName, Released>, Vec<Image>), String>,
}

impl Home {
    /// Reads it for the copies in this target's region; none where that is home itself, or images go nowhere.
    pub async fn of(target: &dyn Target, factory: &Factory, recipes: &[RecipeName]) -> Option<Home> {
        let known = factory.distribution.as_ref()?;
        let here = target.region()?;
        if here == known.home || !known.regions.contains_key(&here) {
            return None;
        }
        let read = async { Home::read(&*target.place(&known.home, None)?, factory, recipes).await };
        Some(Home { region: known.home.clone(), read: read.await.map_err(|error| error.to_string()) })
    }

    /// Reads it at home, for whichever region.
    pub async fn at(home: &dyn Target, factory: &Factory, recipes: &[RecipeName]) -> Option<Home> {
        let known = factory.distribution.as_ref().filter(|known| home.region().as_ref() == Some(&known.home))?;
        let read = Home::read(home, factory, recipes).await.map_err(|error| error.to_string());
        Some(Home { region: known.home.clone(), read })
    }

    async fn read(
        home: &dyn Target,
        factory: &Factory,
        recipes: &[RecipeName],
    ) -> Result<(BTreeMap<RecipeName, Released>, Vec<Image>), TargetError> {
        let images = match recipes {
            [recipe] => home.images_of(recipe).await?,
            _ => home.images().await?,
        };
        let shelf = home.shelf();
        let by_steps = shelf.is_some_and(|shelf| shelf.rungs().len() > 1);
        let mut all = survey::released(home, by_steps, recipes).await?;
        survey::tell_deleted(&mut all, &images, &factory.channels);
        Ok((all, images))
    }

    /// Adds to a copy's facts what home says of its image.
    pub fn add(&self, factory: &Factory, here: &Region, recipe: &RecipeName, copy: &Image, of_copy: &mut Facts) {
        let (all, images) = match &self.read {
            Ok(read) => read,
            Err(why) => {
                let what = format!("what home, {}, says of its copies", self.region);
                of_copy.unread.push(Unread { what, why: why.clone(), service: None });
                return;
            }
        };
        let Some(released) = all.get(recipe) else { return };
        of_copy.unread.extend(released.unread.iter().cloned());
        let source = copy.tags.get(tags::COPY_OF).and_then(|of| of.split(' ').next());
        let reaches = |slot: &Slot| match slot {
            Slot::Channel(channel) => {
                let rule = factory.channels.iter().find(|rule| rule.name == *channel);
                rule.is_none_or(|rule| rule.reach.regions.contains(here))
            }
            Slot::Version(_) => false,
        };
        for (name, history) in released.histories.iter().filter(|(name, _)| reaches(&name.slot)) {
            // When its source was made is not asked: a copy is younger.
            let per_channel = survey::per_channel(factory, recipe);
            let at_home =
                |unread: Unread| Unread { what: format!("{} at home ({})", unread.what, self.region), ..unread };
            let doubts = facts::doubts(name, history, images, per_channel, None);
            of_copy.unread.extend(doubts.into_iter().map(at_home));
            let Some(source) = source.and_then(|source| source.parse().ok()) else { continue };
            match back(&source, history, images) {
                Some(found) => {
                    of_copy.behind_at_home.extend(found.behind.then(|| name.clone()));
                    of_copy.at_home.push((name.clone(), found.count, self.region.clone()));
                }
                None if has_named(history, &source) => of_copy.passed_over.push(name.clone()),
                None => {}
            }
        }
        for underway in &released.underway {
            let goes_here = underway.elsewhere.regions.get(here) == Some(&copy.id);
            if goes_here || Some(underway.image.as_str()) == source {
                of_copy.moving.push(underway.name.clone());
            }
        }
    }
}
