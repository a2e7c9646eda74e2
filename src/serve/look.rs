//! What is looked at beside images and fleet: what channels name, and the evidence of the images that matter most.

use super::board::Evidence;
use crate::identity::{Arch, Channel, ImageId, RecipeName, Version};
use crate::pipeline::tags;
use crate::recipe::ChannelRule;
use crate::release::History;
use crate::report::view::ImageRow;
use crate::target::{ImageRecord, Pin, PointerName, Slot, Target, TargetError, at_once};
use futures_util::FutureExt;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Of how many images the evidence is kept: it is by far the largest part of what is known of one.
const EVIDENCE: usize = 64;
/// How long it is waited for one: a target gives what was just written its time to show.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many that could not be read are asked for again in one look.
const AGAIN: usize = 8;

/// What a channel names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChannelRow {
    /// The recipe.
    pub recipe: RecipeName,
    /// For which architecture.
    pub arch: Arch,
    /// The channel.
    pub channel: Channel,
    /// The image.
    pub image: ImageId,
    /// Its version, where a note or a tag says it.
    pub version: Option<Version>,
    /// Since when, RFC 3339; none where the history can't be read.
    pub since: Option<String>,
    /// Who moved it there.
    pub by: Option<String>,
    /// How and why it was moved there.
    pub why: String,
    /// Whether its record is whole, in a sentence where it is not.
    pub wrong: Option<String>,
    /// Who holds it now, and why.
    pub pin: Option<String>,
    /// Why the image must not be used, where it must not.
    pub revoked: Option<String>,
}

/// What all channels name.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Channels {
    /// By recipe and architecture, in the factory's order.
    pub rows: Vec<ChannelRow>,
    /// What someone has damaged, so that it can't be told what it names.
    pub damaged: Vec<String>,
}

/// What the channels of these recipes name.
pub async fn channels(
    target: &dyn Target,
    rules: &[ChannelRule],
    recipes: &[RecipeName],
) -> Result<Channels, TargetError> {
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    let mut named: BTreeMap<PointerName, ImageId> = BTreeMap::new();
    let mut versions: BTreeMap<ImageId, Version> = BTreeMap::new();
    let mut revoked: BTreeMap<ImageId, String> = BTreeMap::new();
    for (_, seen) in target.overview(recipes).await? {
        revoked.extend(seen.revocations.into_values().flatten().map(|mark| (mark.image, mark.reason)));
        for pointer in seen.pointers {
            match pointer {
                Ok(pointer) => match &pointer.name.slot {
                    Slot::Channel(_) => drop(named.insert(pointer.name, pointer.image)),
                    Slot::Version(version) => drop(versions.insert(pointer.image, *version)),
                },
                Err(error @ TargetError::Damaged { .. }) => wrong.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
    }
    let names: Vec<PointerName> = named.keys().cloned().collect();
    let pins = at_once(names.iter().map(|name| target.pin(name)).collect()).await?;
    let pins: BTreeMap<&PointerName, Result<Option<Pin>, TargetError>> = names.iter().zip(pins).collect();
    let mut histories = target.histories(&names).await?;
    for (name, image) in &named {
        let Slot::Channel(channel) = &name.slot else { continue };
        let mut row = ChannelRow {
            recipe: name.recipe.clone(),
            arch: name.arch,
            channel: channel.clone(),
            image: image.clone(),
            version: versions.get(image).copied(),
            since: None,
            by: None,
            why: String::new(),
            wrong: None,
            pin: None,
            revoked: revoked.get(image).cloned(),
        };
        match histories.remove(name) {
            Some(Ok(entries)) => row.moved(&History::of(&entries)),
            Some(Err(error)) => row.wrong = Some(format!("its history can't be read: {error}")),
            None => row.wrong = Some("its history was not told".into()),
        }
        match pins.get(name) {
            Some(Ok(pin)) => {
                let holds = pin.as_ref().filter(|pin| pin.holds(target.now()));
                row.pin = holds.map(|pin| format!("by {} {}: {}", pin.by, pin.end(), pin.why));
            }
            Some(Err(error)) => row.pin = Some(format!("whether it is can't be told: {error}")),
            None => {}
        }
        rows.push(row);
    }
    let place = |channel: &Channel| rules.iter().position(|rule| rule.name == *channel).unwrap_or(usize::MAX);
    rows.sort_by(|a, b| {
        let order = |row: &ChannelRow| (row.recipe.clone(), row.arch, place(&row.channel), row.channel.clone());
        order(a).cmp(&order(b))
    });
    Ok(Channels { rows, damaged: wrong })
}

impl ChannelRow {
    /// Takes from the history when, by whom and why it came to name its image.
    fn moved(&mut self, history: &History) {
        if !history.is_sound() {
            self.wrong = Some(history.verdict());
        }
        let Some(last) = history.last() else { return };
        self.since = Some(last.at.clone());
        self.by = last.by.clone();
        self.version = last.version().or(self.version);
        self.why = match &last.note {
            None => "written by hand".into(),
            Some(note) => match &note.why {
                Some(why) => format!("{}: {why}", note.kind.as_str()),
                None => note.kind.as_str().into(),
            },
        };
    }
}

/// The evidence of images that channels name, and of the newest. What does not change any more is asked for once.
pub async fn evidence(
    target: &dyn Target,
    images: &[ImageRow],
    before: &BTreeMap<ImageId, Evidence>,
) -> Result<BTreeMap<ImageId, Evidence>, TargetError> {
    // On a service a record is a snapshot, which never changes once its image is tested.
    let is_final =
        |row: &ImageRow| target.is_remote() && tags::ImageState::of(&row.tags) != tags::ImageState::Candidate;
    let mut kept: BTreeMap<ImageId, Evidence> = BTreeMap::new();
    let (mut asked, mut again) = (Vec::new(), 0);
    for row in wanted(images) {
        match before.get(&row.image) {
            // A build whose version was taken gives its image another one, once.
            Some(Ok(record)) if is_final(row) && record.version == row.version => {
                drop(kept.insert(row.image.clone(), Ok(record.clone())))
            }
            Some(Err(why)) if again == AGAIN => drop(kept.insert(row.image.clone(), Err(why.clone()))),
            known => {
                again += usize::from(matches!(known, Some(Err(_))));
                asked.push(row.image.clone());
            }
        }
    }
    let ask = |image| async move {
        let slow = || Err(format!("it was not there in {} s", PATIENCE.as_secs()));
        Ok(tokio::time::timeout(PATIENCE, target.record(image)).await.map_or_else(|_| slow(), of_answer))
    };
    let answers = at_once(asked.iter().map(|image| ask(image).boxed()).collect()).await?;
    let answers = answers.into_iter().map(|answer| answer.unwrap_or_else(|error| Err(error.to_string())));
    kept.extend(asked.iter().cloned().zip(answers));
    Ok(kept)
}

fn of_answer(answer: Result<ImageRecord, TargetError>) -> Evidence {
    answer.map(Arc::new).map_err(|error| error.to_string())
}

fn wanted(images: &[ImageRow]) -> Vec<&ImageRow> {
    let mut wanted: Vec<&ImageRow> = images.iter().collect();
    wanted.sort_by(|a, b| {
        let rest = b.created_at.cmp(&a.created_at).then_with(|| a.image.cmp(&b.image));
        a.channels.is_empty().cmp(&b.channels.is_empty()).then(rest)
    });
    let mut taken = BTreeSet::new();
    wanted.retain(|row| taken.len() < EVIDENCE && taken.insert(&row.image));
    wanted
}
