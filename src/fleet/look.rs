//! Looks at all places at once, and at the factory's own images beside them.

use super::catalogue::{Catalogue, Pointers, RevokedChannel};
use super::exemption;
use super::findings::{self, Finding, Own, Shown, Spot};
use super::freshness::Measure;
use super::reach::unreached;
use super::tally::Tally;
use crate::identity::{AccountId, Channel, RecipeName, Region, RoleName, TargetKind};
use crate::recipe::Factory;
use crate::release::scene::history;
use crate::report::visible;
use crate::target::{Image, Pointer, Slot, Stranger, Target, TargetError, Unread, of_a_look};
use futures_util::stream::{self, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many places are read at once. Each is mostly waiting; what bounds it is the page that each holds.
const AT_ONCE: usize = 64;
/// How many instances are on their way at once, in all places together: what they take is most of the memory. EC2 writes
/// about 4 KB of each.
const IN_FLIGHT: usize = 5000;
/// The smallest and the largest page of instances: smaller ones are more calls, larger ones more memory.
const PAGE: (usize, usize) = (100, 250);
/// How many recipes' pointers are read at once: Parameter Store answers 40 reads a second.
const RECIPES_AT_ONCE: usize = 8;

/// How long one place may take: what is slow and answers is read in seconds, and a function that does this has minutes.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a place is called beside what could not be read of it.
const HERE: &str = "this place";

/// A place that is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The account and the role there; none: the factory's own.
    pub account: Option<(AccountId, RoleName)>,
    /// The region.
    pub region: Region,
}

/// Where the factory says that is looked: its own account and those it names, in all its regions. `here`: the region of
/// whoever asks.
pub fn places(factory: &Factory, here: &Region) -> Vec<Wanted> {
    let policy = &factory.fleet;
    let regions: BTreeSet<Region> = match (&factory.distribution, policy.regions.as_slice()) {
        (_, [_, ..]) => policy.regions.iter().cloned().collect(),
        (Some(known), []) => known.regions.keys().chain([&known.home]).cloned().collect(),
        (None, []) => [here.clone()].into(),
    };
    let others = policy.accounts.iter().map(|(account, settings)| Some((account.clone(), settings.role.clone())));
    let accounts: Vec<Option<(AccountId, RoleName)>> = std::iter::once(None).chain(others).collect();
    let in_account = |account: &Option<(AccountId, RoleName)>| {
        regions.iter().map(|region| Wanted { account: account.clone(), region: region.clone() }).collect::<Vec<_>>()
    };
    accounts.iter().flat_map(in_account).collect()
}

/// What was found in one place.
#[derive(Debug, Clone)]
pub struct Place {
    /// Which.
    pub at: Spot,
    /// What it has shown.
    pub shown: Shown,
}

/// All that was found.
#[derive(Debug, Clone, Default)]
pub struct Looked {
    /// Every place, in order.
    pub places: Vec<Place>,
    /// Every use of an image, the riskiest first.
    pub findings: Vec<Finding>,
    /// What whoever keeps the policy should know, and no use of an image is.
    pub notes: Vec<String>,
}

type Seen = Result<(Tally, Vec<Unread>), TargetError>;
type Copies = Result<(Vec<Image>, Vec<Pointer>), TargetError>;

enum Read {
    Place(usize, Seen),
    Region(Region, Copies),
}

/// Looks. An error: what the factory's own images are could not be read, so that nothing can be measured by them.
/// `home`: where the channels are.
pub async fn look(
    home: &dyn Target,
    factory: &Factory,
    recipes: &[RecipeName],
    wanted: &[Wanted],
) -> Result<Looked, TargetError> {
    let own = in_time("the home region", own_account(home)).await?;
    let alone: Arc<BTreeSet<String>> =
        Arc::new(factory.fleet.exemptions.iter().filter_map(|exemption| exemption.resource.clone()).collect());
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    let mut reads: JoinSet<Read> = JoinSet::new();
    let mut targets = Vec::with_capacity(wanted.len());
    let page = (IN_FLIGHT / wanted.len().clamp(1, AT_ONCE)).clamp(PAGE.0, PAGE.1);
    for (at, place) in wanted.iter().enumerate() {
        let role = place.account.as_ref().map(|(account, role)| (account, role));
        let target = home.place(&place.region, role)?;
        targets.push(target.clone());
        let (alone, at_once) = (alone.clone(), at_once.clone());
        reads.spawn(async move {
            let _permit = at_once.acquire_owned().await;
            Read::Place(at, tally(&*target, page, &alone).await)
        });
    }
    let here = home.region();
    let regions: BTreeSet<&Region> = wanted.iter().map(|w| &w.region).filter(|r| Some(*r) != here.as_ref()).collect();
    for region in regions {
        let (target, recipes, at_once) = (home.place(region, None)?, recipes.to_vec(), at_once.clone());
        let region = region.clone();
        reads.spawn(async move {
            let _permit = at_once.acquire_owned().await;
            let copies = in_time(HERE, copies(&*target, &recipes)).await;
            Read::Region(region, copies)
        });
    }
    let known = in_time("the factory's own images and pointers at home", at_home(home, factory, recipes, wanted));
    let (mut catalogue, mut notes) = known.await?;
    let mut seen: Vec<Option<Seen>> = wanted.iter().map(|_| None).collect();
    let mut unread_regions: BTreeMap<Region, String> = BTreeMap::new();
    while let Some(read) = reads.join_next().await {
        match read {
            Ok(Read::Place(at, result)) => seen[at] = Some(result),
            Ok(Read::Region(_, Ok((images, pointers)))) => catalogue.add_region(&images, &pointers),
            Ok(Read::Region(region, Err(error))) => drop(unread_regions.insert(region, error.to_string())),
            // A task that was cut off leaves its place unread.
            Err(_) => {}
        }
    }
    let mut places: Vec<Place> = Vec::with_capacity(wanted.len());
    for (place, seen) in wanted.iter().zip(seen) {
        let account = place.account.as_ref().map(|(account, _)| account.clone()).or_else(|| own.clone());
        let mut shown = shown(seen);
        if let Some(why) = unread_regions.get(&place.region) {
            let what = format!("the factory's images in {}", place.region);
            shown.unread.push(Unread { what, why: why.clone(), service: None });
        }
        places.push(Place { at: Spot { account, region: place.region.clone() }, shown });
    }
    let owners: Vec<Option<&AccountId>> =
        wanted.iter().map(|place| own.as_ref().filter(|_| place.account.is_none())).collect();
    name_strangers(&mut catalogue, &mut places, (&targets, &owners), &unread_regions).await;
    for unread in places.iter_mut().flat_map(|place| &mut place.shown.unread) {
        unread.why = of_a_look(&unread.why);
    }
    let channels: Vec<Channel> = factory.channels.iter().map(|rule| rule.name.clone()).collect();
    let measure = Measure { catalogue: &catalogue, policy: &factory.fleet, channels: &channels, now: home.now() };
    let is_default = factory.default_target == TargetKind::Aws;
    notes.extend(catalogue.revoked_channels().iter().map(|found| note_of(found, is_default)));
    let usable = catalogue.usable();
    let of_place = |(place, wanted): (&Place, &Wanted)| {
        let own = Own { account: wanted.account.is_none(), region: here.as_ref() == Some(&wanted.region), is_default };
        let unreached = unreached(&factory.channels, factory.distribution.as_ref(), &place.at, own);
        findings::of_place(&measure, (&usable, &unreached), &place.at, own, &place.shown)
    };
    let mut findings: Vec<Finding> = places.iter().zip(wanted).flat_map(of_place).collect();
    findings::sort(&mut findings);
    let is_whole = places.iter().all(|place| !place.shown.dark && place.shown.unread.is_empty());
    notes.extend(exemption::notes(&factory.fleet.exemptions, &findings, is_whole, home.now().date()));
    Ok(Looked { places, findings, notes })
}

/// Those who follow the channel are told nothing of it where they run something good: whoever keeps the channel has to be.
fn note_of(found: &RevokedChannel<'_>, is_default: bool) -> String {
    let RevokedChannel { recipe, arch, channel, yardstick } = found;
    let (named, why) = (yardstick.named, yardstick.revoked.unwrap_or_default());
    let flag = if is_default { "" } else { " --target aws" };
    let then = match yardstick.by {
        Some(by) if yardstick.is_way_back => format!(
            "its users are measured by {by}, which it named before; back to it: amifactory rollback {recipe} --channel \
             {channel} --arch {arch}{flag}"
        ),
        Some(by) => format!(
            "its users are measured by {by}, the newest before it that may be used; there is nothing to roll back to: promote \
             another image to it"
        ),
        None => "nothing before it may be used: its users are not measured until another image is promoted \
                 to it"
            .to_owned(),
    };
    format!("{channel} of {recipe} ({arch}) names {named}, which is revoked ({}): {then}", visible::line(why))
}

/// What one place does not answer in time is not read: the others, and whoever is to be told, don't wait for it.
pub async fn in_time<T, E: From<TargetError>>(what: &str, read: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let late = || TargetError::GaveUp {
        call: "reading it".into(),
        resource: what.into(),
        attempts: 1,
        seconds: PATIENCE.as_secs(),
        last: "it did not answer in time".into(),
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(|_| Err(late().into()))
}

async fn own_account(home: &dyn Target) -> Result<Option<AccountId>, TargetError> {
    Ok(home.who().await?.split(':').nth(4).and_then(|account| account.parse().ok()))
}

async fn tally(target: &dyn Target, page: usize, alone: &BTreeSet<String>) -> Seen {
    in_time(HERE, target.check()).await?;
    let Some(inventory) = target.inventory() else {
        return Ok((Tally::default(), Vec::new()));
    };
    let mut tally = Tally::default();
    let read = in_time(HERE, inventory.sightings(page, &mut |sighting| tally.add(sighting, alone))).await;
    match read {
        // What was seen until then is told.
        Err(late @ TargetError::GaveUp { .. }) => {
            let unread = Unread { what: "all that was not seen in time".into(), why: late.to_string(), service: None };
            Ok((tally, vec![unread]))
        }
        read => Ok((tally, read?)),
    }
}

fn shown(seen: Option<Seen>) -> Shown {
    let dark = |why: String| Shown {
        unread: vec![Unread { what: "everything here".into(), why, service: None }],
        dark: true,
        ..Shown::default()
    };
    match seen {
        Some(Ok((tally, unread))) => Shown { tally, unread, ..Shown::default() },
        Some(Err(error)) => dark(error.to_string()),
        None => dark("reading it was cut off".into()),
    }
}

/// Asks each place for the images that the catalogue does not know. Where its region's own images could not be read,
/// nothing that is not known can be told from what is not ours.
async fn name_strangers(
    catalogue: &mut Catalogue,
    places: &mut [Place],
    (targets, owners): (&[Arc<dyn Target>], &[Option<&AccountId>]),
    unread: &BTreeMap<Region, String>,
) {
    let mut asked = JoinSet::new();
    for (at, place) in places.iter_mut().enumerate().filter(|(_, place)| !unread.contains_key(&place.at.region)) {
        let images: BTreeSet<String> =
            place.shown.tally.images().filter(|id| catalogue.image(id).is_none()).map(str::to_owned).collect();
        if images.is_empty() {
            place.shown.strangers = Some(BTreeMap::new());
            continue;
        }
        let target = targets[at].clone();
        asked.spawn(async move {
            let images: Vec<String> = images.into_iter().collect();
            let answer = match target.inventory() {
                Some(inventory) => in_time(HERE, inventory.strangers(&images)).await,
                None => Ok(BTreeMap::new()),
            };
            (at, answer)
        });
    }
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok((at, Ok(strangers))) => {
                // One of ours that no list has shown, such as one that is disabled. Elsewhere anybody may have tagged it,
                // and in one's own account an image of someone else's.
                let is_ours =
                    |stranger: &Stranger| owners[at].is_some_and(|account| stranger.owner == account.as_str());
                for (id, stranger) in strangers.iter().filter(|(_, stranger)| is_ours(stranger)) {
                    catalogue.add(id, &stranger.tags);
                }
                places[at].shown.strangers = Some(strangers);
            }
            Ok((at, Err(error))) => {
                let what = "images that are not this factory's".to_owned();
                places[at].shown.unread.push(Unread { what, why: error.to_string(), service: None });
            }
            Err(_) => {}
        }
    }
}

async fn copies(target: &dyn Target, recipes: &[RecipeName]) -> Copies {
    let images = target.images().await?;
    let mut pointers = Vec::new();
    for recipe in recipes {
        // What is damaged there names nothing, and so nothing is taken for ours by it.
        pointers.extend(target.pointers_read(recipe).await?.into_iter().flatten());
    }
    Ok((images, pointers))
}

async fn at_home(
    home: &dyn Target,
    factory: &Factory,
    recipes: &[RecipeName],
    wanted: &[Wanted],
) -> Result<(Catalogue, Vec<String>), TargetError> {
    let images = home.images().await?;
    let channels: Vec<Channel> = factory.channels.iter().map(|rule| rule.name.clone()).collect();
    let accounts: BTreeSet<Option<&AccountId>> =
        wanted.iter().map(|place| place.account.as_ref().map(|(account, _)| account)).collect();
    let of_recipes: Vec<Result<(Pointers, Vec<String>), TargetError>> = stream::iter(recipes)
        .map(|recipe| {
            let follows = |account: &Option<&AccountId>| factory.fleet.follows(recipe, *account, &channels);
            let followed: BTreeSet<Channel> = accounts.iter().filter_map(follows).collect();
            async move { pointers(home, recipe, &followed).await }
        })
        .buffer_unordered(RECIPES_AT_ONCE)
        .collect()
        .await;
    let (pointers, notes): (Vec<Pointers>, Vec<Vec<String>>) =
        of_recipes.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    let mut notes = notes.concat();
    notes.sort();
    Ok((Catalogue::of(&images, &pointers), notes))
}

/// A recipe's pointers, and what is to be told of them beside. What someone has damaged makes its images unknown, and not
/// those of other recipes.
async fn pointers(
    home: &dyn Target,
    recipe: &RecipeName,
    followed: &BTreeSet<Channel>,
) -> Result<(Pointers, Vec<String>), TargetError> {
    let mut notes = Vec::new();
    let mut of = Pointers {
        recipe: recipe.clone(),
        pointers: Vec::new(),
        histories: BTreeMap::new(),
        retirements: Vec::new(),
        revocations: Vec::new(),
        damaged: None,
    };
    let mut read = home.pointers_told_apart(recipe).await?;
    for (name, revocation) in std::mem::take(&mut read.revocations) {
        match revocation {
            Ok(revocation) => of.revocations.push((name, revocation)),
            // It keeps nothing from being judged, and vouches for nothing.
            Err(error) => notes.push(visible::joined(&error.to_string())),
        }
    }
    for pointer in read.one_by_one() {
        match pointer {
            Ok(pointer) => of.pointers.push(pointer),
            Err(TargetError::Damaged { what, why, .. }) => of.damaged = Some(format!("{what}: {why}")),
            Err(error) => return Err(error),
        }
    }
    for pointer in &of.pointers {
        if !matches!(&pointer.name.slot, Slot::Channel(channel) if followed.contains(channel)) {
            continue;
        }
        match history(home, &pointer.name).await {
            Ok(history) => drop(of.histories.insert(pointer.name.clone(), history)),
            Err(TargetError::Damaged { what, why, .. }) => of.damaged = Some(format!("{what}: {why}")),
            Err(error) => return Err(error),
        }
    }
    if let Some(shelf) = home.shelf() {
        match shelf.retirements(recipe).await {
            Ok(retirements) => of.retirements = retirements,
            Err(TargetError::Damaged { what, why, .. }) => of.damaged = Some(format!("{what}: {why}")),
            Err(error) => return Err(error),
        }
    }
    Ok((of, notes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_does_not_answer_is_given_up_for_whoever_asks() {
        let asked = in_time::<(), crate::release::ReleaseError>("the images at home", std::future::pending()).await;
        let told = asked.unwrap_err().to_string();
        assert!(told.contains("the images at home") && told.contains("180"), "{told}");
    }
}
