//! Which image goes where, by what someone asks for. Looks and changes nothing.

use super::distribute::Wanted;
use super::error::ReleaseError;
use super::places::{Places, all_of};
use super::promote::rule;
use super::scene::Scene;
use crate::identity::{Arch, RecipeName, Version};
use crate::recipe::ChannelRule;
use crate::target::Slot;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which recipe.
    pub recipe: RecipeName,
    /// Which version. Where none is said: what the channel before names, or the newest.
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
    let before = rule.and_then(|rule| rule.from.as_ref()).and_then(|from| scene.pointer(&scene.channel(arch, from)));
    let version = request.version.or_else(|| before.and_then(|pointer| scene.version_of(&pointer.image)));
    let newest = || {
        let of_arch = scene.pointers.iter().filter(|pointer| pointer.name.arch == arch);
        let versions = of_arch.filter_map(|pointer| match pointer.name.slot {
            Slot::Version(version) => Some(version),
            Slot::Channel(_) => None,
        });
        versions.max()
    };
    let none = || ReleaseError::NoImage { recipe: scene.recipe.clone(), target: scene.target };
    let version = version.or_else(newest).ok_or_else(none)?;
    let candidate = scene.usable(arch, version)?;
    let record = places.home.record(&candidate.image.id).await?;
    Ok(Wanted { candidate, recipe: request.recipe.clone(), arch, record, reach })
}
