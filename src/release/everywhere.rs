//! A channel moves in all its places. The home region decides: once its pointer has moved, the move has happened, and all
//! other places follow. Before that every image was shown to be usable, so nothing ever needs to go back.
//!
//! The lock of the move stays until all places were tried; it holds what goes where. Where a mover dies, whoever comes by
//! after its time lets the others follow, or clears it where home did not move and must not move any more.

use super::distribute::{self, Row, State, Wanted, copy_of, version_pointer};
use super::error::ReleaseError;
use super::history::History;
use super::leftover;
use super::note::Note;
use super::places::{Place, Places, audience};
use super::shareable;
use crate::identity::{AccountId, Arch, ImageId, RecipeName, Region, Version};
use crate::pipeline::tags::{self, ImageState};
use crate::recipe::{ChannelRule, Reach};
use crate::target::{Elsewhere, Move, PointerName, Settled, Slot, Target, TargetError, Underway};
use futures_util::future::join_all;

/// Why nothing is done in a place that a lock names.
const NOT_REACHED: &str = "a lock names this place, and amifactory.yaml does not let the channel reach it";

/// What came of a move.
pub struct Moved {
    /// One row per place, home first.
    pub rows: Vec<Row>,
}

impl Moved {
    /// Whether every place names what it should.
    pub fn is_complete(&self) -> bool {
        self.rows.iter().all(|row| row.state == State::Moved)
    }
}

/// The places that a distribution has made ready.
pub fn ready(places: &Places<'_>, wanted: &Wanted, rows: &[Row]) -> Elsewhere {
    let of = |row: &Row| row.place.account.is_none() && row.place.region != places.known.home;
    let regions = rows.iter().filter(|row| of(row) && row.state == State::Ready);
    Elsewhere {
        regions: regions.filter_map(|row| Some((row.place.region.clone(), row.image.clone()?))).collect(),
        accounts: places.accounts(&wanted.reach),
    }
}

/// Moves a channel at home, and then everywhere else.
pub async fn carry_out(places: &Places<'_>, wanted: &Move) -> Result<Moved, ReleaseError> {
    let (_, held) = places.home.hold_move(wanted).await?;
    let mut rows = vec![Row {
        place: Place { account: None, region: places.known.home.clone() },
        image: Some(wanted.image.clone()),
        state: State::Moved,
        why: None,
    }];
    rows.extend(follow(places, &wanted.name, &wanted.image, &wanted.elsewhere, &wanted.note).await);
    // What was decided stands, also where the lock can't be removed: it runs out, and the next one clears it.
    let _ = places.home.let_go(&held).await;
    Ok(Moved { rows })
}

/// Lets all places but home follow it.
async fn follow(
    places: &Places<'_>,
    name: &PointerName,
    at_home: &ImageId,
    elsewhere: &Elsewhere,
    note: &Note,
) -> Vec<Row> {
    let pairs = pairs(places, at_home, elsewhere);
    // Tags of copies say it only once whoever revokes has come there; the mark is at home, and comes first.
    if let Some(why) = marked(places, name, at_home, note).await {
        let stays = |(place, image)| Row { place, image: Some(image), state: State::Behind, why: Some(why.clone()) };
        return pairs.into_iter().map(stays).collect();
    }
    let each = pairs.into_iter().map(|(place, image)| async move {
        let followed = match places.at(&place).await {
            Ok(there) => there.follow(name, &image, note).await.map(drop),
            Err(error) => Err(error),
        };
        match followed {
            Ok(()) => Row { place, image: Some(image), state: State::Moved, why: None },
            // It has followed, and should not have.
            Err(error @ TargetError::Unusable { .. }) => {
                Row { place, image: Some(image), state: State::Failed, why: Some(error.to_string()) }
            }
            Err(error) => Row { place, image: Some(image), state: State::Behind, why: Some(error.to_string()) },
        }
    });
    join_all(each).await
}

/// Why nobody may follow to a version, where it is marked as revoked, or where that can't be known.
async fn marked(places: &Places<'_>, name: &PointerName, at_home: &ImageId, note: &Note) -> Option<String> {
    let version = PointerName { slot: Slot::Version(note.version?), ..name.clone() };
    let read = match places.home.standing_and_marks(std::slice::from_ref(&version)).await {
        Ok(read) => read,
        Err(error) => return Some(error.to_string()),
    };
    let mark = read.revocations.get(&version)?.as_ref().ok().filter(|mark| mark.image == *at_home)?;
    Some(
        TargetError::Revoked {
            image: at_home.clone(),
            reason: mark.reason.clone(),
            what: "nothing follows to it".into(),
            help: match &name.slot {
                Slot::Channel(channel) => {
                    format!("take the channel back: amifactory rollback {} --channel {channel}", name.recipe)
                }
                Slot::Version(_) => format!("amifactory verify {} says what to do", name.recipe),
            },
        }
        .to_string(),
    )
}

/// Every place but home, with the image that it is to name.
fn pairs(places: &Places<'_>, at_home: &ImageId, elsewhere: &Elsewhere) -> Vec<(Place, ImageId)> {
    let home = std::iter::once((&places.known.home, at_home));
    let mut all = Vec::new();
    for (region, image) in home.chain(&elsewhere.regions) {
        let place = |account| Place { account, region: region.clone() };
        if *region != places.known.home {
            all.push((place(None), image.clone()));
        }
        all.extend(elsewhere.accounts.iter().map(|account| (place(Some(account.clone())), image.clone())));
    }
    all
}

/// Whether every place names what it should already, by a move of ours.
pub async fn is_everywhere(
    places: &Places<'_>,
    name: &PointerName,
    at_home: &ImageId,
    elsewhere: &Elsewhere,
) -> Result<bool, TargetError> {
    let each = pairs(places, at_home, elsewhere).into_iter().map(|(place, image)| async move {
        let there = places.at(&place).await?;
        match there.pointer(name).await {
            Ok(Some(pointer)) if pointer.image == image => {
                Ok(History::of(&there.history(name).await?).unrecorded().is_none())
            }
            Ok(_) => Ok(false),
            // Garbage is not the image: the channel moves there, and so over it.
            Err(TargetError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    });
    let named: Vec<bool> = join_all(each).await.into_iter().collect::<Result<_, _>>()?;
    Ok(named.into_iter().all(|named| named))
}

/// What places other than home name by a channel, as far as they can be asked: a channel that is gone at home may be there.
pub async fn named_elsewhere(places: &Places<'_>, reach: &Reach, name: &PointerName) -> Vec<(Place, ImageId)> {
    let regions = places.regions(reach);
    let accounts = places.accounts(reach);
    let all = regions.iter().flat_map(|region| {
        let of = |account| Place { account, region: region.clone() };
        accounts.iter().cloned().map(Some).chain([None]).map(of).collect::<Vec<_>>()
    });
    let each = all.filter(|place| *place != places.home_place()).map(|place| async move {
        let named = places.at(&place).await.ok()?.pointer(name).await.ok()??;
        Some((place, named.image))
    });
    join_all(each).await.into_iter().flatten().collect()
}

/// Where an image is ready by what pointers of its version say: for those who are in a hurry. Places where it is not are
/// answered as rows.
pub async fn known_ready(
    places: &Places<'_>,
    reach: &Reach,
    recipe: &RecipeName,
    which: (Arch, Version),
    at_home: &ImageId,
) -> (Elsewhere, Vec<Row>) {
    let (elsewhere, missing, _) = ready_with_lacks(places, reach, recipe, which, at_home).await;
    (elsewhere, missing)
}

/// By region: its image, and whom it lacks.
type Lacks = Vec<(Region, ImageId, Result<Vec<String>, TargetError>)>;

/// The same, with all whom images are to be shared with and are not.
async fn ready_with_lacks(
    places: &Places<'_>,
    reach: &Reach,
    recipe: &RecipeName,
    (arch, version): (Arch, Version),
    at_home: &ImageId,
) -> (Elsewhere, Vec<Row>, Lacks) {
    let name = &version_pointer(recipe, arch, version);
    let regions = places.regions(reach);
    let accounts = places.accounts(reach);
    let all = regions.iter().flat_map(|region| {
        let of_account =
            accounts.iter().map(|account| Place { account: Some(account.clone()), region: region.clone() });
        let own = (*region != places.known.home).then(|| Place { account: None, region: region.clone() });
        own.into_iter().chain(of_account)
    });
    let each = all.map(|place| async move {
        let found = named_there(places, &place, name).await;
        (place, found)
    });
    let found = join_all(each).await;
    let (mut elsewhere, mut missing) = (Elsewhere::default(), Vec::new());
    let image_of = |region: &Region| match found.iter().find(|(p, _)| p.account.is_none() && p.region == *region) {
        Some((_, Ok(image))) => Some(image.clone()),
        _ => (*region == places.known.home).then(|| at_home.clone()),
    };
    for (place, found) in &found {
        let (image, why) = match found {
            Ok(image) if place.account.is_none() => {
                elsewhere.regions.insert(place.region.clone(), image.clone());
                continue;
            }
            Ok(image) if Some(image) == image_of(&place.region).as_ref() => continue,
            Ok(image) => (Some(image.clone()), another_there(name, place, version)),
            Err(error) => (None, error.to_string()),
        };
        missing.push(Row { place: place.clone(), image, state: State::Behind, why: Some(why) });
    }
    // An account that may not launch the image can't be told to: Parameter Store would refuse it without a reason.
    let lacks = unshared(places, reach, at_home, &elsewhere).await;
    for (region, image, lacking) in &lacks {
        let Ok(lacking) = lacking else { continue };
        for account in &accounts {
            let place = Place { account: Some(account.clone()), region: region.clone() };
            let own: Vec<&str> =
                lacking.iter().filter(|text| text.contains(account.as_str())).map(|t| t.as_str()).collect();
            if !own.is_empty() && !missing.iter().any(|row| row.place == place) {
                let why =
                    format!("it lacks {}\n  share it anew: amifactory distribute {recipe}@{version}", own.join(", "));
                missing.push(Row { place, image: Some(image.clone()), state: State::Behind, why: Some(why) });
            }
        }
    }
    // An account takes part where it is ready in all regions that do.
    let short: Vec<AccountId> = missing.iter().filter_map(|row| row.place.account.clone()).collect();
    elsewhere.accounts = accounts.iter().filter(|account| !short.contains(account)).cloned().collect();
    for account in accounts.iter().filter(|account| short.contains(account)) {
        for region in regions.iter().filter(|region| image_of(region).is_some()) {
            let place = Place { account: Some(account.clone()), region: region.clone() };
            if !missing.iter().any(|row| row.place == place) {
                let why = "it is not ready in all regions of this account".to_owned();
                missing.push(Row { place, image: image_of(region), state: State::Behind, why: Some(why) });
            }
        }
    }
    (elsewhere, missing, lacks)
}

/// Why a place can't follow whose pointer of the version someone wrote, and what lets it.
fn another_there(name: &PointerName, place: &Place, version: Version) -> String {
    format!(
        "{name} names another image there than in its region\n  find out who wrote it, then delete it and bring the version \
         there: {}, then amifactory distribute {}@{version}",
        distribute::delete(name, place),
        name.recipe
    )
}

/// Whom the image of each region is to be shared with and is not.
async fn unshared(places: &Places<'_>, reach: &Reach, at_home: &ImageId, elsewhere: &Elsewhere) -> Lacks {
    let whom = audience(reach);
    if whom.is_empty() {
        return Lacks::new();
    }
    let home = std::iter::once((&places.known.home, at_home));
    let each = home.chain(&elsewhere.regions).map(|(region, image)| {
        let (place, whom) = (Place { account: None, region: region.clone() }, &whom);
        async move {
            let images = std::slice::from_ref(image);
            let lacks = match *region == places.known.home {
                true => places.home.unshared(images, whom).await,
                false => match places.at(&place).await {
                    Ok(there) => there.unshared(images, whom).await,
                    Err(error) => Err(error),
                },
            };
            let lacks = lacks.map(|mut lacks| lacks.remove(image).unwrap_or_default());
            (region.clone(), image.clone(), lacks)
        }
    });
    join_all(each).await
}

/// Where an image is not ready yet, by what is there: its version's pointer, the copy, and who may use it. Makes nothing.
pub async fn not_ready(
    places: &Places<'_>,
    reach: &Reach,
    recipe: &RecipeName,
    which: (Arch, Version),
    at_home: &ImageId,
) -> Vec<Row> {
    let (_, mut missing, lacks) = ready_with_lacks(places, reach, recipe, which, at_home).await;
    // What can't be shared is told with what mends it, and not with what is only missing for it.
    let refused = shareable::refused(places, recipe, at_home, reach).await;
    let is_refused = |row: &Row| refused.iter().any(|refused| refused.place == row.place);
    missing.retain(|row| !is_refused(row));
    missing.extend(lacks.into_iter().filter_map(|(region, image, lacks)| {
        let why = match lacks {
            Ok(lacks) if lacks.is_empty() => return None,
            Ok(lacks) => format!("it lacks {}", lacks.join(", ")),
            Err(error) => error.to_string(),
        };
        let place = Place { account: None, region };
        Some(Row { place, image: Some(image), state: State::Behind, why: Some(why) }).filter(|row| !is_refused(row))
    }));
    missing.splice(0..0, refused.iter().cloned());
    missing
}

/// What a version's pointer names in a place; in an own region the image must still be there.
async fn named_there(places: &Places<'_>, place: &Place, name: &PointerName) -> Result<ImageId, TargetError> {
    let there = places.at(place).await?;
    let missing = || TargetError::Unsupported {
        what: format!("{name} names nothing in {place}"),
        help: match &name.slot {
            Slot::Version(version) => format!("bring it there: amifactory distribute {}@{version}", name.recipe),
            Slot::Channel(_) => format!("bring it there: amifactory distribute {}", name.recipe),
        },
    };
    let pointer = there.pointer(name).await?.ok_or_else(missing)?;
    if place.account.is_none() {
        let images = there.images_of(&name.recipe).await?;
        match images.iter().find(|image| image.id == pointer.image) {
            Some(image) if image.available => {}
            Some(image) if image.is_disabled() => {
                let version = match &name.slot {
                    Slot::Version(version) => format!("{}@{version}", name.recipe),
                    Slot::Channel(_) => image.id.to_string(),
                };
                return Err(TargetError::Unusable {
                    image: image.id.clone(),
                    place: place.to_string(),
                    why: "it was disabled on its way out".into(),
                    help: format!(
                        "bring it back, and run the same command again: amifactory retire --restore {version}"
                    ),
                });
            }
            _ => return Err(TargetError::NotFound { what: format!("image {} in {place}", pointer.image) }),
        }
    }
    Ok(pointer.image)
}

/// What a lock says is elsewhere, told apart: what is there and is what it is to be, and rows of the places that can't
/// follow. Copies may be gone since the lock was written, and Parameter Store would be waited for in vain; and whoever may
/// write a lock may not choose what places name.
async fn sound(places: &Places<'_>, reach: &Reach, underway: &Underway) -> (Elsewhere, Vec<Row>) {
    let (within, mut rows) = reached(places, reach, underway);
    let each = within.regions.iter().map(|(region, image)| async move {
        (region.clone(), image.clone(), is_copy(places, underway, region, image).await)
    });
    let accounts = within.accounts.clone();
    let mut copies = Elsewhere { accounts: accounts.clone(), ..Elsewhere::default() };
    for (region, image, outcome) in join_all(each).await {
        let Err(error) = outcome else {
            copies.regions.insert(region, image);
            continue;
        };
        rows.extend(std::iter::once(None).chain(accounts.iter().cloned().map(Some)).map(|account| Row {
            place: Place { account, region: region.clone() },
            image: Some(image.clone()),
            state: State::Behind,
            why: Some(error.to_string()),
        }));
    }
    (copies, rows)
}

/// What a lock says is elsewhere, as far as amifactory.yaml lets its channel reach it, and rows of the places where it does
/// not: nothing is done there because a parameter says so.
fn reached(places: &Places<'_>, reach: &Reach, underway: &Underway) -> (Elsewhere, Vec<Row>) {
    let Elsewhere { regions, accounts } = &underway.elsewhere;
    let spoken_to = places.accounts(reach);
    let (within, beyond): (Vec<_>, Vec<_>) = regions.iter().partition(|(region, _)| reach.regions.contains(region));
    let (accounts, strangers): (Vec<_>, Vec<_>) =
        accounts.iter().cloned().partition(|account| spoken_to.contains(account));
    let mut rows: Vec<Row> = Vec::new();
    let mut left_out = |account: Option<&AccountId>, region: &Region, image: &ImageId| {
        rows.push(Row {
            place: Place { account: account.cloned(), region: region.clone() },
            image: Some(image.clone()),
            state: State::Behind,
            why: Some(NOT_REACHED.to_owned()),
        });
    };
    for (region, image) in &beyond {
        std::iter::once(None)
            .chain(underway.elsewhere.accounts.iter().map(Some))
            .for_each(|account| left_out(account, region, image));
    }
    let home = std::iter::once((&places.known.home, &underway.image));
    for (region, image) in home.chain(within.iter().copied()) {
        strangers.iter().for_each(|account| left_out(Some(account), region, image));
    }
    let regions = within.into_iter().map(|(region, image)| (region.clone(), image.clone())).collect();
    (Elsewhere { regions, accounts }, rows)
}

/// Refuses an image of a region that is not the ready copy of the image at home which the region's version names.
async fn is_copy(
    places: &Places<'_>,
    underway: &Underway,
    region: &Region,
    image: &ImageId,
) -> Result<(), TargetError> {
    let PointerName { recipe, arch, slot } = &underway.name;
    let (place, home) = (Place { account: None, region: region.clone() }, &places.known.home);
    let version = underway.note.version.map(|version| format!("@{version}")).unwrap_or_default();
    let unusable = |why: String| TargetError::Unusable {
        image: image.clone(),
        place: place.to_string(),
        why,
        help: match slot {
            Slot::Channel(channel) => {
                format!(
                    "amifactory promote {recipe}{version} --to {channel} makes what is missing, and brings it there"
                )
            }
            Slot::Version(_) => format!("amifactory distribute {recipe}{version} makes what is missing"),
        },
    };
    if region == home || !places.known.regions.contains_key(region) {
        return Err(unusable("amifactory.yaml distributes nothing there".into()));
    }
    let there = places.at(&place).await?;
    let found = there.images_of(recipe).await?.into_iter().find(|found| found.id == *image);
    let Some(found) = found.filter(|found| found.available) else {
        // A version is written once, in each place: there another copy would have no name.
        let help = match slot {
            Slot::Channel(channel) => format!(
                "amifactory rollback {recipe} --channel {channel} brings all places back together; amifactory build \
                 {recipe} --force makes another version"
            ),
            Slot::Version(_) => format!("amifactory build {recipe} --force makes another version"),
        };
        return Err(TargetError::Unusable {
            image: image.clone(),
            place: place.to_string(),
            why: "it is gone, not available or no image of this recipe".into(),
            help,
        });
    };
    let origin = copy_of(&underway.image, home);
    if found.tags.get(tags::COPY_OF) != Some(&origin) {
        return Err(unusable(format!("it is no copy of {origin}, by its tags")));
    }
    if ImageState::of(&found.tags) < ImageState::Verified || tags::revoked(&found.tags).is_some() {
        return Err(unusable("it is not ready or revoked, by its tags".into()));
    }
    let named = match underway.note.version {
        Some(version) => there.pointer(&version_pointer(recipe, *arch, version)).await?,
        None => None,
    };
    match named {
        Some(pointer) if pointer.image == *image => Ok(()),
        _ => Err(unusable("the pointer of its version does not name it there".into())),
    }
}

/// Settles a move that someone left, by the rule of its channel: at home, and where that stands, everywhere else.
pub async fn settle(
    home: &dyn Target,
    places: Option<&Places<'_>>,
    (rule, underway): (Option<&ChannelRule>, &Underway),
) -> Result<(Settled, Vec<Row>), TargetError> {
    let refused = leftover::refused(home, rule, underway).await?;
    let Some(rule) = rule.filter(|_| !underway.elsewhere.is_empty()) else {
        return Ok((home.settle_move(underway, refused).await?, Vec::new()));
    };
    // Where nothing is distributed, what a lock says of other places is not so.
    if places.is_none() && rule.reach.is_home() {
        return Ok((home.settle_move(underway, refused).await?, Vec::new()));
    }
    let Some(places) = places else {
        return Err(TargetError::Unsupported {
            what: format!(
                "the move of {} reaches other places, and amifactory.yaml has no `distribution:`",
                underway.name
            ),
            help: "settle it in the factory that began it".into(),
        });
    };
    let end = home.settle_held(underway, refused).await?;
    let mut rows = Vec::new();
    if end.stands {
        let copies;
        (copies, rows) = sound(places, &rule.reach, underway).await;
        rows.extend(follow(places, &underway.name, &underway.image, &copies, &underway.note.finished()).await);
    }
    if let Some(held) = &end.held {
        home.let_go(held).await?;
    }
    let finished = end.stands && end.settled == Settled::Cleared;
    Ok((if finished { Settled::Finished } else { end.settled }, rows))
}
