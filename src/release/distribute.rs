//! Distribution: an image is copied to regions, shared, and shown to be usable; then its version has a pointer there.
//! Every step looks before it acts and again after it, so that whoever comes after a crash goes on from what is there.
//!
//! Until all that is done a copy says that it is a candidate, as an image does that was not tested: `sweep` finds it by
//! its tags where nobody comes back for it.

use super::error::ReleaseError;
use super::note::{Kind, Note};
use super::places::{Place, Places, audience};
use super::scene::Candidate;
use super::shareable;
use crate::identity::{AccountId, Arch, ImageId, RecipeName, Region, Version};
use crate::pipeline::wait::{AVAILABLE, pace};
use crate::pipeline::{Event, Sink, clock, tags};
use crate::recipe::Reach;
use crate::target::{CopyRequest, Image, ImageRecord, Part, PointerName, Slot, Tags, Target, TargetError, remind};
use futures_util::future::join_all;
use serde::Serialize;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How many copies are begun for one image in one region: each that fails is removed before the next.
const ATTEMPTS: u32 = 5;
/// How long a copy that was begun may be unseen (EC2 developer guide, "Eventual consistency": backoff up to 2.5 minutes).
const UNSEEN: Duration = Duration::from_secs(160);

/// What is to be where.
pub struct Wanted {
    /// The image at home, with its version.
    pub candidate: Candidate,
    /// Its recipe.
    pub recipe: RecipeName,
    /// Its architecture.
    pub arch: Arch,
    /// Its record, which goes with it.
    pub record: ImageRecord,
    /// Where.
    pub reach: Reach,
}

/// One place, and what is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// The image there, once it is known.
    pub image: Option<ImageId>,
    /// How it stands there.
    pub state: State,
    /// What went wrong, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How it stands in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was shown that the image can be used there, and its version's pointer names it.
    Ready,
    /// It is shared with the account; nobody has looked from there, because no role is given.
    Shared,
    /// Something is missing.
    Failed,
    /// Its channel has moved.
    Moved,
    /// Its channel names what it did before.
    Behind,
    /// Nothing was tried, because the region's image is not ready.
    Waiting,
}

impl State {
    /// The word that is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Ready => "ready",
            State::Shared => "shared",
            State::Failed => "failed",
            State::Moved => "moved",
            State::Behind => "behind",
            State::Waiting => "waiting",
        }
    }
}

/// An image and where it is.
#[derive(Debug, Clone)]
pub struct Distributed {
    /// One row per place, home first.
    pub rows: Vec<Row>,
}

impl Distributed {
    /// Whether all is where it should be.
    pub fn is_complete(&self) -> bool {
        self.rows.iter().all(|row| matches!(row.state, State::Ready | State::Shared))
    }
}

/// Makes what is missing, in all regions at once. What fails in one place keeps no other from going on.
pub async fn distribute(places: &Places<'_>, wanted: &Wanted, sink: &dyn Sink) -> Distributed {
    let refused = shareable::refused(places, &wanted.recipe, &wanted.candidate.image.id, &wanted.reach).await;
    if !refused.is_empty() {
        return Distributed { rows: shareable::nothing_tried(places, &wanted.reach, refused) };
    }
    let regions = places.regions(&wanted.reach);
    let each = regions.iter().map(|region| region_and_accounts(places, wanted, region, sink));
    let mut rows: Vec<Row> = join_all(each).await.into_iter().flatten().collect();
    // What was revoked since the last look is ready nowhere. Whoever revoked it has seen these copies; marking them twice
    // harms nothing.
    if let Err(error) = stands(places, wanted).await {
        for row in rows.iter_mut().filter(|row| matches!(row.state, State::Ready | State::Shared)) {
            (row.state, row.why) = (State::Failed, Some(error.to_string()));
            if row.place.account.is_none()
                && row.place.region != places.known.home
                && let Some(copy) = &row.image
                && let Err(error) = mark(places, wanted, &row.place, copy).await
            {
                row.why = Some(error.to_string());
            }
        }
    }
    Distributed { rows }
}

/// Looks at the image at home once more: a copy takes its time, and a revocation that came in between has perhaps found no
/// copy that it could mark.
async fn stands(places: &Places<'_>, wanted: &Wanted) -> Result<(), TargetError> {
    let reason = revoked(places, wanted).await?.and_then(|mark| mark.get(tags::REVOKED).cloned());
    match reason {
        None => Ok(()),
        Some(reason) => Err(TargetError::Revoked {
            image: wanted.candidate.image.id.clone(),
            reason,
            what: "that was not so when it was to be distributed".into(),
            help: format!("take another version (amifactory images {}), or build a new one", wanted.recipe),
        }),
    }
}

/// The tags by which the image at home says that it is revoked, or would where they were not taken from it: the mark of its
/// version says so too. None where neither does.
async fn revoked(places: &Places<'_>, wanted: &Wanted) -> Result<Option<Tags>, TargetError> {
    let source = &wanted.candidate.image.id;
    let mut now = places.home.images_of(&wanted.recipe).await?.into_iter().find(|image| image.id == *source);
    if let Some(image) = now.as_mut().filter(|image| tags::revoked(&image.tags).is_none()) {
        let name = version_pointer(&wanted.recipe, wanted.arch, wanted.candidate.version);
        remind(std::slice::from_mut(image), &places.home.standing_and_marks(&[name]).await?.revocations);
    }
    let now = now.filter(|image| tags::revoked(&image.tags).is_some());
    Ok(now.map(|image| {
        let all = image.tags.into_iter();
        all.filter(|(key, _)| [tags::REVOKED, tags::REVOKED_BY].contains(&key.as_str())).collect()
    }))
}

/// Marks a copy as its source is.
async fn mark(places: &Places<'_>, wanted: &Wanted, place: &Place, copy: &ImageId) -> Result<(), TargetError> {
    let Some(mark) = revoked(places, wanted).await? else { return Ok(()) };
    places.at(place).await?.tag_image(copy, &mark).await
}

async fn region_and_accounts(places: &Places<'_>, wanted: &Wanted, region: &Region, sink: &dyn Sink) -> Vec<Row> {
    let place = |account: Option<&AccountId>| Place { account: account.cloned(), region: region.clone() };
    let failed = |place: Place, image: Option<ImageId>, error: &ReleaseError| Row {
        place,
        image,
        state: State::Failed,
        why: Some(error.to_string()),
    };
    let mut rows = Vec::new();
    let (image, parts) = match in_region(places, wanted, region, sink).await {
        Ok(ready) => ready,
        Err(error) => {
            rows.push(failed(place(None), None, &error));
            let waiting = |account| Row { place: place(Some(account)), image: None, state: State::Waiting, why: None };
            rows.extend(wanted.reach.accounts.iter().map(waiting));
            return rows;
        }
    };
    rows.push(Row { place: place(None), image: Some(image.clone()), state: State::Ready, why: None });
    let spoken_to = places.accounts(&wanted.reach);
    let each = wanted.reach.accounts.iter().map(|account| {
        let (image, parts, spoken_to, here) = (&image, &parts, &spoken_to, place(Some(account)));
        async move {
            if !spoken_to.contains(account) {
                return Row { place: here, image: Some(image.clone()), state: State::Shared, why: None };
            }
            match in_account(places, wanted, &here, image, parts).await {
                Ok(()) => Row { place: here, image: Some(image.clone()), state: State::Ready, why: None },
                Err(error) => failed(here, Some(image.clone()), &error),
            }
        }
    });
    rows.extend(join_all(each).await);
    rows
}

/// The image in a region of one's own: there, encrypted, shared, with its record and its version's pointer.
async fn in_region(
    places: &Places<'_>,
    wanted: &Wanted,
    region: &Region,
    sink: &dyn Sink,
) -> Result<(ImageId, Vec<Part>), ReleaseError> {
    let source = &wanted.candidate.image;
    if *region == places.known.home {
        let parts = whole(places.home, source, region).await?;
        stands(places, wanted).await?;
        places.home.share(&source.id, &parts, &audience(&wanted.reach)).await?;
        return Ok((source.id.clone(), parts));
    }
    let there = places.at(&Place { account: None, region: region.clone() }).await?;
    let there = &*there;
    is_free(places, there, wanted, region).await?;
    let copy = copied(places, wanted, there, region, sink).await?;
    let parts = whole(there, &copy, region).await?;
    if there.record(&copy.id).await.ok().as_ref() != Some(&wanted.record) {
        there.put_record(&copy.id, &wanted.record).await?;
    }
    if let Err(error) = stands(places, wanted).await {
        mark(places, wanted, &Place { account: None, region: region.clone() }, &copy.id).await?;
        return Err(error.into());
    }
    there.share(&copy.id, &parts, &audience(&wanted.reach)).await?;
    let state = tags::ImageState::of(&source.tags).as_str().to_owned();
    if copy.tags.get(tags::STATE) != Some(&state) {
        there.tag_image(&copy.id, &[(tags::STATE.to_owned(), state)].into()).await?;
    }
    point(there, wanted, &copy.id, &Place { account: None, region: region.clone() }).await?;
    Ok((copy.id, parts))
}

/// A version's pointer is written once: where it names something else, or what can't be used, no copy is begun.
async fn is_free(places: &Places<'_>, there: &dyn Target, wanted: &Wanted, region: &Region) -> Result<(), TargetError> {
    let version = wanted.candidate.version;
    let name = version_pointer(&wanted.recipe, wanted.arch, version);
    let Some(pointer) = there.pointer(&name).await? else { return Ok(()) };
    let unusable = |why: &str, help: String| {
        Err(TargetError::Unusable { image: pointer.image.clone(), place: region.to_string(), why: why.into(), help })
    };
    let images = there.images_of(&wanted.recipe).await?;
    match images.iter().find(|image| image.id == pointer.image) {
        Some(image) if image.is_disabled() => unusable(
            "it was disabled on its way out",
            format!(
                "bring it back, and run the same command again: amifactory retire --restore {}@{version}",
                wanted.recipe
            ),
        ),
        Some(_) => Ok(()),
        // A place may not know yet what was made a moment ago: only what stays away is gone.
        None => match there.image(&pointer.image).await? {
            Some(_) => Ok(()),
            None => {
                let mut all = vec![delete(&name, &Place { account: None, region: region.clone() })];
                all.extend(stale_in_accounts(places, wanted, region, (&name, &pointer.image)).await);
                unusable(
                    "the version's pointer names it, and it is gone",
                    format!(
                        "delete the pointers that name it, and run the same command again, which makes another copy:\n  {}",
                        all.join("\n  ")
                    ),
                )
            }
        },
    }
}

/// What deletes a version's pointer in the accounts in which it names an image that is gone. An account that can't be asked
/// is told, where it is its turn.
async fn stale_in_accounts(
    places: &Places<'_>,
    wanted: &Wanted,
    region: &Region,
    (name, gone): (&PointerName, &ImageId),
) -> Vec<String> {
    let each = places.accounts(&wanted.reach).into_iter().map(|account| async move {
        let place = Place { account: Some(account), region: region.clone() };
        let named = places.at(&place).await.ok()?.pointer(name).await.ok()??;
        (named.image == *gone).then(|| delete(name, &place))
    });
    join_all(each).await.into_iter().flatten().collect()
}

/// The command that deletes a version's pointer in a place, which nothing of ours ever does.
pub fn delete(name: &PointerName, place: &Place) -> String {
    let command = format!("aws ssm delete-parameter --name {name} --region {}", place.region);
    match &place.account {
        None => command,
        Some(account) => format!("with the credentials of account {account}: {command}"),
    }
}

/// What a copy says that it is a copy of.
pub fn copy_of(source: &ImageId, home: &Region) -> String {
    format!("{source} {home}")
}

/// The tags of a copy: those of its source, and what it is a copy of. It is a candidate until it is ready.
fn copy_tags(source: &Image, home: &Region) -> Tags {
    let mut all = source.tags.clone();
    all.remove(tags::CHANNELS);
    all.insert(tags::COPY_OF.into(), copy_of(&source.id, home));
    all.insert(tags::STATE.into(), tags::ImageState::Candidate.as_str().into());
    all
}

/// The copy in a region, once it is available.
async fn copied(
    places: &Places<'_>,
    wanted: &Wanted,
    there: &dyn Target,
    region: &Region,
    sink: &dyn Sink,
) -> Result<Image, TargetError> {
    let source = &wanted.candidate.image;
    let all = copy_tags(source, &places.known.home);
    let is_copy = |image: &&Image| image.tags.get(tags::COPY_OF) == all.get(tags::COPY_OF);
    let mut last = String::new();
    for attempt in 1..=ATTEMPTS {
        let found =
            there.images_of(&wanted.recipe).await?.iter().filter(is_copy).min_by_key(|image| image.id.clone()).cloned();
        let copy = match found {
            Some(copy) => copy,
            None => {
                let text = format!("{} {} is copied to {region}", wanted.recipe, wanted.candidate.version);
                sink.event(&Event::Notice { build: None, text });
                let request = CopyRequest {
                    source: source.id.clone(),
                    from: places.known.home.clone(),
                    name: source.name.clone(),
                    tags: all.clone(),
                    kms_key: places.known.regions.get(region).and_then(|settings| settings.kms_key.clone()),
                    attempt,
                };
                there.copy_image(&request).await?
            }
        };
        let told = |text| sink.event(&Event::Notice { build: None, text });
        match settled(there, copy, region, &told).await? {
            Some(copy) if copy.failed.is_none() => return Ok(copy),
            Some(copy) => {
                last = format!("{} failed: {}", copy.id, copy.failed.as_deref().unwrap_or_default());
                // A failed copy holds its name until it is gone.
                there.delete_image(&copy.id).await?;
            }
            None => last = "a copy that was begun was never seen".to_owned(),
        }
    }
    Err(TargetError::Unusable {
        image: source.id.clone(),
        place: region.to_string(),
        why: format!("{ATTEMPTS} copies of it were begun and none came to its end; {last}"),
        help: format!(
            "check the KMS key that distribution gives {region}: it must be there, enabled, and yours to use"
        ),
    })
}

/// Waits until a copy is available or has failed; none where nobody knows it.
async fn settled(
    there: &dyn Target,
    mut copy: Image,
    region: &Region,
    told: &(dyn Fn(String) + Sync),
) -> Result<Option<Image>, TargetError> {
    let began = Instant::now();
    let (mut seen, mut minutes) = (Instant::now(), 0);
    while !copy.available && copy.failed.is_none() {
        sleep(pace(began.elapsed())).await;
        match there.image(&copy.id).await? {
            Some(now) => {
                copy = now;
                seen = Instant::now();
            }
            None if seen.elapsed() > UNSEEN => return Ok(None),
            None => {}
        }
        if began.elapsed().as_secs() / 60 > minutes {
            minutes = began.elapsed().as_secs() / 60;
            let what =
                if seen.elapsed() > Duration::from_secs(60) { "is not there yet" } else { "is still being made" };
            told(format!("the copy {} in {region} {what}, after {minutes} min", copy.id));
        }
        if began.elapsed() > AVAILABLE {
            return Err(TargetError::GaveUp {
                call: "ec2:CopyImage".into(),
                resource: copy.id.to_string(),
                attempts: 1,
                seconds: AVAILABLE.as_secs(),
                last: "it is still pending".into(),
            });
        }
    }
    Ok(Some(copy))
}

/// The snapshots of a copy, once they are all complete; all must be encrypted.
async fn whole(there: &dyn Target, copy: &Image, region: &Region) -> Result<Vec<Part>, TargetError> {
    let began = Instant::now();
    loop {
        let parts = there.parts(&copy.id).await;
        let unusable = |why: String| TargetError::Unusable {
            image: copy.id.clone(),
            place: region.to_string(),
            why,
            help: format!("remove it, and run the same command again: aws ec2 deregister-image --image-id {}", copy.id),
        };
        match parts {
            Ok(parts) if parts.iter().all(|part| part.complete) => {
                return match parts.iter().find(|part| !part.encrypted) {
                    Some(part) => Err(unusable(format!("its snapshot {} is not encrypted", part.snapshot))),
                    None => Ok(parts),
                };
            }
            Ok(_) | Err(TargetError::NotFound { .. }) if began.elapsed() < UNSEEN => sleep(pace(began.elapsed())).await,
            Ok(_) => return Err(unusable("its snapshots are not complete".into())),
            Err(error) => return Err(error),
        }
    }
}

/// The image in another account: it can be used there, and its version's pointer names it.
async fn in_account(
    places: &Places<'_>,
    wanted: &Wanted,
    here: &Place,
    image: &ImageId,
    parts: &[Part],
) -> Result<(), ReleaseError> {
    let there = places.at(here).await?;
    there.check_use(image, parts).await?;
    point(&*there, wanted, image, here).await
}

/// The version's pointer, which is written once.
async fn point(there: &dyn Target, wanted: &Wanted, image: &ImageId, place: &Place) -> Result<(), ReleaseError> {
    let version = wanted.candidate.version;
    let name = version_pointer(&wanted.recipe, wanted.arch, version);
    let taken = |found: &ImageId| TargetError::Unusable {
        image: found.clone(),
        place: place.to_string(),
        why: format!("{name} names it there, and {version} is {image} in {}", place.region),
        help: format!("find out who wrote it, then delete it and run the same command again: {}", delete(&name, place)),
    };
    match there.pointer(&name).await? {
        Some(pointer) if pointer.image == *image => return Ok(()),
        Some(pointer) => return Err(taken(&pointer.image).into()),
        None => {}
    }
    let note = Note { version: Some(version), ..Note::new(Kind::Publish, clock::rfc3339(there.now())) };
    there.create_pointer(&name, image, &note).await?;
    match there.read_back(std::slice::from_ref(&name), image).await?.pop() {
        Some(pointer) if pointer.image == *image => Ok(()),
        Some(pointer) => Err(taken(&pointer.image).into()),
        None => Err(TargetError::Dropped { what: name.to_string(), image: image.clone() }.into()),
    }
}

/// The pointer of a version.
pub fn version_pointer(recipe: &RecipeName, arch: Arch, version: Version) -> PointerName {
    PointerName { recipe: recipe.clone(), arch, slot: Slot::Version(version) }
}
