//! What holds images and snapshots and is no instance: recipes of EC2 Image Builder, fast launch, locks, fast restores. Tests
//! put them here.

use super::super::World;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{items, text};
use super::errors::{invalid, missing};
use super::model::Home;
use super::page::page;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default)]
pub struct Holds {
    /// By image: the type of what refers to it, and its ARN.
    pub references: BTreeMap<String, Vec<(&'static str, String)>>,
    /// Images with fast launch, and its state.
    pub fast_launch: BTreeMap<String, &'static str>,
    /// Locked snapshots, and the state of the lock.
    pub locks: BTreeMap<String, &'static str>,
    /// Snapshots with fast restores, and the state of these.
    pub fast_restores: BTreeMap<String, &'static str>,
}

/// "Array Members: Minimum number of 1 item. Maximum number of 10 items."
pub fn describe_image_references(world: &mut World, call: &Incoming<'_>) -> Reply {
    let ids = call.params.list("ImageId");
    if ids.is_empty() {
        return Err(missing("ImageId"));
    }
    if ids.len() > 10 {
        return Err(invalid("The number of image IDs must be at most 10.".to_owned()));
    }
    let kinds: Vec<String> =
        call.params.members("ResourceType").iter().filter_map(|m| m.get("ResourceType").map(str::to_owned)).collect();
    let all = call.params.get("IncludeAllResourceTypes") == Some("true");
    if kinds.is_empty() && !all {
        return Err(Failure::bad("MissingParameter", "IncludeAllResourceTypes or ResourceTypes must be specified."));
    }
    let home = Home::of(call.caller);
    let mut found = Vec::new();
    for id in &ids {
        if world.ec2.images.get(id).is_none_or(|image| image.home.region != home.region) {
            return Err(Failure::bad("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")));
        }
        let refers = world.ec2.holds.references.get(id).into_iter().flatten();
        found.extend(refers.filter(|(kind, _)| all || kinds.iter().any(|k| k == kind)).map(|(k, arn)| (id, k, arn)));
    }
    let page = page(found, call.params, "", |(id, _, arn)| format!("{id} {arn}"))?;
    let rows = page
        .items
        .iter()
        .map(|(id, kind, arn)| vec![text("imageId", id), text("resourceType", kind), text("arn", arn)]);
    let mut out = vec![items("imageReferenceSet", rows)];
    out.extend(page.next());
    Ok(Done::xml(out))
}

pub fn describe_fast_launch_images(world: &mut World, call: &Incoming<'_>) -> Reply {
    let home = Home::of(call.caller);
    let here = |id: &String| world.ec2.images.get(id).is_some_and(|image| image.home == home);
    listed(&world.ec2.holds.fast_launch, call, &here, "fastLaunchImageSet", ("imageId", "state"))
}

pub fn describe_locked_snapshots(world: &mut World, call: &Incoming<'_>) -> Reply {
    let home = Home::of(call.caller);
    let here = |id: &String| world.ec2.snapshots.get(id).is_some_and(|snapshot| snapshot.home == home);
    listed(&world.ec2.holds.locks, call, &here, "snapshotSet", ("snapshotId", "lockState"))
}

pub fn describe_fast_snapshot_restores(world: &mut World, call: &Incoming<'_>) -> Reply {
    let home = Home::of(call.caller);
    let here = |id: &String| world.ec2.snapshots.get(id).is_some_and(|snapshot| snapshot.home == home);
    listed(&world.ec2.holds.fast_restores, call, &here, "fastSnapshotRestoreSet", ("snapshotId", "state"))
}

fn listed(
    all: &BTreeMap<String, &'static str>,
    call: &Incoming<'_>,
    here: &dyn Fn(&String) -> bool,
    set: &str,
    (id, state): (&str, &str),
) -> Reply {
    let ours: Vec<_> = all.iter().filter(|(id, _)| here(id)).collect();
    let page = page(ours, call.params, "", |(id, _)| (*id).clone())?;
    let mut out = vec![items(set, page.items.iter().map(|(of, is)| vec![text(id, of), text(state, is)]))];
    out.extend(page.next());
    Ok(Done::xml(out))
}
