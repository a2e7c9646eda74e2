//! The first page, and the list of all images.

use super::fleet::Summary;
use super::rows::{self, Build, Channel, Image};
use super::state::State;
use crate::report::view::minute;
use crate::serve::board::Seen;
use crate::{pipeline::clock, report::duration};
use serde::Serialize;
use time::OffsetDateTime;

/// How many images the first page lists, and how many the list of all.
const NEWEST: usize = 12;
const MOST: usize = 1000;

/// What is above and below every page.
#[derive(Serialize)]
pub(super) struct Frame {
    title: String,
    target: String,
    made_at: String,
    every: String,
}

impl Frame {
    pub fn of(title: impl Into<String>, seen: &Seen, now: OffsetDateTime) -> Frame {
        Frame {
            title: title.into(),
            target: seen.target.to_string(),
            made_at: minute(&clock::rfc3339(now)),
            every: duration::ticking(seen.every),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Overview {
    frame: Frame,
    fleet: Summary,
    channels: Vec<Channel>,
    damaged: Vec<String>,
    channels_state: State,
    /// How it stands with other places, where it is to be told.
    places_state: Option<State>,
    builds: Vec<Build>,
    builds_state: State,
    images: Vec<Image>,
    images_count: usize,
    more: usize,
    images_state: State,
}

impl Overview {
    pub fn of(seen: &Seen, now: OffsetDateTime) -> Overview {
        let images = seen.images.value().map_or(&[][..], Vec::as_slice);
        let mut newest: Vec<_> = images.iter().collect();
        newest.sort_by(|a, b| b.created_at.cmp(&a.created_at));
        let channels = seen.channels.value();
        Overview {
            frame: Frame::of("Overview", seen, now),
            fleet: Summary::of(seen, now),
            channels: channels
                .map(|c| c.rows.iter().map(|row| rows::channel(seen, row, now)).collect())
                .unwrap_or_default(),
            damaged: channels.map(|channels| channels.damaged.clone()).unwrap_or_default(),
            channels_state: State::of(&seen.channels, now, seen.every),
            places_state: seen
                .places
                .is_used()
                .then(|| State::of(&seen.places, now, seen.every))
                .filter(|state| !state.fine),
            builds: seen.builds.value().into_iter().flatten().map(|one| rows::build(one, now)).collect(),
            builds_state: State::of(&seen.builds, now, seen.every),
            images: newest.into_iter().take(NEWEST).map(|row| rows::image(seen, row)).collect(),
            images_count: images.len(),
            more: images.len().saturating_sub(NEWEST),
            images_state: State::of(&seen.images, now, seen.every),
        }
    }
}

#[derive(Serialize)]
pub(super) struct AllImages {
    frame: Frame,
    images: Vec<Image>,
    images_count: usize,
    more: usize,
    images_state: State,
}

impl AllImages {
    pub fn of(seen: &Seen, now: OffsetDateTime) -> AllImages {
        let images = seen.images.value().map_or(&[][..], Vec::as_slice);
        AllImages {
            frame: Frame::of("Images", seen, now),
            images: images.iter().take(MOST).map(|row| rows::image(seen, row)).collect(),
            images_count: images.len(),
            more: images.len().saturating_sub(MOST),
            images_state: State::of(&seen.images, now, seen.every),
        }
    }
}
