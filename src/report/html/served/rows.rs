//! Rows of tables: each value as the text that it is shown as.

use super::state::ago;
use crate::identity::ImageId;
use crate::pipeline::tags;
use crate::pipeline::underway::{InFlight, Standing};
use crate::report::view::{ImageRow, last_part, minute};
use crate::report::{visible, wording};
use crate::serve::board::{Evidence, Seen};
use crate::serve::elsewhere::{ElsewhereRow, How};
use crate::serve::look::ChannelRow;
use crate::target::moment;
use serde::Serialize;
use time::OffsetDateTime;

/// An image in a list.
#[derive(Serialize)]
pub(super) struct Image {
    pub id: String,
    pub recipe: String,
    pub version: String,
    pub arch: String,
    pub state: String,
    pub badge: &'static str,
    pub score: String,
    pub created: String,
    pub channels: String,
    pub digest: String,
}

/// What the evidence of an image says, where it is known.
pub(super) fn evidence<'a>(seen: &'a Seen, image: &ImageId) -> Option<&'a Evidence> {
    seen.evidence.value().and_then(|all| all.get(image))
}

pub(super) fn image(seen: &Seen, row: &ImageRow) -> Image {
    let score = match evidence(seen, &row.image) {
        Some(Ok(record)) => record.score.map_or_else(|| "none".into(), |score| wording::score(Some(score))),
        // What the tag says was written when the image was made.
        _ => row.tags.get(tags::SCORE).cloned().unwrap_or_else(|| "?".into()),
    };
    Image {
        id: row.image.to_string(),
        recipe: row.recipe.to_string(),
        version: row.version.to_string(),
        arch: row.arch.map_or_else(|| "?".into(), |arch| arch.to_string()),
        badge: match row.state.as_str() {
            "verified" => "pass",
            "revoked" | "failed" | "damaged" => "fail",
            _ => "unknown",
        },
        state: row.state.clone(),
        score,
        created: minute(&row.created_at),
        channels: row.channels.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        digest: row.digest.short().to_owned(),
    }
}

/// A channel.
#[derive(Serialize)]
pub(super) struct Channel {
    pub recipe: String,
    pub arch: String,
    pub channel: String,
    pub version: String,
    pub image: String,
    pub since: String,
    pub ago: String,
    pub by: String,
    pub why: String,
    pub wrong: Option<String>,
    pub pin: Option<String>,
    pub revoked: Option<String>,
    /// In which other places it names the same.
    pub same: Option<String>,
    /// The others, and what is so there.
    pub elsewhere: Vec<Elsewhere>,
}

/// A place in which a channel does not name what it names at home, or may not.
#[derive(Serialize)]
pub(super) struct Elsewhere {
    pub badge: &'static str,
    pub word: &'static str,
    pub place: String,
    pub why: String,
}

/// What it is elsewhere.
fn elsewhere(row: &ElsewhereRow) -> Option<Elsewhere> {
    let (badge, word, why) = match &row.how {
        How::Same => return None,
        How::Differs(why) => ("fail", "differs", why),
        How::Unknown(why) => ("unknown", "unknown", why),
    };
    Some(Elsewhere { badge, word, place: row.place.to_string(), why: visible::joined(why) })
}

/// Why what a channel names must not be used: as its mark says, or its tags.
pub(super) fn revoked(seen: &Seen, row: &ChannelRow) -> Option<String> {
    let image = || seen.images.value()?.iter().find(|image| image.image == row.image);
    let by_tag = || image().and_then(|image| tags::revoked(&image.tags).map(str::to_owned));
    row.revoked.clone().or_else(by_tag)
}

pub(super) fn channel(seen: &Seen, row: &ChannelRow, now: OffsetDateTime) -> Channel {
    let is_it =
        |other: &&ElsewhereRow| other.recipe == row.recipe && other.arch == row.arch && other.channel == row.channel;
    let places: Vec<&ElsewhereRow> = seen.places.value().into_iter().flatten().filter(is_it).collect();
    let same: Vec<String> =
        places.iter().filter(|other| other.how == How::Same).map(|other| other.place.to_string()).collect();
    Channel {
        recipe: row.recipe.to_string(),
        arch: row.arch.to_string(),
        channel: row.channel.to_string(),
        version: row.version.map_or_else(|| "?".into(), |version| version.to_string()),
        image: row.image.to_string(),
        since: row.since.as_deref().map_or_else(|| "unknown".into(), minute),
        ago: row.since.as_deref().and_then(moment).map(|at| ago(now - at)).unwrap_or_default(),
        by: row.by.as_deref().map_or_else(|| "unknown".into(), |by| last_part(by).to_owned()),
        why: row.why.clone(),
        wrong: row.wrong.clone(),
        pin: row.pin.clone(),
        revoked: revoked(seen, row),
        same: (!same.is_empty()).then(|| same.join(", ")),
        elsewhere: places.into_iter().filter_map(elsewhere).collect(),
    }
}

/// A build that has not ended.
#[derive(Serialize)]
pub(super) struct Build {
    pub build: String,
    pub recipe: String,
    pub version: String,
    pub badge: &'static str,
    pub standing: &'static str,
    pub meaning: &'static str,
    pub step: String,
    pub since: String,
    pub ago: String,
    pub begun: String,
}

pub(super) fn build(one: &InFlight, now: OffsetDateTime) -> Build {
    let (badge, meaning) = match one.standing {
        Standing::Running => ("manual", "a process here works on it"),
        Standing::Elsewhere => ("unknown", "another machine began it"),
        Standing::Left => ("fail", "nobody works on it: amifactory resume"),
    };
    Build {
        build: one.build.to_string(),
        recipe: one.recipe.clone(),
        version: one.version.clone(),
        badge,
        standing: one.standing.as_str(),
        meaning,
        step: one.step.clone().unwrap_or_else(|| "not begun any".into()),
        since: minute(&one.since),
        ago: moment(&one.since).map(|at| ago(now - at)).unwrap_or_default(),
        begun: minute(&one.begun),
    }
}
