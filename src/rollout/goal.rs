//! What is rolled out: the image that a channel names, if it may be used.

use super::RolloutError;
use crate::identity::{Arch, Channel, ImageId, RecipeName, Version};
use crate::pipeline::tags::ImageState;
use crate::recipe::ChannelRule;
use crate::release::ReleaseError;
use crate::release::promote::rule;
use crate::release::scene::Scene;
use crate::target::{Target, TargetError};

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
    /// The image.
    pub image: ImageId,
}

/// Reads what the channel names: it must be there, available, started and tested, and not be revoked.
pub async fn read(
    target: &dyn Target,
    channels: &[ChannelRule],
    (recipe, channel, arch): (&RecipeName, &str, Option<Arch>),
) -> Result<(Goal, Scene), RolloutError> {
    let rule = rule(channels, channel)?;
    let scene = Scene::look(target, recipe).await?;
    let arch = scene.arch(arch)?;
    let name = scene.channel(arch, &rule.name);
    if scene.is_damaged(&name) {
        let error = TargetError::Damaged {
            what: format!("pointer {name}"),
            why: "what it holds names no image".into(),
            help: format!("put it back: amifactory rollback {recipe} --channel {}", rule.name),
        };
        return Err(error.into());
    }
    let pointer = scene.pointer(&name).ok_or_else(|| ReleaseError::Empty {
        recipe: recipe.clone(),
        channel: rule.name.clone(),
        help: format!("promote an image to it: amifactory promote {recipe} --to {}", rule.name),
    })?;
    let unknown = || TargetError::Damaged {
        what: format!("pointer {name}"),
        why: format!("it names {}, which is no image of this recipe, or is gone", pointer.image),
        help: format!("put it back to one of its own: amifactory rollback {recipe} --channel {}", rule.name),
    };
    let version = scene.version_of(&pointer.image).ok_or_else(unknown)?;
    let image = scene.fit(version, &pointer.image)?.image;
    if ImageState::of(&image.tags) < ImageState::Verified {
        return Err(RolloutError::NotTested { recipe: recipe.clone(), version, image: image.id });
    }
    let goal = Goal { recipe: recipe.clone(), channel: rule.name.clone(), arch, version, image: image.id };
    Ok((goal, scene))
}
