//! Which image goes where, by what someone asks for. Looks and changes nothing.

use super::distribute::Wanted;
use super::error::ReleaseError;
use super::places::{Places, all_of};
use super::promote::{rule, unknown_image};
use super::scene::{Candidate, Scene};
use crate::identity::{Arch, Channel, RecipeName, Version};
use crate::recipe::ChannelRule;
use crate::target::{PointerName, Slot};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which recipe.
    pub recipe: RecipeName,
    /// Which version. Where none is said: what the channel before names; where no channel is said either, the newest.
    pub version: Option<Version>,
    /// To what this channel reaches; to what all channels reach where none is said.
    pub to: Option<String>,
    /// For which architecture.
    pub arch: Option<Arch>,
}

/// Finds it.
pub async fn find(places: &Places<'_>, channels: &[ChannelRule], request: &Request) -> Result<Wanted, ReleaseError> {
    let rule = request.to.as_deref().map(|name| rule(channels, name)).transpose()?;
    let reach = match rule {
        Some(rule) => rule.reach.clone(),
        None => all_of(channels.iter().map(|rule| &rule.reach)),
    };
    if reach.is_home() {
        let what = match rule {
            Some(rule) => format!("channel {} reaches no other region or account", rule.name),
            None => "no channel reaches another region or account".to_owned(),
        };
        return Err(ReleaseError::NoReach {
            what,
            help: "give a channel `regions:` or `accounts:` in amifactory.yaml".into(),
        });
    }
    let scene = Scene::look(places.home, &request.recipe).await?;
    let arch = scene.arch(request.arch)?;
    let candidate = match (request.version, rule) {
        (Some(version), _) => scene.usable(arch, version)?,
        // As for `promote`: what goes to a channel has been in the one before it, and nothing stands in for that.
        (None, Some(rule)) => match &rule.from {
            Some(from) => before(&scene, &scene.channel(arch, from), from)?,
            None => {
                return Err(ReleaseError::FirstChannel { recipe: scene.recipe.clone(), channel: rule.name.clone() });
            }
        },
        (None, None) => {
            let of_arch = scene.pointers.iter().filter(|pointer| pointer.name.arch == arch);
            let versions = of_arch.filter_map(|pointer| match pointer.name.slot {
                Slot::Version(version) => Some(version),
                Slot::Channel(_) => None,
            });
            let none = || ReleaseError::NoImage { recipe: scene.recipe.clone(), target: scene.target };
            scene.usable(arch, versions.max().ok_or_else(none)?)?
        }
    };
    let record = places.home.record(&candidate.image.id).await?;
    Ok(Wanted { candidate, recipe: request.recipe.clone(), arch, record, reach })
}

/// What the channel before names.
fn before(scene: &Scene, name: &PointerName, from: &Channel) -> Result<Candidate, ReleaseError> {
    let empty = || ReleaseError::Empty {
        recipe: scene.recipe.clone(),
        channel: from.clone(),
        help: format!("promote an image to {from} first, or name a version: {}@VERSION", scene.recipe),
    };
    let pointer = scene.pointer(name).ok_or_else(empty)?;
    let version = scene.version_of(&pointer.image);
    scene.fit(version.ok_or_else(|| unknown_image(name, from, &pointer.image))?, &pointer.image)
}
