//! CreateImage and RegisterImage.

use super::super::World;
use super::super::agents::Disk;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::text;
use super::errors::{check_id, invalid, missing, not_found};
use super::launch::freeze;
use super::model::{Home, Image, InstanceState, Mapping, Tags};
use super::snapshots::{self, NewSnapshot};
use super::state::ImageFate;
use super::tags;
use super::timeline::Timeline;
use std::time::Duration;
use tokio::time::Instant;

/// "3-128 alphanumeric characters, parentheses (()), square brackets ([]), spaces ( ), periods (.), slashes (/),
/// dashes (-), single quotes ('), at-signs (@), or underscores(_)"; and no other image of the account has it.
pub fn check_name(world: &World, call: &Incoming<'_>, home: &Home) -> Result<String, Failure> {
    let name = call.params.get("Name").ok_or_else(|| missing("Name"))?;
    let known = |c: char| c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c);
    if !(3..=128).contains(&name.chars().count()) || !name.chars().all(known) {
        return Err(Failure::bad(
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', '.', '-', \
             '/' and '_'",
        ));
    }
    match world.ec2.images.values().find(|image| image.home == *home && image.name == name) {
        None => Ok(name.to_owned()),
        Some(other) => Err(Failure::bad(
            "InvalidAMIName.Duplicate",
            format!("AMI name {name} is already in use by AMI {}", other.id),
        )),
    }
}

fn description(call: &Incoming<'_>) -> Result<String, Failure> {
    let text = call.params.get("Description").unwrap_or_default();
    if text.chars().count() > 255 {
        return Err(invalid("Character limit exceeded: the description may have 255 characters"));
    }
    Ok(text.to_owned())
}

/// pending → available or failed, as tests have asked or as it usually takes.
pub fn fate(world: &mut World, now: Instant) -> (Timeline<&'static str>, Option<(String, String)>, Duration) {
    let fates = &mut world.ec2.pokes.images;
    let fate = if fates.is_empty() { ImageFate::Takes(world.latencies.image) } else { fates.remove(0) };
    let mut state = Timeline::new(now, "pending");
    match fate {
        ImageFate::Takes(after) => {
            state.then(now + after, "available");
            (state, None, after)
        }
        ImageFate::Fails(after) => {
            state.then(now + after, "failed");
            let message = "Client.InternalError: Client error on launch";
            (state, Some(("Client.InternalError".to_owned(), message.to_owned())), after)
        }
    }
}

pub fn create_image(world: &mut World, call: &Incoming<'_>) -> Reply {
    let (now, home) = (call.now, Home::of(call.caller));
    let id = call.params.get("InstanceId").ok_or_else(|| missing("InstanceId"))?;
    check_id("i-", id)?;
    let instance = world.ec2.instances.get(id).filter(|found| found.home == home && found.visible <= now).cloned();
    let instance = instance.ok_or_else(|| not_found("i-", id))?;
    let name = check_name(world, call, &home)?;
    let description = description(call)?;
    let specified = tags::specified(call, &["image", "snapshot"])?;
    let no_reboot = call.params.flag("NoReboot")?.unwrap_or(false);
    let state = *instance.state.at(now);
    if !matches!(state, InstanceState::Running | InstanceState::Stopped) {
        return Err(Failure::bad(
            "IncorrectState",
            format!(
                "The instance '{id}' is {}: an image can only be made while it is running or stopped",
                state.name()
            ),
        ));
    }
    let image = world.id("ami");
    let disk = freeze(world, id, &image);
    let (line, reason, takes) = fate(world, now);
    let mappings = copy_devices(world, &instance, &image, &disk, &specified.of("snapshot"), takes, now);
    if state == InstanceState::Running && !no_reboot {
        let up = now + world.latencies.reboot;
        world.ec2.reboot(id, up);
    }
    let visible = world.visible_at(now);
    let base = world.ec2.images.get(&instance.image);
    let image = Image {
        id: image.clone(),
        home: home.clone(),
        owner_alias: None,
        name,
        description,
        architecture: instance.architecture.clone(),
        created: world.clock.wall(now),
        visible,
        state: line,
        reason,
        root_device: instance.root_device.clone(),
        mappings,
        public: false,
        shared_with: Default::default(),
        shared_with_arns: Default::default(),
        source_instance: Some(id.to_owned()),
        source_image: Some((instance.image.clone(), home.region.clone())),
        imds_v2: base.is_some_and(|base| base.imds_v2),
        boot_mode: base.and_then(|base| base.boot_mode.clone()),
        deprecated: Timeline::new(now, None),
        protection: Default::default(),
        disk,
    };
    let id = publish(world, image, specified.of("image"), now);
    let mut made = vec![id.clone()];
    made.extend(world.ec2.images[&id].mappings.iter().filter_map(|mapping| mapping.snapshot.clone()));
    Ok(Done::xml(vec![text("imageId", &id)]).made(made).needs(specified.permissions()))
}

fn copy_devices(
    world: &mut World,
    instance: &super::model::Instance,
    image: &str,
    disk: &Disk,
    tags: &Tags,
    takes: Duration,
    now: Instant,
) -> Vec<Mapping> {
    let mut mappings = Vec::new();
    for device in &instance.devices {
        let Some(volume) = world.ec2.volumes.get(&device.volume).cloned() else { continue };
        let new = NewSnapshot {
            home: instance.home.clone(),
            volume: volume.id.clone(),
            size: volume.size,
            description: format!("Created by CreateImage({}) for {image}", instance.id),
            encrypted: volume.encrypted,
            kms_key: volume.kms_key.clone(),
            completes: Some(takes),
            disk: (device.name == instance.root_device).then(|| disk.clone()),
            tags: tags.clone(),
        };
        let snapshot = snapshots::add(world, new, now);
        mappings.push(Mapping {
            device: device.name.clone(),
            snapshot: Some(snapshot),
            size: volume.size,
            kind: volume.kind,
            iops: volume.iops,
            throughput: volume.throughput,
            encrypted: volume.encrypted,
            kms_key: volume.kms_key,
            delete_on_termination: device.delete_on_termination,
        });
    }
    mappings
}

/// The image is there from now on.
pub fn publish(world: &mut World, image: Image, tags: Tags, now: Instant) -> String {
    let id = image.id.clone();
    world.ec2.set_tags(&id, now, tags);
    world.ec2.images.insert(id.clone(), image);
    id
}

/// From snapshots that are there already.
pub fn register_image(world: &mut World, call: &Incoming<'_>) -> Reply {
    let (now, home) = (call.now, Home::of(call.caller));
    let name = check_name(world, call, &home)?;
    let description = description(call)?;
    let root_device = call.params.get("RootDeviceName").unwrap_or("/dev/sda1").to_owned();
    let specified = tags::specified(call, &["image"])?;
    let mut mappings = Vec::new();
    let mut disk = None;
    for member in call.params.members("BlockDeviceMapping") {
        let device = member.get("DeviceName").ok_or_else(|| missing("blockDeviceMapping.deviceName"))?.to_owned();
        let ebs = member.group("Ebs");
        let snapshot = ebs.get("SnapshotId").map(str::to_owned);
        let from = match &snapshot {
            None => None,
            Some(id) => {
                let found = world.ec2.snapshots.get(id).filter(|found| found.home == home && found.visible <= now);
                Some(found.ok_or_else(|| not_found("snap-", id))?)
            }
        };
        if let Some(from) = from {
            if *from.state.at(now) != "completed" {
                return Err(Failure::bad(
                    "InvalidSnapshot.NotCompleted",
                    format!("Snapshot {} is not completed", from.id),
                ));
            }
            if device == root_device {
                disk.clone_from(&from.disk);
            }
        }
        let size =
            ebs.number("VolumeSize")?.or(from.map(|from| from.size)).ok_or_else(|| missing("size or snapshotId"))?;
        mappings.push(Mapping {
            device,
            size,
            kind: ebs.get("VolumeType").unwrap_or("gp2").to_owned(),
            iops: ebs.number("Iops")?,
            throughput: ebs.number("Throughput")?,
            encrypted: from.is_some_and(|from| from.encrypted),
            kms_key: from.and_then(|from| from.kms_key.clone()),
            delete_on_termination: ebs.flag("DeleteOnTermination")?.unwrap_or(true),
            snapshot,
        });
    }
    if !mappings.iter().any(|mapping| mapping.device == root_device && mapping.snapshot.is_some()) {
        let message = format!("Missing device mapping for the root device {root_device}, with a snapshot");
        return Err(Failure::bad("InvalidBlockDeviceMapping", message));
    }
    let id = world.id("ami");
    let visible = world.visible_at(now);
    let image = Image {
        id,
        home,
        owner_alias: None,
        name,
        description,
        architecture: call.params.get("Architecture").unwrap_or("i386").to_owned(),
        created: world.clock.wall(now),
        visible,
        state: Timeline::new(now, "available"),
        reason: None,
        root_device,
        mappings,
        public: false,
        shared_with: Default::default(),
        shared_with_arns: Default::default(),
        source_instance: None,
        source_image: None,
        imds_v2: call.params.get("ImdsSupport") == Some("v2.0"),
        boot_mode: call.params.get("BootMode").map(str::to_owned),
        deprecated: Timeline::new(now, None),
        protection: Default::default(),
        // A snapshot without a known disk: the agent starts from its base.
        disk: disk.unwrap_or(Disk::Base),
    };
    let id = publish(world, image, specified.of("image"), now);
    Ok(Done::xml(vec![text("imageId", &id)]).made([id]).needs(specified.permissions()))
}
