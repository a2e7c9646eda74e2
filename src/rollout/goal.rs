//! What is rolled out: the image that a channel names, if it may be used.

use super::RolloutError;
use crate::identity::{Arch, Channel, ImageId, RecipeName, Region, Version};
use crate::pipeline::tags::ImageState;
use crate::recipe::ChannelRule;
use crate::release::promote::rule;
use crate::release::scene::{self, Scene};
use crate::release::{History, ReleaseError};
use crate::target::{PointerName, Slot, Target, TargetError};

/// What is rolled out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// The recipe.
    pub recipe: RecipeName,
    /// The channel that names it.
    pub channel: Channel,
    /// Its architecture.
    pub arch: Arch,
    /// Its version.
    pub version: Version,
    /// The image; in another region the copy there.
    pub image: ImageId,
    /// The region, where it is not the home region.
    pub region: Option<Region>,
}

/// Where groups are rolled, and where it is decided what they come to.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// Where the groups are.
    pub target: &'a dyn Target,
    /// The home region, where the groups are in another one: a channel there follows what it names at home.
    pub home: Option<&'a dyn Target>,
}

impl<'a> Site<'a> {
    /// At home itself.
    pub fn home(target: &'a dyn Target) -> Site<'a> {
        Site { target, home: None }
    }
}

impl Goal {
    /// The command that rolls it out, or more of it.
    pub fn command(&self) -> String {
        let region = self.region.as_ref().map(|region| format!(" --region {region}")).unwrap_or_default();
        format!("amifactory rollout {} --channel {} --arch {}{region}", self.recipe, self.channel, self.arch)
    }

    /// The command that brings the channel back to the image before.
    pub fn moves_back(&self) -> String {
        format!("amifactory rollback {} --channel {} --arch {}", self.recipe, self.channel, self.arch)
    }

    /// The parameter that names it.
    pub fn pointer(&self) -> PointerName {
        PointerName { recipe: self.recipe.clone(), arch: self.arch, slot: Slot::Channel(self.channel.clone()) }
    }

    /// Whether this is the channel's own parameter, as `resolve:ssm:…` of a template gives it: by its name or ARN.
    pub fn is_named_by(&self, parameter: &str) -> bool {
        let pointer = self.pointer().to_string();
        parameter == pointer || parameter.starts_with("arn:") && parameter.ends_with(&format!(":parameter{pointer}"))
    }
}

/// Reads what the channel names: it must be there, available, started and tested, and not be revoked; and the channel must
/// have come to it through its gates. In another region all that must be so there, and at home for the same version: a
/// version that is revoked at home goes out nowhere.
pub async fn read(
    site: Site<'_>,
    channels: &[ChannelRule],
    asked: (&RecipeName, &str, Option<Arch>),
) -> Result<(Goal, Scene), RolloutError> {
    let (goal, scene) = read_one(site, channels, asked).await?;
    if let Some(home) = site.home {
        let (recipe, channel, _) = asked;
        let (at_home, _) = read_one(Site::home(home), channels, (recipe, channel, Some(goal.arch))).await?;
        if at_home.version != goal.version {
            let (there, home) = (goal.version, at_home.version);
            return Err(RolloutError::Behind {
                recipe: goal.recipe,
                channel: goal.channel,
                region: goal.region,
                there,
                home,
            });
        }
    }
    Ok((goal, scene))
}

async fn read_one(
    site: Site<'_>,
    channels: &[ChannelRule],
    asked: (&RecipeName, &str, Option<Arch>),
) -> Result<(Goal, Scene), RolloutError> {
    let target = site.target;
    let (goal, scene) = named(site, channels, asked).await?;
    let (recipe, version) = (&goal.recipe, goal.version);
    if scene.is_damaged(&scene.channel(goal.arch, &goal.channel)) {
        return Err(damaged(&goal.channel, recipe, "what it holds names no image").into());
    }
    let history = scene::history(target, &scene.channel(goal.arch, &goal.channel)).await?;
    let history = history.with_versions(|image| scene.versions_of(image));
    if let Some(why) = doubt(&goal.channel, &history) {
        return Err(RolloutError::Doubt { recipe: recipe.clone(), channel: goal.channel, why });
    }
    let image = match scene.fit(version, &goal.image) {
        // Another version goes out by the channel alone.
        Err(ReleaseError::Revoked { recipe, version, reason, .. }) => {
            let help = format!("nothing rolls it out; the channel moves first: {}", goal.moves_back());
            return Err(ReleaseError::Revoked { recipe, version, reason, help }.into());
        }
        fit => fit?.image,
    };
    if ImageState::of(&image.tags) < ImageState::Verified {
        return Err(RolloutError::NotTested { recipe: recipe.clone(), version, image: image.id });
    }
    Ok((goal, scene))
}

/// The same without a gate: whoever goes back is often there because the image may no longer be used.
pub async fn named(
    site: Site<'_>,
    channels: &[ChannelRule],
    (recipe, channel, arch): (&RecipeName, &str, Option<Arch>),
) -> Result<(Goal, Scene), RolloutError> {
    let rule = rule(channels, channel)?;
    let region = site.home.and(site.target.region());
    if let Some(region) = region.as_ref().filter(|region| !rule.reach.regions.contains(region)) {
        let reached = rule.reach.regions.clone();
        return Err(RolloutError::NotReached { channel: rule.name.clone(), region: region.clone(), reached });
    }
    let scene = Scene::look(site.target, recipe).await?;
    let arch = scene.arch(arch)?;
    let empty = || ReleaseError::Empty {
        recipe: recipe.clone(),
        channel: rule.name.clone(),
        help: format!("promote an image to it: amifactory promote {recipe} --to {}", rule.name),
    };
    let image = scene.pointer(&scene.channel(arch, &rule.name)).ok_or_else(empty)?.image.clone();
    let unknown = || {
        let why = format!("it names {image}, which is no image of this recipe, or is gone");
        damaged(&rule.name, recipe, &why)
    };
    let version = scene.version_of(&image).ok_or_else(unknown)?;
    Ok((Goal { recipe: recipe.clone(), channel: rule.name.clone(), arch, version, image, region }, scene))
}

/// Why the channel's last move passed no gate, or can't be vouched for. What was wrong before a later move through the gates
/// says nothing of what the channel names now.
fn doubt(channel: &Channel, history: &History) -> Option<String> {
    let last = history.last()?;
    if let Some(broken) = history.breaks.iter().find(|broken| broken.revision >= last.revision) {
        return Some(format!("the history of {channel} was edited: revision {}: {}", broken.revision, broken.what));
    }
    if let Some(found) = history.last_contradicted() {
        return Some(format!("what {channel} says is not so: revision {}: {}", found.revision, found.what));
    }
    last.note.is_none().then(|| format!("{channel} was written by hand (revision {}), past all gates", last.revision))
}

fn damaged(channel: &Channel, recipe: &RecipeName, why: &str) -> TargetError {
    TargetError::Damaged {
        what: format!("channel {channel} of {recipe}"),
        why: why.to_owned(),
        help: format!("put it back to one of its own: amifactory rollback {recipe} --channel {channel}"),
    }
}
