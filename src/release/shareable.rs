//! Whether images can be shared at all: what one of AWS's own keys encrypts, nobody else can ever use. That is found out
//! before anything is copied, since a copy takes its time and its money.

use super::distribute::{Row, State};
use super::places::{Place, Places, audience};
use crate::identity::{ImageId, RecipeName, Region};
use crate::recipe::Reach;
use crate::target::Target;
use futures_util::future::join_all;

/// The regions whose images could not be shared, each with why; none where all can be, or where that can't be known: then
/// EC2 says so itself.
pub async fn refused(places: &Places<'_>, recipe: &RecipeName, at_home: &ImageId, reach: &Reach) -> Vec<Row> {
    if audience(reach).is_empty() {
        return Vec::new();
    }
    let home = async {
        let parts = places.home.parts(at_home).await.unwrap_or_default();
        let mut keys: Vec<String> = parts.into_iter().filter_map(|part| part.kms_key).collect();
        keys.sort();
        keys.dedup();
        let key = first_of_awss(places.home, keys).await?;
        Some(Row {
            place: places.home_place(),
            image: Some(at_home.clone()),
            state: State::Failed,
            why: Some(format!(
                "{at_home} is encrypted with {key}, which is AWS's own: no other account can ever use it\n  \
                 give images a key of your own whose policy lets those accounts use it, aws: {{volume: {{kms_key: …}}}}, \
                 and build again: amifactory build {recipe} --force"
            )),
        })
    };
    let elsewhere = reach.regions.iter().filter(|region| **region != places.known.home).map(|region| async move {
        let key = places.known.regions.get(region)?.kms_key.clone()?;
        let place = Place { account: None, region: region.clone() };
        let there = places.at(&place).await.ok()?;
        let key = first_of_awss(&*there, vec![key]).await?;
        Some(Row { place, image: None, state: State::Failed, why: Some(of_copies(&key, region)) })
    });
    let (home, elsewhere) = futures_util::future::join(home, join_all(elsewhere)).await;
    home.into_iter().chain(elsewhere.into_iter().flatten()).collect()
}

fn of_copies(key: &str, region: &Region) -> String {
    format!(
        "copies there would be encrypted with {key}, which is AWS's own: no other account could ever use them\n  \
         name a key of your own there whose policy lets those accounts use it: distribution: {{regions: {{{region}: \
         {{kms_key: …}}}}}}"
    )
}

async fn first_of_awss(there: &dyn Target, keys: Vec<String>) -> Option<String> {
    for key in keys {
        if there.is_shareable(&key).await == Some(false) {
            return Some(key);
        }
    }
    None
}

/// The rows of a distribution that is refused for that: of these regions why, of all others that nothing was tried.
pub fn nothing_tried(places: &Places<'_>, reach: &Reach, refused: Vec<Row>) -> Vec<Row> {
    let mut rows = Vec::new();
    for region in places.regions(reach) {
        let place = |account| Place { account, region: region.clone() };
        let waits =
            |place, why: Option<&str>| Row { place, image: None, state: State::Waiting, why: why.map(str::to_owned) };
        let why = "nothing is copied while the image could not be shared everywhere";
        let own = refused.iter().find(|row| row.place.region == region).cloned();
        rows.push(own.unwrap_or_else(|| waits(place(None), Some(why))));
        rows.extend(reach.accounts.iter().map(|account| waits(place(Some(account.clone())), None)));
    }
    rows
}
