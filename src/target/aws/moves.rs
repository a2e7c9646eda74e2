//! Moving a channel alone. Parameter Store has no compare-and-set, but it creates a parameter only once: whoever has
//! made `…/moves/<channel>` moves that channel, and it holds the whole intent, so that others can finish what its owner
//! can't. After [`LEASE`], by the service's own clock, the intent belongs to whoever comes next.
//!
//! A mover that was stopped for longer than that and goes on writes too late. That is found by the revision, and taken
//! back (see [`contest`]): the lock keeps people from each other's way, the revisions decide.

use super::api::{Api, op};
use super::contest::{self, Write};
use super::parameters::{self, Plain};
use super::pointers::{self, Unfit, history, unfit, unfit_or_marked};
use super::tags;
use crate::identity::{Arch, ImageId, RecipeName};
use crate::pipeline::clock;
use crate::release::intent::{self, Foreign};
use crate::release::note::same_move;
use crate::release::{Kind, Note};
use crate::target::{
    Elsewhere, Entry, Held, HeldEnd, Move, Pointer, PointerName, Settled, Slot, TargetError, Underway, moment,
};
use aws_sdk_ec2::types::{Filter, ImageState};
use aws_sdk_ssm::types::Parameter;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;

/// How long a move belongs to whoever began it.
pub const LEASE: Duration = Duration::from_secs(15 * 60);
/// How often someone else's lock is looked at before one gives up.
const ROUNDS: u32 = 3;

/// What the lock holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Tells locks apart.
    id: String,
    by: String,
    /// The revision that the pointer had; 0 where there was none.
    follows: u64,
    to: ImageId,
    note: Note,
    #[serde(default, skip_serializing_if = "Elsewhere::is_empty")]
    elsewhere: Elsewhere,
}

/// `/amifactory/<recipe>/<arch>/moves/<channel>`
fn lock_name(name: &PointerName) -> String {
    let Slot::Channel(channel) = &name.slot else { return format!("{name}/moves") };
    format!("/amifactory/{}/{}/moves/{channel}", name.recipe, name.arch)
}

/// The channel that a lock is for, by its name.
pub(super) fn parse_lock(text: &str) -> Option<PointerName> {
    let parts: Vec<&str> = text.split('/').collect();
    let ["", "amifactory", recipe, arch, "moves", channel] = parts.as_slice() else { return None };
    Some(PointerName {
        recipe: recipe.parse().ok()?,
        arch: arch.parse().ok()?,
        slot: Slot::Channel(channel.parse().ok()?),
    })
}

/// The move that a lock in a listing tells of.
pub(super) fn in_parameter(api: &Api, name: PointerName, parameter: &Parameter) -> Result<Underway, TargetError> {
    let found = parameters::read::<Intent>(parameter.name().unwrap_or_default(), parameter)?;
    Ok(underway_of(api, name, &found))
}

/// Moves a pointer, or says who is moving it or has moved it.
pub async fn alone(api: &Api, wanted: &Move, by: &str) -> Result<Pointer, TargetError> {
    let (moved, held) = hold(api, wanted, by).await?;
    // What was decided stands, also where the lock could not be removed: it runs out, and the next one clears it.
    let _ = release(api, &held.name, &held.lock).await;
    Ok(moved)
}

/// The same, but the lock stays where it has moved.
pub async fn hold(api: &Api, wanted: &Move, by: &str) -> Result<(Pointer, Held), TargetError> {
    let intent = Intent {
        id: format!("{:016x}", fastrand::u64(..)),
        by: by.to_owned(),
        follows: wanted.expected.as_ref().map_or(0, |pointer| pointer.revision),
        to: wanted.image.clone(),
        note: wanted.note.clone(),
        elsewhere: wanted.elsewhere.clone(),
    };
    if let Ok(length) = serde_json::to_string(&intent).map(|text| text.len())
        && length > parameters::LONGEST
    {
        return Err(TargetError::Unsupported {
            what: format!(
                "{} moves in so many places that its record has {length} bytes, and {} fit",
                wanted.name,
                parameters::LONGEST
            ),
            help: "say --why and the like in fewer words, or let another channel reach some of the places".into(),
        });
    }
    let taken = take(api, wanted, &intent).await?;
    let entries = match look(api, wanted, taken).await {
        Ok(entries) => entries,
        // Nothing was written, so there is nothing for anyone to finish.
        Err(error) => {
            release(api, &wanted.name, &intent.id).await?;
            return Err(error);
        }
    };
    let write = Write { name: &wanted.name, follows: intent.follows, image: &wanted.image, note: &wanted.note };
    match contest::write(api, &write, &entries).await {
        Ok(moved) => {
            // Whoever revoked or removed it after the look has seen a channel that did not name it yet, and perhaps died
            // before its tags said so.
            let version = version_of(&wanted.name, &wanted.note);
            if let Some(unfit) = unfit_or_marked(api, version.as_ref(), &wanted.image).await? {
                release(api, &wanted.name, &intent.id).await?;
                return Err(named_unfit(&wanted.name, &wanted.image, &unfit));
            }
            Ok((moved, Held { name: wanted.name.clone(), lock: intent.id }))
        }
        // Where it is not known what came of the write, the intent stays for whoever comes next.
        Err(error @ (TargetError::GaveUp { .. } | TargetError::Credentials { .. })) => Err(error),
        Err(error) => {
            release(api, &wanted.name, &intent.id).await?;
            Err(error)
        }
    }
}

/// Moves a pointer to where the same channel has moved at home, by the note that is recorded there.
pub async fn follow(api: &Api, name: &PointerName, image: &ImageId, note: &Note) -> Result<Pointer, TargetError> {
    let entries = history(api, name).await?;
    let mine = |entry: &Entry| same_move(image, note, &entry.image, Note::read(&entry.note).as_ref());
    match (entries.iter().rposition(mine), entries.last()) {
        (Some(at), Some(_)) if at + 1 == entries.len() => {
            let there = pointers::read(api, std::slice::from_ref(name)).await?.pop();
            return there.ok_or_else(|| TargetError::NotFound { what: name.to_string() });
        }
        // It followed already, and then someone moved on.
        (Some(_), Some(last)) => return Err(contest::overtaken(name, last)),
        _ => {}
    }
    let follows = entries.last().map_or(0, |last| last.revision);
    let moved = contest::write(api, &Write { name, follows, image, note }, &entries).await?;
    // Of another account's image nothing else is known here, and it was shown to be usable before.
    match unfit(api, image).await? {
        Some(unfit @ Unfit::Revoked(_)) => Err(named_unfit(name, image, &unfit)),
        _ => Ok(moved),
    }
}

/// The error where a channel came to name what must not or can't be used: that was not so before the move.
fn named_unfit(name: &PointerName, image: &ImageId, unfit: &Unfit) -> TargetError {
    let help = match &name.slot {
        Slot::Channel(channel) => {
            format!("take the channel back at once: amifactory rollback {} --channel {channel}", name.recipe)
        }
        Slot::Version(_) => format!("amifactory verify {} says what to do", name.recipe),
    };
    TargetError::Unusable {
        image: image.clone(),
        place: name.to_string(),
        why: format!("{unfit}, since the move was begun, and the channel NAMES IT NOW"),
        help,
    }
}

/// The version that a move brings a channel to, as its note says: the look at its image bears that out.
fn version_of(name: &PointerName, note: &Note) -> Option<PointerName> {
    Some(PointerName { slot: Slot::Version(note.version?), ..name.clone() })
}

async fn take(api: &Api, wanted: &Move, intent: &Intent) -> Result<Instant, TargetError> {
    let name = &wanted.name;
    let lock = lock_name(name);
    for _ in 0..ROUNDS {
        let taken = Instant::now();
        match parameters::create(api, &lock, intent).await {
            Ok(()) => return Ok(taken),
            Err(error) if error.is("ParameterAlreadyExists") => {}
            Err(error) => return Err(error.into()),
        }
        let found = match parameters::get::<Intent>(api, &lock).await {
            // What someone wrote by hand moves nothing, and is nobody's.
            Err(TargetError::Damaged { .. }) => {
                parameters::delete(api, &lock).await?;
                continue;
            }
            found => found?,
        };
        match found {
            // The reply to one's own was lost, and it was made again.
            Some(found) if found.value.id == intent.id => return Ok(taken),
            Some(found) => {
                let underway = underway_of(api, name.clone(), &found);
                // Whoever goes back does not first finish what was begun, and all places follow to where it goes back.
                let goes_back = wanted.note.kind == Kind::Rollback && underway.over;
                if wanted.takes_over || goes_back || has_landed(api, name, &found.value).await? {
                    release(api, name, &found.value.id).await?;
                    continue;
                }
                // It is not settled in passing: what its channel asks of it is not known here, and other places may wait.
                return Err(busy(&underway, wanted));
            }
            // Just removed.
            None => {}
        }
    }
    Err(TargetError::Conflict { what: lock, found: "many movers".into() })
}

/// Whether the move has happened and nothing follows it: then its lock guards nothing any more.
async fn has_landed(api: &Api, name: &PointerName, intent: &Intent) -> Result<bool, TargetError> {
    if !intent.elsewhere.is_empty() {
        return Ok(false);
    }
    let is_it = |entry: &Entry| same_move(&intent.to, &intent.note, &entry.image, Note::read(&entry.note).as_ref());
    Ok(history(api, name).await?.iter().any(is_it))
}

fn busy(underway: &Underway, wanted: &Move) -> TargetError {
    TargetError::Busy {
        name: Box::new(underway.name.clone()),
        from: wanted.expected.as_ref().map(|pointer| pointer.image.clone()),
        to: underway.image.clone(),
        version: underway.note.version,
        by: underway.by.clone(),
        until: underway.until.clone(),
    }
}

/// Looks whether the move still may happen. Answers with what the pointer has named so far.
async fn look(api: &Api, wanted: &Move, taken: Instant) -> Result<Vec<Entry>, TargetError> {
    let entries = history(api, &wanted.name).await?;
    let seen = |pointer: &Pointer| (pointer.revision, pointer.image.to_string());
    let last = entries.last();
    // What can't be an image's id is overwritten: there the number of the write alone tells.
    let is_garbage = last.is_some_and(|last| last.image.parse::<ImageId>().is_err());
    let as_expected = match (&wanted.expected, last) {
        (Some(expected), Some(last)) if is_garbage => expected.revision == last.revision,
        (expected, last) => last.map(|last| (last.revision, last.image.clone())) == expected.as_ref().map(seen),
    };
    if !as_expected {
        return Err(match last {
            Some(last) => contest::overtaken(&wanted.name, last),
            None => TargetError::NotFound { what: wanted.name.to_string() },
        });
    }
    let version = version_of(&wanted.name, &wanted.note);
    let beside = parameters::pin_and_reason(api, &wanted.name, version.as_ref(), &wanted.image).await?;
    let (pin, marked) = beside;
    if let Some(pin) = pin.filter(|pin| pin.holds(api.clock.now())) {
        return Err(TargetError::Held { what: wanted.name.to_string(), by: pin.by, why: pin.why });
    }
    // Someone may have revoked or removed it since the move was decided.
    if let Some(unfit) = unfit(api, &wanted.image).await?.or(marked.map(Unfit::Revoked)) {
        let image = wanted.image.clone();
        let what = format!("{} stays where it is", wanted.name);
        let help = format!("amifactory images {} shows what can be used", wanted.name.recipe);
        return Err(match unfit {
            Unfit::Revoked(reason) => TargetError::Revoked { image, reason, what, help },
            unfit => {
                TargetError::Unusable { image, place: wanted.name.to_string(), why: format!("{unfit}; {what}"), help }
            }
        });
    }
    // Calls that were made again and again have used the time up: the intent may be someone else's by now.
    if taken.elapsed() > LEASE / 2 {
        return Err(TargetError::GaveUp {
            call: op::PUT_PARAMETER.action.into(),
            resource: wanted.name.to_string(),
            attempts: 0,
            seconds: taken.elapsed().as_secs(),
            last: "the time for this move is over".into(),
        });
    }
    Ok(entries)
}

/// Removes the lock, where it is still this one.
pub async fn release(api: &Api, name: &PointerName, id: &str) -> Result<(), TargetError> {
    let lock = lock_name(name);
    match parameters::get::<Intent>(api, &lock).await? {
        Some(found) if found.value.id == id => parameters::delete(api, &lock).await,
        _ => Ok(()),
    }
}

fn underway_of(api: &Api, name: PointerName, found: &Plain<Intent>) -> Underway {
    let now = api.clock.now();
    let since = moment(&found.written_at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    Underway {
        name,
        image: found.value.to.clone(),
        by: found.value.by.clone(),
        since: clock::rfc3339(since),
        until: clock::rfc3339(since + LEASE),
        over: now >= since + LEASE,
        elsewhere: found.value.elsewhere.clone(),
        note: found.value.note.clone(),
    }
}

/// Moves of a recipe's channels that are under way, or that someone left. Locks that can't be read are left out.
pub async fn of_recipe(api: &Api, recipe: &RecipeName) -> Result<Vec<Underway>, TargetError> {
    Ok(read_of_recipe(api, recipe).await?.into_iter().flatten().collect())
}

/// The same, with those that can't be read.
pub async fn read_of_recipe(
    api: &Api,
    recipe: &RecipeName,
) -> Result<Vec<Result<Underway, (PointerName, TargetError)>>, TargetError> {
    let mut found = Vec::new();
    for &arch in Arch::ALL {
        let path = format!("/amifactory/{recipe}/{arch}/moves");
        for parameter in parameters::list(api, &path, false).await? {
            let Some(name) = parse_lock(parameter.name().unwrap_or_default()) else { continue };
            found.push(in_parameter(api, name.clone(), &parameter).map_err(|error| (name, error)));
        }
    }
    Ok(found)
}

/// Who wrote the lock of a move that is there now.
pub async fn writer(api: &Api, name: &PointerName) -> Result<Option<String>, TargetError> {
    Ok(parameters::written(api, &lock_name(name)).await?.pop().and_then(|version| version.by))
}

/// Removes a lock that can't be read: it moves nothing, and is nobody's.
pub async fn clear_damaged(api: &Api, name: &PointerName) -> Result<(), TargetError> {
    match parameters::get::<Intent>(api, &lock_name(name)).await {
        Err(TargetError::Damaged { .. }) => parameters::delete(api, &lock_name(name)).await,
        read => read.map(drop),
    }
}

/// Finishes a move whose time is over, where the pointer has not moved and may still move there; clears it otherwise. What
/// is none of a release's moves is refused, and what is `refused` by its channel's rules: anybody who may write parameters
/// can write a lock.
pub async fn settle(api: &Api, underway: &Underway, refused: Option<Foreign>) -> Result<Settled, TargetError> {
    let end = settle_held(api, underway, refused).await?;
    if let Some(held) = &end.held {
        release(api, &held.name, &held.lock).await?;
    }
    Ok(end.settled)
}

/// Why a move is not to be finished by anybody but its owner; none where it may be.
async fn foreign(api: &Api, name: &PointerName, intent: &Intent) -> Result<Option<Foreign>, TargetError> {
    let by_id = Filter::builder().name("image-id").values(intent.to.as_str()).build();
    let ask = || api.ec2.describe_images().owners("self").filters(by_id.clone()).send();
    let answer = api.caller.call(op::DESCRIBE_IMAGES, intent.to.as_str(), ask).await?;
    let found = answer.images().iter().find(|found| found.state() == Some(&ImageState::Available));
    let mut found = found.map(|found| tags::read(found.tags()));
    let version = found.as_ref().and_then(|tags| intent::version_of(name, tags));
    let named = match &version {
        None => None,
        Some(version) => match pointers::standing(api, std::slice::from_ref(version), true).await {
            // What can't be read names nothing.
            Err(TargetError::Damaged { .. }) => None,
            read => {
                let mut read = read?;
                if let (Some(found), Some(Ok(mark))) = (&mut found, read.revocations.get(version))
                    && mark.image == intent.to
                {
                    found.entry(crate::pipeline::tags::REVOKED.to_owned()).or_insert_with(|| mark.reason.clone());
                }
                read.pointers.pop()
            }
        },
    };
    let named = named.as_ref().map(|pointer| &pointer.image);
    Ok(intent::foreign(name, (&intent.to, &intent.note), found.as_ref(), named))
}

/// The same, but the lock stays.
pub async fn settle_held(api: &Api, underway: &Underway, refused: Option<Foreign>) -> Result<HeldEnd, TargetError> {
    let name = &underway.name;
    let ended = |settled| HeldEnd { settled, stands: false, held: None };
    let Some(found) = parameters::get::<Intent>(api, &lock_name(name)).await? else {
        return Ok(ended(Settled::Cleared));
    };
    let there = underway_of(api, name.clone(), &found);
    if !there.over {
        return Ok(ended(Settled::Underway));
    }
    // Another one than was looked at is left to the next look.
    if (&there.image, &there.note, &there.elsewhere, &there.since)
        != (&underway.image, &underway.note, &underway.elsewhere, &underway.since)
    {
        return Ok(ended(Settled::Underway));
    }
    let intent = found.value;
    let entries = history(api, name).await?;
    let unmoved = entries.last().map_or(0, |last| last.revision) == intent.follows;
    let held = parameters::pin(api, name).await?.is_some_and(|pin| pin.holds(api.clock.now()));
    let mut settled = Settled::Cleared;
    let is_it = |entry: &Entry| same_move(&intent.to, &intent.note, &entry.image, Note::read(&entry.note).as_ref());
    let mut stands = entries.last().is_some_and(is_it);
    let may_move = unmoved && !held;
    // Where it has happened already and nothing follows, there is nothing to be careful about.
    let follows = stands && !intent.elsewhere.is_empty();
    if (may_move || follows)
        && let Some(foreign) = foreign(api, name, &intent).await?.or(refused)
    {
        let held = Some(Held { name: name.clone(), lock: intent.id });
        return Ok(HeldEnd { settled: Settled::Refused(foreign), stands: false, held });
    }
    if may_move {
        let note = intent.note.finished();
        let write = Write { name, follows: intent.follows, image: &intent.to, note: &note };
        settled = match contest::write(api, &write, &entries).await {
            Ok(_) => {
                let version = version_of(name, &intent.note);
                if let Some(unfit) = unfit_or_marked(api, version.as_ref(), &intent.to).await? {
                    release(api, name, &intent.id).await?;
                    return Err(named_unfit(name, &intent.to, &unfit));
                }
                Settled::Finished
            }
            Err(TargetError::Overtaken { .. } | TargetError::Dropped { .. }) => Settled::Cleared,
            Err(error) => return Err(error),
        };
    }
    stands |= settled == Settled::Finished;
    Ok(HeldEnd { settled, stands, held: Some(Held { name: name.clone(), lock: intent.id }) })
}
