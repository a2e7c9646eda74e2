//! Writing a channel's pointer where someone else may write it too: what came of it is judged by the order in which
//! Parameter Store has taken the writes, and a write that came too late is taken back.

use super::api::{Api, EVENTUAL};
use super::pointers::{history, put, read, refused};
use crate::identity::ImageId;
use crate::pipeline::clock;
use crate::release::contest::{Outcome, judge};
use crate::release::{Kind, Note};
use crate::target::{Entry, Pointer, PointerName, TargetError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const LOOK: Duration = Duration::from_secs(1);

/// A write that is to follow just this revision; 0 where the pointer does not exist.
#[derive(Clone, Copy)]
pub struct Write<'a> {
    pub name: &'a PointerName,
    pub follows: u64,
    pub image: &'a ImageId,
    pub note: &'a Note,
}

impl Write<'_> {
    /// The same where the service has given it this number. One that is not higher than what it was to follow belongs to a
    /// pointer that was deleted meanwhile, and made anew by this write or by another: that begins at 1.
    pub fn at(self, revision: u64) -> Self {
        let follows = if revision <= self.follows { 0 } else { self.follows };
        Write { follows, ..self }
    }
}

/// Writes, waits until the write shows, and answers with the pointer where it was the first after that revision.
/// `entries` are those up to that revision.
pub async fn write(api: &Api, wanted: &Write<'_>, entries: &[Entry]) -> Result<Pointer, TargetError> {
    let before = entries.last().map(|entry| (entry.image.as_str(), entry.note.as_str()));
    let note = wanted.note.after(before);
    let revision = match put(api, wanted.name, wanted.image, wanted.follows > 0, &note).await {
        // Someone has made it meanwhile, or an earlier try of this very call.
        Err(error) if error.is("ParameterAlreadyExists") => return judged(api, wanted).await,
        Err(error) => return Err(refused(api, wanted.name, error).await),
        Ok(revision) => revision,
    };
    // Any other number says at once that someone came between, or that this call was made twice.
    if revision != wanted.follows + 1 {
        return judged(api, &wanted.at(revision)).await;
    }
    let began = Instant::now();
    loop {
        let there = match read(api, std::slice::from_ref(wanted.name)).await {
            // Garbage that someone wrote by hand stands there until this write shows.
            Err(TargetError::Damaged { .. }) => None,
            there => there?.pop(),
        };
        match there {
            Some(there) if there.revision == revision && there.image == *wanted.image => return Ok(there),
            Some(there) if there.revision >= revision => return judged(api, wanted).await,
            _ if began.elapsed() > EVENTUAL => {
                return Err(TargetError::Dropped { what: wanted.name.to_string(), image: wanted.image.clone() });
            }
            _ => sleep(LOOK).await,
        }
    }
}

/// Someone else has written too. Waits until one's own write shows as well: it may only now be looked at.
pub async fn judged(api: &Api, wanted: &Write<'_>) -> Result<Pointer, TargetError> {
    let began = Instant::now();
    loop {
        let mut since = history(api, wanted.name).await?;
        let late = since.last().cloned();
        since.retain(|entry| entry.revision > wanted.follows);
        match judge(&since, wanted.image, wanted.note) {
            Outcome::Won => {
                let now = read(api, std::slice::from_ref(wanted.name)).await?.pop();
                return now.ok_or_else(|| TargetError::NotFound { what: wanted.name.to_string() });
            }
            Outcome::TakeBack(other) => {
                if let Some(late) = late {
                    let why = format!("revision {} was there first", other.revision);
                    take_back(api, wanted, &other, &late, why).await?;
                }
                return Err(overtaken(wanted.name, &other));
            }
            Outcome::Lost(other) if began.elapsed() > EVENTUAL || mine_shows(&since, wanted) => {
                return Err(overtaken(wanted.name, &other));
            }
            Outcome::Dropped if began.elapsed() > EVENTUAL => {
                return Err(TargetError::Dropped { what: wanted.name.to_string(), image: wanted.image.clone() });
            }
            Outcome::Lost(_) | Outcome::Dropped => sleep(LOOK).await,
        }
    }
}

fn mine_shows(since: &[Entry], wanted: &Write<'_>) -> bool {
    let mine = |entry: &Entry| {
        let note = Note::read(&entry.note);
        crate::release::note::same_move(wanted.image, wanted.note, &entry.image, note.as_ref())
    };
    // A creation that was overtaken leaves no trace.
    wanted.follows == 0 || since.iter().any(mine)
}

/// Puts back what someone else had written first.
pub async fn take_back(
    api: &Api,
    wanted: &Write<'_>,
    other: &Entry,
    late: &Entry,
    why: String,
) -> Result<(), TargetError> {
    // Garbage that someone wrote by hand is not written again: `verify` names it.
    let Ok(image) = other.image.parse::<ImageId>() else { return Ok(()) };
    let note = Note {
        by: wanted.note.by.clone(),
        version: Note::read(&other.note).and_then(|note| note.version),
        why: Some(why),
        // Whoever finishes a move takes it back in its mover's place.
        finished: wanted.note.finished,
        ..Note::new(Kind::Restore, clock::rfc3339(api.clock.now()))
    };
    let note = note.after(Some((&late.image, &late.note)));
    put(api, wanted.name, &image, true, &note).await?;
    let began = Instant::now();
    while began.elapsed() <= EVENTUAL {
        let there = read(api, std::slice::from_ref(wanted.name)).await?.pop();
        if there.is_some_and(|there| there.revision > late.revision) {
            return Ok(());
        }
        sleep(LOOK).await;
    }
    Err(TargetError::Dropped { what: wanted.name.to_string(), image })
}

pub fn overtaken(name: &PointerName, other: &Entry) -> TargetError {
    let by = other.by.clone().or_else(|| Note::read(&other.note)?.by);
    TargetError::Overtaken {
        what: name.to_string(),
        by: by.unwrap_or_else(|| "someone else".into()),
        found: other.image.clone(),
    }
}
