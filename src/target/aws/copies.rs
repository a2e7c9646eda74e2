//! Copies of images from other regions. A copy is found again by its client token and by its name, which no two images
//! of a region share, so it can be asked for any number of times. It carries its build's tags from its first moment.

use super::api::{Api, op};
use super::view::{Ami, View};
use super::{images, records, tags};
use crate::identity::{Digest, ImageId};
use crate::pipeline::tags as keys;
use crate::target::{CopyRequest, Part, TargetError};
use aws_sdk_ec2::types::{Filter, ResourceType, SnapshotState};

/// How many dead copies a token takes in. After that each is of its own, and names a copy that nobody has begun before.
const REMEMBERED: usize = 1;

/// Copies an image, or answers with the copy that was made before, where that is not gone.
///
/// A token names its copy for ever, also one that was deregistered since. So where EC2 does not know what it answers, and an
/// earlier copy is known to have been whole there, the next token is one that takes the dead id in: whoever comes again gets
/// the same. What keeps a region from having two in any case is the name.
pub async fn copy(api: &Api, view: &View, request: &CopyRequest) -> Result<Ami, TargetError> {
    let mut gone: Vec<String> = Vec::new();
    loop {
        let copy = begin(api, request, &gone).await?;
        if request.attempt > 1 || gone.len() > REMEMBERED || !is_gone(api, &copy).await? {
            view.imaged(&copy);
            return Ok(copy);
        }
        gone.push(copy.id);
    }
}

/// Whether a copy is one that was there and was removed. Its record is written once it is whole, and is not deregistered
/// with it; without one it may be so new that EC2 does not show it yet.
async fn is_gone(api: &Api, copy: &Ami) -> Result<bool, TargetError> {
    let filter = Filter::builder().name("image-id").values(&copy.id).build();
    let ask = || api.ec2.describe_images().owners("self").filters(filter.clone()).include_disabled(true).send();
    let answer = api.caller.call(op::DESCRIBE_IMAGES, &copy.id, ask).await?;
    let build = images::tag(&copy.tags, keys::BUILD);
    Ok(answer.images().is_empty() && !build.is_empty() && records::has_whole(api, build, &copy.id).await?)
}

async fn begin(api: &Api, request: &CopyRequest, gone: &[String]) -> Result<Ami, TargetError> {
    let CopyRequest { source, from, name, tags: all, kms_key, attempt } = request;
    // One that failed and was removed was never whole: after the first attempt, each token is new.
    let of_its_own = match *attempt == 1 && gone.len() <= REMEMBERED {
        true => gone.join(" "),
        false => fastrand::u64(1..).to_string(),
    };
    // Another content of the call is another call: EC2 takes a token for one content only.
    let content = format!("{source} {from} {} {name} {kms_key:?} {all:?} {of_its_own}", api.region);
    let token = Digest::of(content.as_bytes()).to_string()[..64].to_owned();
    let description = format!("copied by amifactory from {source} in {from}");
    let send = || {
        api.ec2
            .copy_image()
            .source_image_id(source.as_str())
            .source_region(from.as_str())
            .name(name)
            .description(&description)
            .client_token(&token)
            .encrypted(true)
            .set_kms_key_id(kms_key.clone())
            .set_tag_specifications(Some(tags::at_creation(all, &[ResourceType::Image, ResourceType::Snapshot])))
            .send()
    };
    match api.caller.call(op::COPY_IMAGE, name, send).await {
        Ok(answer) => Ok(Ami::pending(answer.image_id.unwrap_or_default(), name, all)),
        // Another run was here first, longer ago than a token is remembered or with other tags.
        Err(error) if error.is("InvalidAMIName.Duplicate") => match images::by_name(api, name).await? {
            Some(image) if images::tag(&image.tags, keys::COPY_OF) != images::tag(all, keys::COPY_OF) => {
                Err(TargetError::Service {
                    call: op::COPY_IMAGE.action.into(),
                    resource: name.clone(),
                    said: format!("{} has this name in {} and is no copy of {source}", image.id, api.region),
                    help: "find out who made it, and remove or rename it; then run the same command again".into(),
                })
            }
            found => found.ok_or_else(|| error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

/// The snapshots of an image, as they are now. None are told of an image that is not available.
pub async fn parts(api: &Api, view: &View, image: &ImageId) -> Result<Vec<Part>, TargetError> {
    let missing = || TargetError::NotFound { what: format!("image {image} in {}", api.region) };
    let snapshots = view.image_now(api, image.as_str()).await?.ok_or_else(missing)?.snapshots;
    if snapshots.is_empty() {
        return Err(TargetError::NotFound { what: format!("a snapshot of {image} in {}", api.region) });
    }
    let filter = Filter::builder().name("snapshot-id").set_values(Some(snapshots.clone())).build();
    let ask = || api.ec2.describe_snapshots().owner_ids("self").filters(filter.clone()).send();
    let answer = api.caller.call(op::DESCRIBE_SNAPSHOTS, image.as_str(), ask).await?;
    let part = |id: String| {
        let seen = answer.snapshots().iter().find(|seen| seen.snapshot_id() == Some(&id));
        Part {
            complete: seen.is_some_and(|seen| seen.state() == Some(&SnapshotState::Completed)),
            encrypted: seen.is_some_and(|seen| seen.encrypted() == Some(true)),
            kms_key: seen.and_then(|seen| seen.kms_key_id()).map(str::to_owned),
            snapshot: id,
        }
    };
    Ok(snapshots.into_iter().map(part).collect())
}
