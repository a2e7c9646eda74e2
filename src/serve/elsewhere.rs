//! What channels name in places other than home, beside what they are to name there.
//!
//! It is asked for by name: for each place as many calls as its channels and their versions take, ten at a time, and not as
//! many as there are parameters. A place that does not answer in time is not known, and keeps nobody from the others.

use super::look::ChannelRow;
use crate::identity::{Arch, Channel, ImageId, RecipeName};
use crate::recipe::ChannelRule;
use crate::release::places::{Place, Places};
use crate::release::verify::places::{behind, reached_by};
use crate::target::{PointerName, Slot, TargetError, at_once};
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How many places are asked at once; each has a rate of its own.
const AT_ONCE: usize = 64;
/// How long one place may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a channel names in a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ElsewhereRow {
    /// The recipe.
    pub recipe: RecipeName,
    /// For which architecture.
    pub arch: Arch,
    /// The channel.
    pub channel: Channel,
    /// Where.
    pub place: Place,
    /// The image that it names there; none where it names none, or that is not known.
    pub image: Option<ImageId>,
    /// Whether that is what it names at home.
    pub how: How,
}

/// Whether a channel names in a place what it names at home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "why")]
pub enum How {
    /// It does.
    Same,
    /// It does not, and in what it differs.
    Differs(String),
    /// It could not be told, and why.
    Unknown(String),
}

/// What was read of a place: of each pointer that is there its image, or why that can't be told.
type Read = Result<BTreeMap<PointerName, Result<ImageId, String>>, String>;

/// What the channels name in all places that they reach. `rows`: what they name at home.
pub async fn elsewhere(places: &Places<'_>, rules: &[ChannelRule], rows: &[ChannelRow]) -> Vec<ElsewhereRow> {
    let wanted = wanted(places, rules, rows);
    let ask = |(place, names): (&Place, &BTreeSet<PointerName>)| {
        let (place, names) = (place.clone(), names.iter().cloned().collect::<Vec<_>>());
        async move {
            let late = || Err(format!("it did not answer in {} s", PATIENCE.as_secs()));
            let answer = tokio::time::timeout(PATIENCE, read(places, &place, &names)).await;
            let answer = answer.map_or_else(|_| late(), |read| read.map_err(|error| error.to_string()));
            (place, answer)
        }
        .boxed()
    };
    // All are made before any is polled: what borrows the names is gone then.
    let asked: Vec<_> = wanted.iter().map(ask).collect();
    let seen: BTreeMap<Place, Read> = stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
    compared(places, rules, rows, &seen)
}

fn pointer(row: &ChannelRow, slot: Slot) -> PointerName {
    PointerName { recipe: row.recipe.clone(), arch: row.arch, slot }
}

fn rule<'a>(rules: &'a [ChannelRule], row: &ChannelRow) -> Option<&'a ChannelRule> {
    rules.iter().find(|rule| rule.name == row.channel)
}

/// Of each place the pointers that say what is so there. Which image a version is in another region, that region's own
/// account says.
fn wanted(places: &Places<'_>, rules: &[ChannelRule], rows: &[ChannelRow]) -> BTreeMap<Place, BTreeSet<PointerName>> {
    let mut wanted: BTreeMap<Place, BTreeSet<PointerName>> = BTreeMap::new();
    for row in rows {
        for place in rule(rules, row).map(|rule| reached_by(places, rule)).unwrap_or_default() {
            let is_own = place.account.is_none();
            let names = wanted.entry(place).or_default();
            names.insert(pointer(row, Slot::Channel(row.channel.clone())));
            names.extend(row.version.filter(|_| is_own).map(|version| pointer(row, Slot::Version(version))));
        }
    }
    wanted
}

async fn read(
    places: &Places<'_>,
    place: &Place,
    names: &[PointerName],
) -> Result<BTreeMap<PointerName, Result<ImageId, String>>, TargetError> {
    let there = places.at(place).await?;
    match there.pointers_named(names).await {
        // One that someone has damaged keeps nobody from reading the others.
        Err(TargetError::Damaged { .. }) => {
            let each = at_once(names.iter().map(|name| there.pointer(name)).collect()).await?;
            let found = names.iter().zip(each).filter_map(|(name, read)| match read {
                Ok(found) => found.map(|found| (name.clone(), Ok(found.image))),
                Err(error) => Some((name.clone(), Err(error.to_string()))),
            });
            Ok(found.collect())
        }
        read => Ok(read?.into_iter().map(|found| (found.name, Ok(found.image))).collect()),
    }
}

fn compared(
    places: &Places<'_>,
    rules: &[ChannelRule],
    rows: &[ChannelRow],
    seen: &BTreeMap<Place, Read>,
) -> Vec<ElsewhereRow> {
    let named = |place: &Place, name: &PointerName| match seen.get(place) {
        Some(Ok(read)) => read.get(name).cloned().transpose(),
        Some(Err(why)) => Err(why.clone()),
        None => Err("it was not asked".to_owned()),
    };
    let mut all = Vec::new();
    for row in rows {
        for place in rule(rules, row).map(|rule| reached_by(places, rule)).unwrap_or_default() {
            let found = named(&place, &pointer(row, Slot::Channel(row.channel.clone())));
            let own = Place { account: None, region: place.region.clone() };
            let expected = match (place.region == places.known.home, row.version) {
                (true, _) => Ok(Some(row.image.clone())),
                (false, Some(version)) => {
                    let there = named(&own, &pointer(row, Slot::Version(version)));
                    there.map_err(|why| format!("which image {version} is there is not known: {why}"))
                }
                (false, None) => Err("which version it names at home is not known".to_owned()),
            };
            let image = found.as_ref().ok().cloned().flatten();
            // Unlike a place that can't be read, a pointer that can't be is wrong by itself.
            let is_damaged = matches!(seen.get(&place), Some(Ok(_))) && found.is_err();
            let how = match (found, expected) {
                (Err(why), _) if is_damaged => How::Differs(why),
                (Err(why), _) | (_, Err(why)) => How::Unknown(why),
                (Ok(found), Ok(expected)) => behind(found.as_ref(), expected.as_ref()).map_or(How::Same, How::Differs),
            };
            let (recipe, arch, channel) = (row.recipe.clone(), row.arch, row.channel.clone());
            all.push(ElsewhereRow { recipe, arch, channel, place, image, how });
        }
    }
    all
}
