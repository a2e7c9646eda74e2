//! Moving a channel alone. Parameter Store has no compare-and-set, but it creates a parameter only once: whoever has
//! made `…/moves/<channel>` moves that channel, and it holds the whole intent, so that others can finish what its owner
//! can't. After [`LEASE`], by the service's own clock, the intent belongs to whoever comes next.
//!
//! A mover that was stopped for longer than that and goes on writes too late. That is found by the revision, and taken
//! back (see [`contest`]): the lock keeps people from each other's way, the revisions decide.

use super::api::{Api, op};
use super::contest::{self, Write};
use super::parameters::{self, Plain};
use super::pointers::{available, history};
use crate::identity::{Arch, Channel, ImageId, RecipeName};
use crate::pipeline::clock;
use crate::release::Note;
use crate::target::{Entry, Move, Pointer, PointerName, Settled, Slot, TargetError, Underway, moment};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::Instant;

/// How long a move belongs to whoever began it.
pub const LEASE: Duration = Duration::from_secs(15 * 60);
/// How often someone else's lock is settled before one gives up.
const ROUNDS: u32 = 3;

/// What the lock holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Intent {
    /// Tells locks apart.
    id: String,
    by: String,
    /// The revision that the pointer had; 0 where there was none.
    follows: u64,
    to: ImageId,
    note: Note,
}

/// `/amifactory/<recipe>/<arch>/moves/<channel>`
fn lock_name(name: &PointerName) -> String {
    let Slot::Channel(channel) = &name.slot else { return format!("{name}/moves") };
    format!("/amifactory/{}/{}/moves/{channel}", name.recipe, name.arch)
}

/// Moves a pointer, or says who is moving it or has moved it.
pub async fn alone(api: &Api, wanted: &Move, by: &str) -> Result<Pointer, TargetError> {
    let intent = Intent {
        id: format!("{:016x}", fastrand::u64(..)),
        by: by.to_owned(),
        follows: wanted.expected.as_ref().map_or(0, |pointer| pointer.revision),
        to: wanted.image.clone(),
        note: wanted.note.clone(),
    };
    let taken = take(api, &wanted.name, &intent).await?;
    let entries = match look(api, wanted, taken).await {
        Ok(entries) => entries,
        // Nothing was written, so there is nothing for anyone to finish.
        Err(error) => {
            release(api, &wanted.name, &intent.id).await?;
            return Err(error);
        }
    };
    let write = Write { name: &wanted.name, follows: intent.follows, image: &wanted.image, note: &wanted.note };
    let moved = contest::write(api, &write, &entries).await;
    // Where it is not known what came of the write, the intent stays for whoever comes next.
    if !matches!(moved, Err(TargetError::GaveUp { .. } | TargetError::Credentials { .. })) {
        let released = release(api, &wanted.name, &intent.id).await;
        // What was decided stands, also where the lock could not be removed: it runs out, and the next one clears it.
        if moved.is_err() {
            released?;
        }
    }
    moved
}

async fn take(api: &Api, name: &PointerName, intent: &Intent) -> Result<Instant, TargetError> {
    let lock = lock_name(name);
    let mut holder = None;
    for _ in 0..ROUNDS {
        let taken = Instant::now();
        match parameters::create(api, &lock, intent).await {
            Ok(()) => return Ok(taken),
            Err(error) if error.is("ParameterAlreadyExists") => {}
            Err(error) => return Err(error.into()),
        }
        match parameters::get::<Intent>(api, &lock).await? {
            // The reply to one's own was lost, and it was made again.
            Some(found) if found.value.id == intent.id => return Ok(taken),
            Some(found) => {
                let underway = underway_of(api, name.clone(), &found);
                if settle(api, &underway).await? == Settled::Underway {
                    return Err(busy(&underway));
                }
                holder = Some(underway);
            }
            // Just removed.
            None => {}
        }
    }
    Err(holder.map_or_else(|| TargetError::Conflict { what: lock, found: "many movers".into() }, |h| busy(&h)))
}

fn busy(underway: &Underway) -> TargetError {
    TargetError::Busy { what: underway.name.to_string(), by: underway.by.clone(), until: underway.until.clone() }
}

/// Looks whether the move still may happen. Answers with what the pointer has named so far.
async fn look(api: &Api, wanted: &Move, taken: Instant) -> Result<Vec<Entry>, TargetError> {
    let entries = history(api, &wanted.name).await?;
    let seen = |pointer: &Pointer| (pointer.revision, pointer.image.to_string());
    let last = entries.last();
    if last.map(|last| (last.revision, last.image.clone())) != wanted.expected.as_ref().map(seen) {
        return Err(match last {
            Some(last) => contest::overtaken(&wanted.name, last),
            None => TargetError::NotFound { what: wanted.name.to_string() },
        });
    }
    if let Some(pin) = parameters::pin(api, &wanted.name).await?.filter(|pin| pin.holds(api.clock.now())) {
        return Err(TargetError::Held { what: wanted.name.to_string(), by: pin.by, why: pin.why });
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
async fn release(api: &Api, name: &PointerName, id: &str) -> Result<(), TargetError> {
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
    }
}

/// Moves of a recipe's channels that are under way, or that someone left.
pub async fn of_recipe(api: &Api, recipe: &RecipeName) -> Result<Vec<Underway>, TargetError> {
    let mut found = Vec::new();
    for &arch in Arch::ALL {
        let path = format!("/amifactory/{recipe}/{arch}/moves");
        for (name, lock) in parameters::below::<Intent>(api, &path).await? {
            let Some(channel) = name.rsplit('/').next().and_then(|name| name.parse::<Channel>().ok()) else { continue };
            let name = PointerName { recipe: recipe.clone(), arch, slot: Slot::Channel(channel) };
            found.push(underway_of(api, name, &lock));
        }
    }
    Ok(found)
}

/// Finishes a move whose time is over, where the pointer has not moved and may still move there; clears it otherwise.
pub async fn settle(api: &Api, underway: &Underway) -> Result<Settled, TargetError> {
    let name = &underway.name;
    let Some(found) = parameters::get::<Intent>(api, &lock_name(name)).await? else { return Ok(Settled::Cleared) };
    if !underway_of(api, name.clone(), &found).over {
        return Ok(Settled::Underway);
    }
    let intent = found.value;
    let entries = history(api, name).await?;
    let unmoved = entries.last().map_or(0, |last| last.revision) == intent.follows;
    let held = parameters::pin(api, name).await?.is_some_and(|pin| pin.holds(api.clock.now()));
    let mut settled = Settled::Cleared;
    if unmoved && !held && available(api, &intent.to).await? {
        let write = Write { name, follows: intent.follows, image: &intent.to, note: &intent.note };
        settled = match contest::write(api, &write, &entries).await {
            Ok(_) => Settled::Finished,
            Err(TargetError::Overtaken { .. } | TargetError::Dropped { .. }) => Settled::Cleared,
            Err(error) => return Err(error),
        };
    }
    release(api, name, &intent.id).await?;
    Ok(settled)
}
