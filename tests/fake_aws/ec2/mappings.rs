//! `BlockDeviceMapping.N` of a launch.

use super::super::World;
use super::super::params::Params;
use super::super::reply::Failure;
use super::errors::{combination, invalid, missing, not_found};
use super::model::{Image, Mapping};

/// The image's devices, changed and added to by the call.
pub fn mappings(world: &World, params: &Params, image: &Image) -> Result<Vec<Mapping>, Failure> {
    let mut all = image.mappings.clone();
    for member in params.members("BlockDeviceMapping") {
        let device = member.get("DeviceName").ok_or_else(|| missing("blockDeviceMapping.deviceName"))?;
        if member.raw("NoDevice").is_some() {
            all.retain(|mapping| mapping.device != device);
            continue;
        }
        let ebs = member.group("Ebs");
        match all.iter_mut().find(|mapping| mapping.device == device) {
            Some(mapping) => change(mapping, &ebs, world.ec2.encryption_by_default)?,
            None => {
                let snapshot = ebs.get("SnapshotId").map(str::to_owned);
                let from = snapshot.as_ref().and_then(|id| world.ec2.snapshots.get(id));
                if let (Some(id), None) = (&snapshot, from) {
                    return Err(not_found("snap-", id));
                }
                let size = ebs.number("VolumeSize")?.or(from.map(|snapshot| snapshot.size));
                let size = size.ok_or_else(|| missing("size or snapshotId"))?;
                let mut mapping = Mapping {
                    device: device.to_owned(),
                    snapshot,
                    size,
                    kind: "gp2".to_owned(),
                    iops: None,
                    throughput: None,
                    encrypted: from.is_some_and(|snapshot| snapshot.encrypted),
                    kms_key: None,
                    // "The default is false for volumes attached after launch, true" for those made at launch.
                    delete_on_termination: true,
                };
                change(&mut mapping, &ebs, world.ec2.encryption_by_default)?;
                all.push(mapping);
            }
        }
    }
    if world.ec2.encryption_by_default {
        all.iter_mut().for_each(|mapping| mapping.encrypted = true);
    }
    Ok(all)
}

fn change(mapping: &mut Mapping, ebs: &Params, always_encrypted: bool) -> Result<(), Failure> {
    if let Some(size) = ebs.number("VolumeSize")? {
        if size < mapping.size {
            return Err(Failure::bad(
                "InvalidBlockDeviceMapping",
                format!(
                    "Volume of size {size}GB is smaller than snapshot '{}', expect size >= {}GB",
                    mapping.snapshot.as_deref().unwrap_or("-"),
                    mapping.size
                ),
            ));
        }
        mapping.size = size;
    }
    if let Some(kind) = ebs.get("VolumeType") {
        if !["gp2", "gp3", "io1", "io2", "st1", "sc1", "standard"].contains(&kind) {
            return Err(invalid(format!("Invalid volume type '{kind}'.")));
        }
        if kind != mapping.kind {
            (mapping.iops, mapping.throughput) = if kind == "gp3" { (Some(3000), Some(125)) } else { (None, None) };
        }
        kind.clone_into(&mut mapping.kind);
    }
    if let Some(iops) = ebs.number("Iops")? {
        mapping.iops = Some(iops);
    }
    if let Some(throughput) = ebs.number("Throughput")? {
        if mapping.kind != "gp3" {
            let message = format!("The parameter throughput is not supported for {} volumes.", mapping.kind);
            return Err(combination(message));
        }
        mapping.throughput = Some(throughput);
    }
    match ebs.flag("Encrypted")? {
        Some(false) if mapping.encrypted && !always_encrypted => {
            return Err(Failure::bad(
                "InvalidBlockDeviceMapping",
                "Encrypted snapshots can only be used to create encrypted volumes: Encrypted must not be false",
            ));
        }
        Some(encrypted) => mapping.encrypted = encrypted,
        None => {}
    }
    if let Some(key) = ebs.get("KmsKeyId") {
        if !mapping.encrypted {
            return Err(combination("The parameter KmsKeyId requires the parameter Encrypted to be set."));
        }
        mapping.kms_key = Some(key.to_owned());
    }
    if let Some(delete) = ebs.flag("DeleteOnTermination")? {
        mapping.delete_on_termination = delete;
    }
    Ok(())
}
