//! What a promotion leaves on the image itself: which channels have named it. A channel's record goes where its pointer is
//! deleted; this stays, so that a channel that is gone is not taken for one that never was.

use crate::identity::{Channel, RecipeName, Version};
use crate::pipeline::tags::{self, CHANNELS, COPY_OF};
use crate::recipe::ChannelRule;
use crate::target::{Image, PointerName, Slot, Target, TargetError};
use std::collections::BTreeMap;

/// The channels that have named an image, as far as it says so.
fn channels(image: &Image) -> impl Iterator<Item = Channel> {
    let said = image.tags.get(CHANNELS).map(String::as_str).unwrap_or_default();
    said.split(' ').filter_map(|channel| channel.parse().ok())
}

/// Says on an image that a channel has named it, where it does not say so yet.
pub async fn leave(target: &dyn Target, image: &Image, channel: &Channel) -> Result<(), TargetError> {
    if channels(image).any(|said| said == *channel) {
        return Ok(());
    }
    let all: Vec<String> = channels(image).chain([channel.clone()]).map(|channel| channel.to_string()).collect();
    target.tag_image(&image.id, &[(CHANNELS.to_owned(), all.join(" "))].into()).await
}

/// Channels of a recipe that have named some of its images and are not `there`, with the newest version that each has named.
/// One that the factory has no more may go. Copies say what their source said: their place may have no such channel.
pub fn gone<'i>(
    images: impl IntoIterator<Item = &'i Image>,
    recipe: &RecipeName,
    rules: &[ChannelRule],
    there: impl Fn(&PointerName) -> bool,
) -> BTreeMap<PointerName, Version> {
    let mut gone: BTreeMap<PointerName, Version> = BTreeMap::new();
    for image in images {
        let Some((owner, arch)) = tags::owner(&image.tags).zip(tags::arch(&image.tags)) else { continue };
        if owner.recipe != *recipe || image.tags.contains_key(COPY_OF) {
            continue;
        }
        for channel in channels(image).filter(|channel| rules.iter().any(|rule| rule.name == *channel)) {
            let name = PointerName { recipe: recipe.clone(), arch, slot: Slot::Channel(channel) };
            if !there(&name) {
                let newest = gone.entry(name).or_insert(owner.version);
                *newest = (*newest).max(owner.version);
            }
        }
    }
    gone
}
