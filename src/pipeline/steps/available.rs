//! Available: the image can be started.

use super::snapshot::Snapshot;
use super::{Build, BuildError, Observed, Step};
use crate::identity::ImageId;
use crate::pipeline::tags::{self, ImageState};
use crate::pipeline::wait::{self, Wait};
use crate::target::Image;
use async_trait::async_trait;

pub struct Available;

/// How often a failed image is made again.
const RETRIES: u32 = 2;

#[async_trait]
impl Step for Available {
    fn name(&self) -> &'static str {
        "available"
    }

    async fn observe(&self, build: &mut Build<'_>) -> Result<Observed, BuildError> {
        Ok(if build.image.as_ref().is_some_and(|image| image.available) { Observed::Done } else { Observed::Missing })
    }

    async fn act(&self, build: &mut Build<'_>) -> Result<(), BuildError> {
        let target = build.target;
        let mut wait = Wait::new(format!("waiting for image {} to become available", build.id), wait::AVAILABLE)
            .remote(target.is_remote(), wait::EARLIEST_AVAILABLE);
        loop {
            let Some(id) = build.image.as_ref().map(|image| image.id.clone()) else { return Ok(()) };
            if let Some(image) = build.read(target.image(&id)).await? {
                let (available, failed) = (image.available, image.failed.clone());
                build.image = Some(image);
                if available {
                    return give_way(build).await;
                }
                if let Some(why) = failed {
                    make_again(build, &id, why).await?;
                }
            }
            wait.pause().await?;
        }
    }
}

/// Machines that know nothing of each other may have begun with different attempts of one plan. Of their images the one
/// that EC2 dates first stays: all of them see the same dates, and whoever is later goes on with the first one's. One by
/// EC2 Image Builder shows only when its own tests are through, long after its date: so what has been tested stays too,
/// and it is looked once more before an image is said to be tested.
pub(super) async fn give_way(build: &mut Build<'_>) -> Result<(), BuildError> {
    let target = build.target;
    let forced = |image: &Image| image.tags.contains_key(tags::FORCED);
    let Some(ours) = build.image.clone().filter(|ours| target.is_remote() && !forced(ours)) else { return Ok(()) };
    // One look for all that wait: no call of its own.
    let images = target.images().await?;
    let date = |image: &Image| (image.created_at.clone(), image.name.clone());
    let stays = |image: &Image| date(image) < date(&ours) || ImageState::of(&image.tags) >= ImageState::Verified;
    let usable = |image: &Image| !forced(image) && image.failed.is_none();
    let others = images.iter().filter(|image| image.id != ours.id && usable(image) && stays(image));
    let others = others.filter_map(|image| Some((tags::owner(&image.tags)?, image)));
    let of_plan = others.filter(|(owner, _)| owner.recipe == build.plan.recipe && owner.digest == build.plan.digest);
    match of_plan.min_by_key(|(_, image)| date(image)) {
        Some((owner, _)) => Err(BuildError::Overtaken { by: owner.build.to_string() }),
        None => Ok(()),
    }
}

/// An image that failed never becomes usable: it is removed, and made once more of the builder that is still there.
async fn make_again(build: &mut Build<'_>, image: &ImageId, why: String) -> Result<(), BuildError> {
    let target = build.target;
    build.mutate("delete image", image.as_str(), target.delete_image(image)).await?;
    build.image = None;
    if build.image_retries >= RETRIES || build.builder.is_none() {
        return Err(BuildError::ImageFailed { image: image.to_string(), why });
    }
    build.image_retries += 1;
    build.notice(format!("image {image} failed ({why}): it is made again"));
    Snapshot.act(build).await
}
