//! Images: made of stopped builders, found by their names, removed with their snapshots.

use super::api::{Api, Operation, op};
use super::shared::FRESH;
use super::tags;
use super::view::{Ami, View};
use crate::pipeline::tags as keys;
use crate::target::{Tags, TargetError};
use aws_sdk_ec2::types::{Filter, ResourceType, Snapshot};
use std::time::Duration;

/// Makes an image of a stopped instance, or answers with the one of this name.
pub async fn create(api: &Api, view: &View, instance: &str, name: &str, all: &Tags) -> Result<Ami, TargetError> {
    let description = format!("made by amifactory: {} {}", tag(all, keys::RECIPE), tag(all, keys::VERSION));
    let request = || {
        api.ec2
            .create_image()
            .instance_id(instance)
            .name(name)
            .description(&description)
            .set_tag_specifications(Some(tags::at_creation(all, &[ResourceType::Image, ResourceType::Snapshot])))
            .send()
    };
    match api.caller.call(op::CREATE_IMAGE, name, request).await {
        Ok(answer) => {
            let image = Ami::pending(answer.image_id.unwrap_or_default(), name, all);
            view.imaged(&image);
            Ok(image)
        }
        // The reply of an earlier call was lost, or another run of this build was here first.
        Err(error) if error.is("InvalidAMIName.Duplicate") => match by_name(api, name).await? {
            // A name alone makes no image ours: it carries its build's tag from its first moment.
            Some(image) if tag(&image.tags, keys::BUILD) != tag(all, keys::BUILD) => Err(TargetError::Service {
                call: op::CREATE_IMAGE.action.into(),
                resource: name.to_owned(),
                said: format!("image {} has this name and is not of this build: someone else has made it", image.id),
                help: "find out who did; built again, this image has another name".into(),
            }),
            found => found.ok_or_else(|| error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

pub(super) fn tag<'t>(tags: &'t Tags, key: &str) -> &'t str {
    tags.get(key).map_or("", String::as_str)
}

/// The name is taken, so the image is there; a describe may not know it yet.
pub(super) async fn by_name(api: &Api, name: &str) -> Result<Option<Ami>, TargetError> {
    let filter = Filter::builder().name("name").values(name).build();
    let began = tokio::time::Instant::now();
    loop {
        let ask = || api.ec2.describe_images().owners("self").filters(filter.clone()).send();
        let answer = api.caller.call(op::DESCRIBE_IMAGES, name, ask).await?;
        if let Some(image) = answer.images().iter().find_map(super::view::read_image) {
            return Ok(Some(image));
        }
        if began.elapsed() > super::api::EVENTUAL {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

/// Sets tags over those that are there.
pub async fn tag_image(api: &Api, view: &View, image: &str, changes: &Tags) -> Result<(), TargetError> {
    let request = || api.ec2.create_tags().resources(image).set_tags(Some(tags::list(changes))).send();
    api.caller.call(op::CREATE_TAGS, image, request).await?;
    view.tagged(image, changes);
    Ok(())
}

/// Removes an image, then its snapshots: those that its device mappings name, and those that carry its build's tag, unless
/// another image has that too.
pub async fn delete(api: &Api, view: &View, id: &str) -> Result<(), TargetError> {
    let new = view.new_image(id);
    // One that was just made may not be known everywhere: it is not gone for that.
    let eventual: &[&str] = if new.is_some() { &["InvalidAMIID.NotFound"] } else { &[] };
    let image = view.image_now(api, id).await?.or(new);
    let build = image.as_ref().and_then(|image| image.tags.get(keys::BUILD).cloned());
    let request = || api.ec2.deregister_image().image_id(id).delete_associated_snapshots(true).send();
    match api.caller.call(Operation { eventual, ..op::DEREGISTER_IMAGE }, id, request).await {
        Ok(_) => {}
        Err(error) if is_gone(&error.code) => {}
        Err(error) => return Err(error.into()),
    }
    view.deleted(id);
    let Some(build) = build else { return Ok(()) };
    // Tags that were copied, or a build of an older program, may have given its build to another image too: then only what
    // says that it is of this one goes.
    let is_other = |other: &Ami| other.id != id && (tag(&other.tags, keys::BUILD) == build || other.name == build);
    let shared = view.images(api, FRESH).await?.iter().any(is_other);
    // Removed last: until then the tags of the snapshots say whose they are.
    let ours = Filter::builder().name(format!("tag:{}", keys::BUILD)).values(&build).build();
    let ask = || api.ec2.describe_snapshots().owner_ids("self").filters(ours.clone()).send();
    let answer = api.caller.call(op::DESCRIBE_SNAPSHOTS, id, ask).await?;
    let mut records = view.take_records(&build, id);
    let is_its = |snapshot: &&Snapshot| !shared || tag(&tags::read(snapshot.tags()), keys::IMAGE) == id;
    for snapshot in answer.snapshots().iter().filter(is_its).filter_map(|snapshot| snapshot.snapshot_id()) {
        records.remove(snapshot);
        delete_snapshot(api, snapshot).await?;
    }
    // One that was just begun may not be listed yet.
    for snapshot in &records {
        let operation = Operation { eventual: &["InvalidSnapshot.NotFound"], ..op::DELETE_SNAPSHOT };
        delete_with(api, operation, snapshot).await?;
    }
    Ok(())
}

/// Removes a snapshot. One that is gone, or that an image still needs, is left.
pub async fn delete_snapshot(api: &Api, id: &str) -> Result<(), TargetError> {
    delete_with(api, op::DELETE_SNAPSHOT, id).await
}

async fn delete_with(api: &Api, operation: Operation, id: &str) -> Result<(), TargetError> {
    match api.caller.call(operation, id, || api.ec2.delete_snapshot().snapshot_id(id).send()).await {
        Ok(_) => Ok(()),
        Err(error) if error.is("InvalidSnapshot.NotFound") || error.is("InvalidSnapshot.InUse") => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn is_gone(code: &str) -> bool {
    matches!(code, "InvalidAMIID.NotFound" | "InvalidAMIID.Unavailable")
}
