//! Images, channels, builds, and how the looks at them went.

use super::{Labels, Name, figure, gauge};
use crate::pipeline::tags;
use crate::pipeline::underway::Standing;
use crate::serve::board::{Part, Seen};
use crate::serve::elsewhere::How;
use crate::serve::look::ChannelRow;
use crate::target::moment;
use std::collections::BTreeMap;
use std::time::Duration;
use time::OffsetDateTime;

/// All that `serve` tells. What is too old to be told has no series: it is unknown, and not what it was.
pub fn all(seen: &Seen, now: OffsetDateTime) -> String {
    let fleet = seen.fleet.current(now, seen.every).map(crate::report::fleet::prometheus);
    factory(seen, now) + &fleet.unwrap_or_default()
}

fn factory(seen: &Seen, now: OffsetDateTime) -> String {
    let mut text = String::new();
    looks(&mut text, seen, now);
    images(&mut text, seen, now);
    channels(&mut text, seen, now);
    places(&mut text, seen, now);
    builds(&mut text, seen, now);
    text
}

/// The same three figures of each part that is looked at by itself.
#[derive(Default)]
struct Looks {
    success: BTreeMap<Labels, f64>,
    took: BTreeMap<Labels, f64>,
    failed: BTreeMap<Labels, f64>,
}

impl Looks {
    fn of<T>(&mut self, name: &str, part: &Part<T>, (now, every): (OffsetDateTime, Duration)) {
        let labels = || vec![("part", name.to_owned())];
        if let Some(good) = &part.good {
            self.success.insert(labels(), good.at.unix_timestamp() as f64);
            self.took.insert(labels(), good.took.as_secs_f64());
        }
        let is_failing = part.is_failing(now, every);
        if part.good.is_some() || is_failing {
            self.failed.insert(labels(), f64::from(u8::from(is_failing)));
        }
    }
}

fn looks(text: &mut String, seen: &Seen, now: OffsetDateTime) {
    let at = (now, seen.every);
    let mut looks = Looks::default();
    looks.of("images", &seen.images, at);
    looks.of("evidence", &seen.evidence, at);
    looks.of("channels", &seen.channels, at);
    looks.of("places", &seen.places, at);
    looks.of("builds", &seen.builds, at);
    looks.of("fleet", &seen.fleet, at);
    let own: [(Name, BTreeMap<Labels, f64>); 5] = [
        (
            ("amifactory_info", "The program that looks."),
            [(vec![("version", env!("CARGO_PKG_VERSION").into()), ("target", seen.target.to_string())], 1.0)].into(),
        ),
        (
            ("amifactory_look_interval_seconds", "How often it is looked."),
            [(Vec::new(), seen.every.as_secs_f64())].into(),
        ),
        (("amifactory_look_success_timestamp_seconds", "When a part was last looked at with success."), looks.success),
        (("amifactory_look_duration_seconds", "How long that look took."), looks.took),
        (
            (
                "amifactory_look_failed",
                "Whether looks at a part fail: the last one did, or the one under way comes to no end.",
            ),
            looks.failed,
        ),
    ];
    for (name, series) in own {
        gauge(text, name, &series);
    }
}

fn images(text: &mut String, seen: &Seen, now: OffsetDateTime) {
    let mut count: BTreeMap<Labels, f64> = BTreeMap::new();
    let mut score: BTreeMap<Labels, f64> = BTreeMap::new();
    for row in seen.images.current(now, seen.every).into_iter().flatten() {
        let arch = row.arch.map_or_else(|| "unknown".into(), |arch| arch.to_string());
        let labels: Labels = vec![("recipe", row.recipe.to_string()), ("arch", arch.clone())];
        let state: Labels = labels.iter().cloned().chain([("state", row.state.clone())]).collect();
        *count.entry(state).or_default() += 1.0;
        let record = seen.evidence.current(now, seen.every).and_then(|all| all.get(&row.image));
        if let Some(Ok(record)) = record
            && let Some(value) = record.score
        {
            for channel in &row.channels {
                let of: Labels = labels.iter().cloned().chain([("channel", channel.to_string())]).collect();
                score.insert(of, value);
            }
        }
    }
    gauge(text, ("amifactory_images", "Images by recipe, architecture and state."), &count);
    gauge(text, ("amifactory_channel_score", "The hardening score, 0 to 100, of what a channel names."), &score);
}

fn channels(text: &mut String, seen: &Seen, now: OffsetDateTime) {
    let (mut moved, mut pinned) = (BTreeMap::new(), BTreeMap::new());
    let (mut wrong, mut revoked) = (BTreeMap::new(), BTreeMap::new());
    let channels = seen.channels.current(now, seen.every);
    for row in channels.into_iter().flat_map(|channels| &channels.rows) {
        let labels: Labels = vec![
            ("recipe", row.recipe.to_string()),
            ("arch", row.arch.to_string()),
            ("channel", row.channel.to_string()),
        ];
        let whether = |is: bool| f64::from(u8::from(is));
        pinned.insert(labels.clone(), whether(row.pin.is_some()));
        wrong.insert(labels.clone(), whether(row.wrong.is_some()));
        revoked.insert(labels.clone(), whether(is_revoked(seen, row, now)));
        if let Some(at) = row.since.as_deref().and_then(moment) {
            let version = row.version.map_or_else(|| "unknown".into(), |version| version.to_string());
            let of: Labels = labels.into_iter().chain([("version", version)]).collect();
            moved.insert(of, at.unix_timestamp() as f64);
        }
    }
    let damaged: BTreeMap<Labels, f64> =
        channels.map(|channels| (Vec::new(), figure(channels.damaged.len() as u64))).into_iter().collect();
    gauge(
        text,
        ("amifactory_channel_moved_timestamp_seconds", "Since when a channel names the version that it names."),
        &moved,
    );
    gauge(text, ("amifactory_channel_pinned", "Whether someone holds a channel."), &pinned);
    gauge(text, ("amifactory_channel_wrong", "Whether a channel's record does not hold together."), &wrong);
    gauge(text, ("amifactory_channel_revoked", "Whether a channel names an image that must not be used."), &revoked);
    gauge(text, ("amifactory_pointers_damaged", "Channels and versions that someone has damaged."), &damaged);
}

/// As its mark says, or its tags, which are read by themselves.
fn is_revoked(seen: &Seen, row: &ChannelRow, now: OffsetDateTime) -> bool {
    let mut images = seen.images.current(now, seen.every).into_iter().flatten();
    row.revoked.is_some() || images.any(|image| image.image == row.image && tags::revoked(&image.tags).is_some())
}

fn places(text: &mut String, seen: &Seen, now: OffsetDateTime) {
    let Some(rows) = seen.places.current(now, seen.every).filter(|rows| !rows.is_empty()) else { return };
    let (mut differs, mut unread) = (BTreeMap::new(), BTreeMap::new());
    for row in rows {
        let account = row.place.account.as_ref().map_or_else(|| "own".to_owned(), ToString::to_string);
        let place: Labels = vec![("account", account), ("region", row.place.region.to_string())];
        let is_unknown = matches!(row.how, How::Unknown(_));
        let count: &mut f64 = unread.entry(place.clone()).or_default();
        *count += f64::from(u8::from(is_unknown));
        if !is_unknown {
            let of = [
                ("recipe", row.recipe.to_string()),
                ("arch", row.arch.to_string()),
                ("channel", row.channel.to_string()),
            ];
            let labels: Labels = of.into_iter().chain(place).collect();
            differs.insert(labels, f64::from(u8::from(matches!(row.how, How::Differs(_)))));
        }
    }
    gauge(
        text,
        ("amifactory_channel_differs", "Whether a channel names something else in another place than at home."),
        &differs,
    );
    gauge(
        text,
        ("amifactory_channels_unread", "Channels of which it is not known what they name in another place."),
        &unread,
    );
}

fn builds(text: &mut String, seen: &Seen, now: OffsetDateTime) {
    let (mut count, mut oldest) = (BTreeMap::new(), BTreeMap::new());
    if let Some(builds) = seen.builds.current(now, seen.every) {
        for standing in Standing::ALL {
            let labels: Labels = vec![("state", standing.as_str().to_owned())];
            let those = || builds.iter().filter(|one| one.standing == standing);
            count.insert(labels.clone(), figure(those().count() as u64));
            if let Some(begun) = those().filter_map(|one| moment(&one.begun)).min() {
                oldest.insert(labels, begun.unix_timestamp() as f64);
            }
        }
    }
    gauge(text, ("amifactory_builds", "Builds that have not ended, by how they stand."), &count);
    gauge(text, ("amifactory_builds_oldest_timestamp_seconds", "When the oldest of them was begun."), &oldest);
}
