//! Publish: the version pointer, once and for all; then the channel pointer; then the image says that it is published.

use super::{Build, BuildError, Observed, Step};
use crate::identity::{Channel, ImageId, Version};
use crate::pipeline::tags::{self, ImageState};
use crate::target::{Pointer, PointerName, Slot, Tags, TargetError};
use async_trait::async_trait;

pub struct Publish;

#[async_trait]
impl Step for Publish {
    fn name(&self) -> &'static str {
        "publish"
    }

    async fn observe(&self, build: &mut Build<'_>) -> Result<Observed, BuildError> {
        let published = build.image.as_ref().is_some_and(|image| ImageState::of(&image.tags) == ImageState::Published);
        Ok(if published { Observed::Done } else { Observed::Missing })
    }

    async fn act(&self, build: &mut Build<'_>) -> Result<(), BuildError> {
        let Some(image) = build.image.clone() else { return Ok(()) };
        let target = build.target;
        let version = pointer(build, Slot::Version(build.version));
        let created = build.mutate("create pointer", version.to_string(), target.create_pointer(&version, &image.id));
        match created.await {
            Err(BuildError::Target(TargetError::Conflict { found, .. })) => {
                return Err(BuildError::VersionTaken {
                    recipe: build.plan.recipe.to_string(),
                    version: build.version.to_string(),
                    image: found,
                });
            }
            other => other?,
        }
        read_back(build, &version, &image.id).await?;
        if let Some(channel) = build.plan.publish.clone() {
            move_channel(build, &channel, &image.id).await?;
        }
        let state: Tags = [(tags::STATE.into(), ImageState::Published.as_str().into())].into();
        build.mutate("tag image", image.id.as_str(), target.tag_image(&image.id, &state)).await?;
        let images = build.read(target.images()).await?;
        build.image = images.into_iter().find(|other| other.id == image.id);
        Ok(())
    }
}

fn pointer(build: &Build<'_>, slot: Slot) -> PointerName {
    PointerName { recipe: build.plan.recipe.clone(), arch: build.plan.base.arch, slot }
}

/// Moves the channel to this image, unless it already names a newer one: a build that was resumed late must not take
/// its consumers back.
async fn move_channel(build: &mut Build<'_>, channel: &Channel, image: &ImageId) -> Result<(), BuildError> {
    let target = build.target;
    let name = pointer(build, Slot::Channel(channel.clone()));
    let current = build.read(target.pointer(&name)).await?;
    if let Some(current) = &current {
        if current.image == *image {
            return Ok(());
        }
        if let Some(newer) = named_version(build, current).await?.filter(|version| *version > build.version) {
            build.notice(format!("channel {channel} stays at {newer}, which is newer than {}", build.version));
            return Ok(());
        }
    }
    let expected = current.as_ref().map(|pointer| &pointer.image);
    build.mutate("move pointer", name.to_string(), target.move_pointer(&name, expected, image)).await?;
    read_back(build, &name, image).await
}

async fn named_version(build: &mut Build<'_>, pointer: &Pointer) -> Result<Option<Version>, BuildError> {
    let target = build.target;
    let images = build.read(target.images()).await?;
    let named = images.iter().find(|image| image.id == pointer.image);
    Ok(named.and_then(|image| tags::owner(&image.tags)).map(|owner| owner.version))
}

/// A write that was accepted is not a write that happened: the pointer is read back.
async fn read_back(build: &mut Build<'_>, name: &PointerName, image: &ImageId) -> Result<(), BuildError> {
    let target = build.target;
    match build.read(target.pointer(name)).await? {
        Some(pointer) if pointer.image == *image => Ok(()),
        Some(pointer) => Err(TargetError::Conflict { what: name.to_string(), found: pointer.image.to_string() }.into()),
        None => Err(TargetError::NotFound { what: format!("{name}, just written,") }.into()),
    }
}
