//! Volumes.

use super::super::World;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{Xml, items, text};
use super::errors::{check_id, invalid, missing, not_found};
use super::filters::Filters;
use super::launch::key;
use super::model::{Home, Tags, Volume};
use super::page::page;
use super::timeline::Timeline;
use super::{places, tags};
use tokio::time::Instant;

const FILTERS: &[&str] = &[
    "volume-id",
    "status",
    "size",
    "volume-type",
    "encrypted",
    "availability-zone",
    "snapshot-id",
    "create-time",
    "attachment.instance-id",
    "attachment.device",
    "attachment.status",
    "attachment.delete-on-termination",
];

fn attribute(world: &World, volume: &Volume, seen: Instant, name: &str) -> Vec<String> {
    let attached = |text: fn(&(String, String)) -> String| volume.attached.iter().map(text).collect();
    match name {
        "volume-id" => vec![volume.id.clone()],
        "status" => vec![(*volume.state.at(seen)).to_owned()],
        "size" => vec![volume.size.to_string()],
        "volume-type" => vec![volume.kind.clone()],
        "encrypted" => vec![volume.encrypted.to_string()],
        "availability-zone" => vec![volume.zone.clone()],
        "snapshot-id" => volume.snapshot.iter().cloned().collect(),
        "create-time" => vec![world.clock.iso(volume.created)],
        "attachment.instance-id" => attached(|(instance, _)| instance.clone()),
        "attachment.device" => attached(|(_, device)| device.clone()),
        "attachment.status" => attached(|_| "attached".to_owned()),
        _ => vec![goes_with_instance(world, volume).to_string()],
    }
}

fn goes_with_instance(world: &World, volume: &Volume) -> bool {
    let instance = volume.attached.as_ref().and_then(|(instance, _)| world.ec2.instances.get(instance));
    instance.is_some_and(|found| {
        found.devices.iter().any(|device| device.volume == volume.id && device.delete_on_termination)
    })
}

fn xml(world: &World, volume: &Volume, tags: &Tags, seen: Instant) -> Vec<Xml> {
    let attachment = volume.attached.as_ref().map(|(instance, device)| {
        vec![
            text("volumeId", &volume.id),
            text("instanceId", instance),
            text("device", device),
            text("status", "attached"),
            text("attachTime", world.clock.iso(volume.created)),
            text("deleteOnTermination", goes_with_instance(world, volume)),
        ]
    });
    let mut out = vec![
        text("volumeId", &volume.id),
        text("size", volume.size),
        text("snapshotId", volume.snapshot.as_deref().unwrap_or_default()),
        text("availabilityZone", &volume.zone),
        text("status", volume.state.at(seen)),
        text("createTime", world.clock.iso(volume.created)),
        items("attachmentSet", attachment),
        text("volumeType", &volume.kind),
        text("encrypted", volume.encrypted),
        text("multiAttachEnabled", false),
        tags::xml(tags),
    ];
    out.extend(volume.iops.map(|iops| text("iops", iops)));
    out.extend(volume.throughput.map(|throughput| text("throughput", throughput)));
    out.extend(volume.kms_key.as_ref().map(|key| text("kmsKeyId", key)));
    out
}

fn own<'a>(world: &'a World, id: &str, home: &Home, now: Instant) -> Result<&'a Volume, Failure> {
    check_id("vol-", id)?;
    let found = world.ec2.volumes.get(id).filter(|volume| volume.home == *home && volume.visible <= now);
    found.ok_or_else(|| not_found("vol-", id))
}

pub fn describe_volumes(world: &mut World, call: &Incoming<'_>) -> Reply {
    let filters = Filters::parse(call.params, FILTERS)?;
    let (ids, home) = (call.params.list("VolumeId"), Home::of(call.caller));
    for id in &ids {
        own(world, id, &home, call.now)?;
    }
    let seen = world.seen_at(call.now);
    let found: Vec<(&Volume, Tags)> = world
        .ec2
        .volumes
        .values()
        .filter(|volume| volume.home == home && volume.visible <= call.now)
        .filter(|volume| ids.is_empty() || ids.contains(&volume.id))
        .map(|volume| (volume, world.ec2.tags_at(&volume.id, seen)))
        .filter(|(volume, tags)| filters.pass(tags, |name| attribute(world, volume, seen, name)))
        .collect();
    let page = page(found, call.params, "VolumeId", |(volume, _)| volume.id.clone())?;
    let mut out = vec![items("volumeSet", page.items.iter().map(|(volume, tags)| xml(world, volume, tags, seen)))];
    out.extend(page.next());
    Ok(Done::xml(out))
}

pub fn create_volume(world: &mut World, call: &Incoming<'_>) -> Reply {
    let (now, home, params) = (call.now, Home::of(call.caller), call.params);
    let zone = params.get("AvailabilityZone").ok_or_else(|| missing("AvailabilityZone"))?.to_owned();
    if !places::zones(&home.region).contains(&zone) {
        return Err(Failure::bad("InvalidZone.NotFound", format!("The zone '{zone}' does not exist.")));
    }
    let snapshot = match params.get("SnapshotId") {
        None => None,
        Some(id) => {
            let found = world.ec2.snapshots.get(id).filter(|found| found.home == home && found.visible <= now);
            Some(found.ok_or_else(|| not_found("snap-", id))?.clone())
        }
    };
    let size = params
        .number("Size")?
        .or(snapshot.as_ref().map(|from| from.size))
        .ok_or_else(|| missing("size or snapshotId"))?;
    if snapshot.as_ref().is_some_and(|from| size < from.size) {
        return Err(invalid("The size of a volume can not be smaller than the snapshot size"));
    }
    let specified = tags::specified(call, &["volume"])?;
    let encrypted = params.flag("Encrypted")?.unwrap_or(false)
        || snapshot.as_ref().is_some_and(|from| from.encrypted)
        || world.ec2.encryption_by_default;
    let id = world.id("vol");
    let visible = world.visible_at(now);
    let mut state = Timeline::new(now, "creating");
    state.then(now + world.latencies.volume, "available");
    let volume = Volume {
        id: id.clone(),
        home: home.clone(),
        zone,
        size,
        kind: params.get("VolumeType").unwrap_or("gp2").to_owned(),
        iops: params.number("Iops")?,
        throughput: params.number("Throughput")?,
        encrypted,
        kms_key: encrypted.then(|| key(params.get("KmsKeyId"), &home)),
        snapshot: snapshot.as_ref().map(|from| from.id.clone()),
        created: now,
        visible,
        state,
        attached: None,
        disk: snapshot.and_then(|from| from.disk),
    };
    world.ec2.set_tags(&id, now, specified.of("volume"));
    let children = xml(world, &volume, &specified.of("volume"), now);
    world.ec2.volumes.insert(id.clone(), volume);
    Ok(Done::xml(children).made([id]).needs(specified.permissions()))
}

pub fn delete_volume(world: &mut World, call: &Incoming<'_>) -> Reply {
    let id = call.params.get("VolumeId").ok_or_else(|| missing("VolumeId"))?;
    let volume = own(world, id, &Home::of(call.caller), call.now)?;
    if let Some((instance, _)) = &volume.attached {
        return Err(Failure::bad("VolumeInUse", format!("Volume {id} is currently attached to {instance}")));
    }
    world.ec2.volumes.remove(id);
    world.ec2.released = true;
    world.ec2.tags.remove(id);
    Ok(Done::xml(vec![text("return", true)]).made([id]))
}

pub fn get_ebs_encryption_by_default(world: &mut World, _call: &Incoming<'_>) -> Reply {
    let on = world.ec2.encryption_by_default;
    Ok(Done::xml(vec![text("ebsEncryptionByDefault", on), text("sseType", if on { "sse-kms" } else { "none" })]))
}
