//! Images: looking at them, and taking them back.

use super::super::World;
use super::super::clock::iso;
use super::super::pipeline::allowed;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{Xml, items, node, text};
use super::errors::{check_id, missing, not_found};
use super::filters::Filters;
use super::model::{Home, Image, Mapping, Protection, Tags};
use super::page::page;
use super::tags;
use tokio::time::Instant;

const FILTERS: &[&str] = &[
    "image-id",
    "name",
    "description",
    "state",
    "architecture",
    "owner-id",
    "owner-alias",
    "is-public",
    "image-type",
    "platform",
    "platform-details",
    "root-device-type",
    "root-device-name",
    "virtualization-type",
    "hypervisor",
    "ena-support",
    "creation-date",
    "source-instance-id",
    "source-image-id",
    "block-device-mapping.snapshot-id",
    "block-device-mapping.encrypted",
    "block-device-mapping.volume-type",
];

fn attribute(image: &Image, seen: Instant, name: &str) -> Vec<String> {
    let one = |text: &str| vec![text.to_owned()];
    match name {
        "image-id" => one(&image.id),
        "name" => one(&image.name),
        "description" => one(&image.description),
        "state" => one(image.state.at(seen)),
        "architecture" => one(&image.architecture),
        "owner-id" => one(&image.home.account),
        "owner-alias" => image.owner_alias.iter().cloned().collect(),
        "is-public" => one(&image.public.to_string()),
        "image-type" => one("machine"),
        "platform-details" => one("Linux/UNIX"),
        "root-device-type" => one("ebs"),
        "root-device-name" => one(&image.root_device),
        "virtualization-type" => one("hvm"),
        "hypervisor" => one("xen"),
        "ena-support" => one("true"),
        "creation-date" => one(&iso(image.created)),
        "source-instance-id" => image.source_instance.iter().cloned().collect(),
        "source-image-id" => image.source_image.iter().map(|(id, _)| id.clone()).collect(),
        "block-device-mapping.snapshot-id" => {
            shown(image, seen).filter_map(|mapping| mapping.snapshot.clone()).collect()
        }
        "block-device-mapping.encrypted" => image.mappings.iter().map(|m| m.encrypted.to_string()).collect(),
        "block-device-mapping.volume-type" => image.mappings.iter().map(|m| m.kind.clone()).collect(),
        _ => Vec::new(),
    }
}

/// The devices whose snapshots are told: a pending or failed image does not tell them.
fn shown(image: &Image, seen: Instant) -> impl Iterator<Item = &Mapping> {
    image.mappings.iter().filter(move |_| matches!(*image.state.at(seen), "available" | "disabled"))
}

/// `Owner.N`: account ids, `self`, and aliases.
fn owned(image: &Image, owners: &[String], home: &Home) -> bool {
    owners.is_empty()
        || owners.iter().any(|owner| match owner.as_str() {
            "self" => image.home.account == home.account,
            alias if Some(alias) == image.owner_alias.as_deref() => true,
            account => image.home.account == account,
        })
}

/// `ExecutableBy.N`: account ids, `self` (explicitly shared with the caller), `all` (public).
fn executable(image: &Image, by: &[String], home: &Home) -> bool {
    by.is_empty()
        || by.iter().any(|who| match who.as_str() {
            "all" => image.public,
            "self" => image.shared_with.contains(&home.account),
            account => image.shared_with.contains(account),
        })
}

pub fn describe_images(world: &mut World, call: &Incoming<'_>) -> Reply {
    let filters = Filters::parse(call.params, FILTERS)?;
    let (ids, home) = (call.params.list("ImageId"), Home::of(call.caller));
    let (owners, by) = (call.params.list("Owner"), call.params.list("ExecutableBy"));
    for id in &ids {
        check_id("ami-", id)?;
    }
    // "A disabled AMI does not appear in DescribeImages API calls by default."
    let disabled_too = call.params.flag("IncludeDisabled")?.unwrap_or(false);
    for id in &ids {
        if !world.ec2.images.get(id).is_some_and(|image| image.seen_by(&home, call.now)) {
            return Err(not_found("ami-", id));
        }
    }
    let seen = world.seen_at(call.now);
    let found: Vec<(&Image, Tags)> = world
        .ec2
        .images
        .values()
        .filter(|image| image.seen_by(&home, call.now))
        .filter(|image| ids.is_empty() || ids.contains(&image.id))
        .filter(|image| disabled_too || *image.state.at(seen) != "disabled")
        .filter(|image| image.home.account == home.account || *image.state.at(call.now) != "disabled")
        .filter(|image| owned(image, &owners, &home) && executable(image, &by, &home))
        .map(|image| (image, own_tags(world, image, &home, seen)))
        .filter(|(image, tags)| filters.pass(tags, |name| attribute(image, seen, name)))
        .collect();
    let page = page(found, call.params, "ImageId", |(image, _)| image.id.clone())?;
    let mut out = vec![items("imagesSet", page.items.iter().map(|(image, tags)| image_xml(image, tags, seen)))];
    out.extend(page.next());
    Ok(Done::xml(out))
}

/// Tags are the account's own: nobody else sees them.
fn own_tags(world: &World, image: &Image, home: &Home, seen: Instant) -> Tags {
    if image.home == *home { world.ec2.tags_at(&image.id, seen) } else { Tags::new() }
}

/// `<blockDeviceMapping>` of an image.
pub fn mapping_xml(image: &Image, seen: Instant) -> Xml {
    let known = shown(image, seen).count() > 0;
    let one = |mapping: &Mapping| {
        let mut ebs: Vec<Xml> = Vec::new();
        if let Some(snapshot) = mapping.snapshot.as_ref().filter(|_| known) {
            ebs.push(text("snapshotId", snapshot));
        }
        ebs.push(text("volumeSize", mapping.size));
        ebs.push(text("deleteOnTermination", mapping.delete_on_termination));
        ebs.push(text("volumeType", &mapping.kind));
        ebs.extend(mapping.iops.map(|iops| text("iops", iops)));
        ebs.extend(mapping.throughput.map(|throughput| text("throughput", throughput)));
        ebs.push(text("encrypted", mapping.encrypted));
        vec![text("deviceName", &mapping.device), node("ebs", ebs)]
    };
    items("blockDeviceMapping", image.mappings.iter().map(one))
}

fn image_xml(image: &Image, tags: &Tags, seen: Instant) -> Vec<Xml> {
    let owner = &image.home.account;
    let location = image.owner_alias.as_ref().unwrap_or(owner);
    let mut out = vec![
        text("imageId", &image.id),
        text("imageLocation", format!("{location}/{}", image.name)),
        text("imageState", image.state.at(seen)),
        text("imageOwnerId", owner),
        text("creationDate", iso(image.created)),
        text("isPublic", image.public),
        text("architecture", &image.architecture),
        text("imageType", "machine"),
        text("platformDetails", "Linux/UNIX"),
        text("usageOperation", "RunInstances"),
        text("name", &image.name),
        text("rootDeviceType", "ebs"),
        text("rootDeviceName", &image.root_device),
        mapping_xml(image, seen),
        text("virtualizationType", "hvm"),
        text("hypervisor", "xen"),
        text("enaSupport", true),
        text("sriovNetSupport", "simple"),
        tags::xml(tags),
    ];
    out.extend(image.owner_alias.as_ref().map(|alias| text("imageOwnerAlias", alias)));
    out.extend((!image.description.is_empty()).then(|| text("description", &image.description)));
    out.extend(image.boot_mode.as_ref().map(|mode| text("bootMode", mode)));
    out.extend(image.deprecated.at(seen).as_ref().map(|at| text("deprecationTime", at)));
    out.push(text("deregistrationProtection", protection(image, seen)));
    out.extend(image.imds_v2.then(|| text("imdsSupport", "v2.0")));
    out.extend(image.source_instance.as_ref().map(|id| text("sourceInstanceId", id)));
    if let Some((id, region)) = &image.source_image {
        out.extend([text("sourceImageId", id), text("sourceImageRegion", region)]);
    }
    if let Some((code, message)) = image.reason.as_ref().filter(|_| *image.state.at(seen) == "failed") {
        out.push(node("stateReason", vec![text("code", code), text("message", message)]));
    }
    out
}

/// Deregistration protection, in EC2's words.
pub fn protection(image: &Image, now: Instant) -> String {
    match image.protection {
        Protection::On { cooldown: true } => "enabled-with-cooldown".to_owned(),
        Protection::On { cooldown: false } => "enabled-without-cooldown".to_owned(),
        Protection::Ending(until) if until > now => "disabled after cooldown".to_owned(),
        Protection::Ending(_) | Protection::Off => "disabled".to_owned(),
    }
}

/// An image of the caller's own.
pub fn own<'a>(world: &'a World, call: &Incoming<'_>) -> Result<&'a Image, Failure> {
    let id = call.params.get("ImageId").ok_or_else(|| missing("ImageId"))?;
    check_id("ami-", id)?;
    let home = Home::of(call.caller);
    let image = world.ec2.images.get(id).filter(|image| image.seen_by(&home, call.now));
    let image = image.ok_or_else(|| not_found("ami-", id))?;
    if image.home != home {
        return Err(Failure::bad("AuthFailure", format!("Not authorized for image: {id}")));
    }
    Ok(image)
}

pub fn deregister_image(world: &mut World, call: &Incoming<'_>) -> Reply {
    let image = own(world, call)?.clone();
    if protection(&image, call.now) != "disabled" {
        let message = format!(
            "You can't deregister image {} because deregistration protection is enabled for it or its cooldown is not over",
            image.id
        );
        return Err(Failure::bad("OperationNotPermitted", message));
    }
    let with_snapshots = call.params.flag("DeleteAssociatedSnapshots")?.unwrap_or(false);
    if with_snapshots {
        allowed(call.caller, "ec2:DeleteSnapshot")?;
    }
    world.ec2.images.remove(&image.id);
    world.ec2.released = true;
    world.ec2.tags.remove(&image.id);
    let mut made = vec![image.id.clone()];
    let mut rows = Vec::new();
    for snapshot in image.mappings.iter().filter_map(|mapping| mapping.snapshot.clone()).filter(|_| with_snapshots) {
        let used = world
            .ec2
            .images
            .values()
            .any(|other| other.mappings.iter().any(|m| m.snapshot.as_ref() == Some(&snapshot)));
        let code = if used {
            "skipped"
        } else if !world.ec2.pokes.lingering.is_zero() {
            world.ec2.lingering.insert(snapshot.clone(), call.now + world.ec2.pokes.lingering);
            "internal-error"
        } else if world.ec2.snapshots.remove(&snapshot).is_some() {
            world.ec2.tags.remove(&snapshot);
            made.push(snapshot.clone());
            "success"
        } else {
            "warn-not-found"
        };
        rows.push(vec![text("snapshotId", &snapshot), text("returnCode", code)]);
    }
    let mut out = vec![text("return", true)];
    if with_snapshots {
        out.push(items("deleteSnapshotResultSet", rows));
    }
    let more = with_snapshots.then_some("ec2:DeleteSnapshot");
    Ok(Done::xml(out).made(made).needs(more))
}
