//! Who may make volumes of a snapshot, and read it.

use super::super::World;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{items, text};
use super::errors::{check_id, invalid, missing, not_found};
use super::is_default_key;
use super::model::{Home, Snapshot};

fn own(world: &World, call: &Incoming<'_>) -> Result<Snapshot, Failure> {
    let id = call.params.get("SnapshotId").ok_or_else(|| missing("SnapshotId"))?;
    check_id("snap-", id)?;
    let home = Home::of(call.caller);
    let found = world.ec2.snapshots.get(id).filter(|found| found.home == home && found.visible <= call.now);
    found.cloned().ok_or_else(|| not_found("snap-", id))
}

pub fn modify_snapshot_attribute(world: &mut World, call: &Incoming<'_>) -> Reply {
    let snapshot = own(world, call)?;
    let accounts = |way: &str| -> Vec<String> {
        let members = call.params.members(&format!("CreateVolumePermission.{way}"));
        members.iter().filter_map(|member| member.get("UserId")).map(str::to_owned).collect()
    };
    let (add, remove) = (accounts("Add"), accounts("Remove"));
    if add.is_empty() && remove.is_empty() {
        return Err(missing("attribute"));
    }
    if let Some(bad) = add.iter().find(|account| account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit())) {
        return Err(invalid(format!("Value ({bad}) for parameter userId is invalid.")));
    }
    if snapshot.kms_key.as_ref().is_some_and(|key| is_default_key(key)) && !add.is_empty() {
        let message = "Encrypted snapshots with EBS default key cannot be shared";
        return Err(Failure::bad("OperationNotPermitted", message));
    }
    if let Some(found) = world.ec2.snapshots.get_mut(&snapshot.id) {
        found.shared_with.extend(add);
        found.shared_with.retain(|account| !remove.contains(account));
    }
    Ok(Done::xml(vec![text("return", true)]).made([snapshot.id]))
}

pub fn describe_snapshot_attribute(world: &mut World, call: &Incoming<'_>) -> Reply {
    let snapshot = own(world, call)?;
    match call.params.get("Attribute").ok_or_else(|| missing("Attribute"))? {
        "createVolumePermission" => {
            let accounts = snapshot.shared_with.iter().map(|account| vec![text("userId", account)]);
            Ok(Done::xml(vec![text("snapshotId", &snapshot.id), items("createVolumePermission", accounts)]))
        }
        other => Err(invalid(format!("Value ({other}) for parameter attribute is invalid. Unknown attribute."))),
    }
}
