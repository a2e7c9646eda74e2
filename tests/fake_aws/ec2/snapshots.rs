//! Snapshots: of volumes, of images, and those that the EBS direct APIs write.

use super::super::World;
use super::super::agents::Disk;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{Xml, items, text};
use super::errors::{check_id, missing, not_found};
use super::filters::Filters;
use super::launch::freeze;
use super::model::{Home, Snapshot, Tags};
use super::page::page;
use super::tags;
use super::timeline::Timeline;
use std::time::Duration;
use tokio::time::Instant;

/// A snapshot to be.
pub struct NewSnapshot {
    pub home: Home,
    pub volume: String,
    /// In GiB.
    pub size: u64,
    pub description: String,
    pub encrypted: bool,
    pub kms_key: Option<String>,
    /// When it completes; none while somebody still writes it.
    pub completes: Option<Duration>,
    pub disk: Option<Disk>,
    pub tags: Tags,
}

/// It is there from now on, `pending` until it completes. To complete one that was being written:
/// `snapshot.state.set(at, "completed")`.
pub fn add(world: &mut World, new: NewSnapshot, now: Instant) -> String {
    let id = world.id("snap");
    let visible = world.visible_at(now);
    let mut state = Timeline::new(now, "pending");
    if let Some(after) = new.completes {
        state.then(now + after, "completed");
    }
    world.ec2.set_tags(&id, now, new.tags);
    world.ec2.snapshots.insert(
        id.clone(),
        Snapshot {
            id: id.clone(),
            home: new.home,
            volume: new.volume,
            size: new.size,
            description: new.description,
            encrypted: new.encrypted,
            kms_key: new.kms_key,
            started: now,
            visible,
            state,
            disk: new.disk,
            shared_with: Default::default(),
        },
    );
    id
}

const FILTERS: &[&str] = &[
    "snapshot-id",
    "status",
    "volume-id",
    "volume-size",
    "description",
    "owner-id",
    "encrypted",
    "progress",
    "start-time",
];

fn progress(snapshot: &Snapshot, seen: Instant) -> &'static str {
    if *snapshot.state.at(seen) == "completed" { "100%" } else { "0%" }
}

fn attribute(world: &World, snapshot: &Snapshot, seen: Instant, name: &str) -> Vec<String> {
    vec![match name {
        "snapshot-id" => snapshot.id.clone(),
        "status" => (*snapshot.state.at(seen)).to_owned(),
        "volume-id" => snapshot.volume.clone(),
        "volume-size" => snapshot.size.to_string(),
        "description" => snapshot.description.clone(),
        "owner-id" => snapshot.home.account.clone(),
        "encrypted" => snapshot.encrypted.to_string(),
        "progress" => progress(snapshot, seen).to_owned(),
        _ => world.clock.iso(snapshot.started),
    }]
}

fn xml(world: &World, snapshot: &Snapshot, tags: &Tags, seen: Instant) -> Vec<Xml> {
    let mut out = vec![
        text("snapshotId", &snapshot.id),
        text("volumeId", &snapshot.volume),
        text("status", snapshot.state.at(seen)),
        text("startTime", world.clock.iso(snapshot.started)),
        text("progress", progress(snapshot, seen)),
        text("ownerId", &snapshot.home.account),
        text("volumeSize", snapshot.size),
        text("description", &snapshot.description),
        text("encrypted", snapshot.encrypted),
        text("storageTier", "standard"),
        tags::xml(tags),
    ];
    out.extend(snapshot.kms_key.as_ref().map(|key| text("kmsKeyId", key)));
    if *snapshot.state.at(seen) == "completed" {
        out.push(text("completionTime", world.clock.iso(snapshot.state.since(seen))));
    }
    out
}

pub fn describe_snapshots(world: &mut World, call: &Incoming<'_>) -> Reply {
    let filters = Filters::parse(call.params, FILTERS)?;
    let (ids, owners, home) = (call.params.list("SnapshotId"), call.params.list("Owner"), Home::of(call.caller));
    for id in &ids {
        check_id("snap-", id)?;
        if !world.ec2.snapshots.get(id).is_some_and(|found| found.home == home && found.visible <= call.now) {
            return Err(not_found("snap-", id));
        }
    }
    let restorable = call.params.list("RestorableBy");
    let own = owners.is_empty() || owners.iter().any(|owner| owner == "self" || *owner == home.account);
    let seen = world.seen_at(call.now);
    let found: Vec<(&Snapshot, Tags)> = world
        .ec2
        .snapshots
        .values()
        .filter(|snapshot| own && snapshot.home == home && snapshot.visible <= call.now)
        .filter(|snapshot| ids.is_empty() || ids.contains(&snapshot.id))
        .filter(|snapshot| {
            restorable.is_empty() || restorable.iter().any(|account| snapshot.shared_with.contains(account))
        })
        .map(|snapshot| (snapshot, world.ec2.tags_at(&snapshot.id, seen)))
        .filter(|(snapshot, tags)| filters.pass(tags, |name| attribute(world, snapshot, seen, name)))
        .collect();
    let page = page(found, call.params, "SnapshotId", |(snapshot, _)| snapshot.id.clone())?;
    let mut out =
        vec![items("snapshotSet", page.items.iter().map(|(snapshot, tags)| xml(world, snapshot, tags, seen)))];
    out.extend(page.next());
    Ok(Done::xml(out))
}

pub fn create_snapshot(world: &mut World, call: &Incoming<'_>) -> Reply {
    let (now, home) = (call.now, Home::of(call.caller));
    let id = call.params.get("VolumeId").ok_or_else(|| missing("VolumeId"))?;
    let volume = world.ec2.volumes.get(id).filter(|volume| volume.home == home && volume.visible <= now).cloned();
    let volume = volume.ok_or_else(|| not_found("vol-", id))?;
    let specified = tags::specified(call, &["snapshot"])?;
    let completes = Some(world.latencies.snapshot);
    let snapshot = add(
        world,
        NewSnapshot {
            home,
            volume: volume.id.clone(),
            size: volume.size,
            description: call.params.get("Description").unwrap_or_default().to_owned(),
            encrypted: volume.encrypted,
            kms_key: volume.kms_key.clone(),
            completes,
            disk: None,
            tags: specified.of("snapshot"),
        },
        now,
    );
    // The disk as it is now: of a running instance's root, or what the volume was made from.
    let root = volume.attached.as_ref().filter(|(instance, device)| {
        world.ec2.instances.get(instance).is_some_and(|found| found.root_device == *device)
    });
    let disk = match root {
        Some((instance, _)) => Some(freeze(world, instance, &snapshot)),
        None => volume.disk.clone(),
    };
    if let Some(found) = world.ec2.snapshots.get_mut(&snapshot) {
        found.disk = disk;
    }
    let tags = world.ec2.tags_at(&snapshot, now);
    let children = world.ec2.snapshots.get(&snapshot).map(|found| xml(world, found, &tags, now)).unwrap_or_default();
    Ok(Done::xml(children).made([snapshot]).needs(specified.permissions()))
}

pub fn delete_snapshot(world: &mut World, call: &Incoming<'_>) -> Reply {
    let home = Home::of(call.caller);
    let id = call.params.get("SnapshotId").ok_or_else(|| missing("SnapshotId"))?;
    check_id("snap-", id)?;
    if !world.ec2.snapshots.get(id).is_some_and(|found| found.home == home && found.visible <= call.now) {
        return Err(not_found("snap-", id));
    }
    let user =
        |image: &&super::model::Image| image.mappings.iter().any(|mapping| mapping.snapshot.as_deref() == Some(id));
    if let Some(image) = world.ec2.images.values().find(user) {
        return Err(Failure::bad(
            "InvalidSnapshot.InUse",
            format!("The snapshot {id} is currently in use by {}", image.id),
        ));
    }
    if world.ec2.lingering.get(id).is_some_and(|until| *until > call.now) {
        let message = format!("The snapshot {id} is currently in use by an image");
        return Err(Failure::bad("InvalidSnapshot.InUse", message));
    }
    world.ec2.snapshots.remove(id);
    world.ec2.released = true;
    world.ec2.tags.remove(id);
    Ok(Done::xml(vec![text("return", true)]).made([id]))
}
