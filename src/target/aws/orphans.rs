//! Parts that were left by themselves: snapshots without an image, volumes without an instance, network interfaces that
//! nothing uses. They carry the tags of their build from their first moment, so they are found without any journal.

use super::api::{Api, op};
use super::view::{Ami, View};
use super::{clock, images, parameters, pointers, records, shared, tags};
use crate::identity::ImageId;
use crate::pipeline::tags as keys;
use crate::target::{Orphan, TargetError};
use aws_sdk_ec2::types::{Filter, NetworkInterfaceStatus, Snapshot, VolumeState};
use std::collections::{BTreeMap, BTreeSet};

/// Values per filter (EC2 API reference, "Filtering": 200).
const VALUES: usize = 200;

/// All of them.
pub async fn find(api: &Api, view: &View) -> Result<Vec<Orphan>, TargetError> {
    let ours = Filter::builder().name("tag-key").values(keys::BUILD).build();
    let images = view.images(api, shared::FRESH).await?;
    // A build whose image is there, and one that still has a builder, has not lost its parts.
    // An image's name is its build's too, and nobody can edit it.
    let builds = |image: &Ami| image.tags.get(keys::BUILD).cloned().into_iter().chain([image.name.clone()]);
    let alive: BTreeSet<String> = images.iter().flat_map(builds).collect();
    let needed: BTreeSet<&str> = images.iter().flat_map(|image| image.snapshots.iter().map(String::as_str)).collect();
    let instances = view.instances(api, shared::FRESH).await?;
    let up: BTreeSet<String> = instances
        .iter()
        .filter(|instance| instance.life != super::view::Life::Gone)
        .filter_map(|instance| instance.tags.get(keys::BUILD).cloned())
        .collect();
    let mut found = Vec::new();

    let mut snapshots = Vec::new();
    let mut page = None;
    loop {
        let ask = || {
            let request = api.ec2.describe_snapshots().owner_ids("self").filters(ours.clone()).max_results(500);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::DESCRIBE_SNAPSHOTS, "snapshots tagged amifactory:build", ask).await?;
        snapshots.extend(answer.snapshots.unwrap_or_default());
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            break;
        }
    }
    let mut records: BTreeMap<String, Vec<Snapshot>> = BTreeMap::new();
    for snapshot in snapshots {
        let (Some(id), tags) = (snapshot.snapshot_id(), tags::read(snapshot.tags())) else { continue };
        let build = tags.get(keys::BUILD).filter(|build| alive.contains(*build) || up.contains(*build));
        // Its description nobody can edit: evidence of an image that is there is not left over, whatever its tags say now.
        let is_evidence = |of: &String| snapshot.description() == Some(&*records::description(of));
        match build {
            None if alive.iter().chain(&up).any(is_evidence) => {}
            // Of an image that is there, one record counts: others were not written whole, or were replaced.
            Some(build) if tags.get(keys::PURPOSE).is_some_and(|purpose| purpose == records::EVIDENCE) => {
                records.entry(build.clone()).or_default().push(snapshot);
            }
            None if !needed.contains(id) => found.push(orphan(&snapshot)),
            _ => {}
        }
    }
    for (build, written) in &records {
        // A build that still has a builder may be writing its record now.
        if !up.contains(build) {
            let of_build: Vec<&str> =
                images.iter().filter(|image| image.name == *build).map(|image| image.id.as_str()).collect();
            found.extend(superseded(written, &of_build).into_iter().map(orphan));
        }
    }

    if !found.is_empty() {
        let kept = of_named(api, &images).await?;
        found.retain(|orphan| {
            !kept.contains(&orphan.id) && !orphan.tags.get(keys::BUILD).is_some_and(|of| kept.contains(of))
        });
    }

    found.extend(volumes(api, &ours).await?);
    found.extend(interfaces(api, &ours).await?);
    Ok(found)
}

/// Of a build's records those that no image of it needs. Where one has none that is whole, all of them stay.
fn superseded<'s>(written: &'s [Snapshot], images: &[&str]) -> Vec<&'s Snapshot> {
    let of = |image: &&str| {
        let its: Vec<Snapshot> = written.iter().filter(|snapshot| records::is_of(snapshot, image)).cloned().collect();
        records::newest(&its)?.snapshot_id().map(str::to_owned)
    };
    let needed: Option<Vec<String>> = match images {
        [] => records::newest(written).and_then(Snapshot::snapshot_id).map(|newest| vec![newest.to_owned()]),
        images => images.iter().map(of).collect(),
    };
    let needed = needed.unwrap_or_else(|| written.iter().filter_map(|s| s.snapshot_id().map(str::to_owned)).collect());
    written.iter().filter(|snapshot| !needed.iter().any(|id| snapshot.snapshot_id() == Some(id))).collect()
}

/// Snapshots and builds of images that a pointer names and that don't show as ours, because someone has edited their tags.
async fn of_named(api: &Api, seen: &[Ami]) -> Result<BTreeSet<String>, TargetError> {
    let mut named = BTreeSet::new();
    for parameter in parameters::list(api, "/amifactory", true).await? {
        if pointers::parse(parameter.name().unwrap_or_default()).is_some() {
            named.extend(parameter.value().and_then(|value| value.parse::<ImageId>().ok()));
        }
    }
    named.retain(|id| !seen.iter().any(|image| image.id == id.as_str()));
    let mut kept = BTreeSet::new();
    for ids in Vec::from_iter(named).chunks(VALUES) {
        let ids = ids.iter().map(ToString::to_string).collect();
        let by_id = Filter::builder().name("image-id").set_values(Some(ids)).build();
        let ask = || api.ec2.describe_images().owners("self").filters(by_id.clone()).include_disabled(true).send();
        let answer = api.caller.call(op::DESCRIBE_IMAGES, "images that pointers name", ask).await?;
        for image in answer.images() {
            kept.extend(image.name().map(str::to_owned));
            let disks = image.block_device_mappings().iter().filter_map(|mapping| mapping.ebs());
            kept.extend(disks.filter_map(|disk| disk.snapshot_id()).map(str::to_owned));
        }
    }
    Ok(kept)
}

/// Volumes that no instance has.
async fn volumes(api: &Api, ours: &Filter) -> Result<Vec<Orphan>, TargetError> {
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let ask = || {
            let request = api.ec2.describe_volumes().filters(ours.clone()).max_results(500);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::DESCRIBE_VOLUMES, "volumes tagged amifactory:build", ask).await?;
        for volume in answer.volumes().iter().filter(|volume| volume.state() == Some(&VolumeState::Available)) {
            let created_at = volume.create_time().map(clock::rfc3339).unwrap_or_default();
            let id = volume.volume_id().unwrap_or_default().to_owned();
            found.push(Orphan { kind: "volume", id, tags: tags::read(volume.tags()), created_at });
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

/// Network interfaces that nothing uses.
async fn interfaces(api: &Api, ours: &Filter) -> Result<Vec<Orphan>, TargetError> {
    let (mut found, mut page) = (Vec::new(), None);
    let unused = |status: Option<&NetworkInterfaceStatus>| status == Some(&NetworkInterfaceStatus::Available);
    loop {
        let ask = || {
            let request = api.ec2.describe_network_interfaces().filters(ours.clone()).max_results(500);
            request.set_next_token(page.clone()).send()
        };
        let answer =
            api.caller.call(op::DESCRIBE_INTERFACES, "network interfaces tagged amifactory:build", ask).await?;
        for interface in answer.network_interfaces().iter().filter(|interface| unused(interface.status())) {
            let id = interface.network_interface_id().unwrap_or_default().to_owned();
            let tags = tags::read(interface.tag_set());
            found.push(Orphan { kind: "network interface", id, tags, created_at: String::new() });
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

fn orphan(snapshot: &Snapshot) -> Orphan {
    let created_at = snapshot.start_time().map(clock::rfc3339).unwrap_or_default();
    let id = snapshot.snapshot_id().unwrap_or_default().to_owned();
    Orphan { kind: "snapshot", id, tags: tags::read(snapshot.tags()), created_at }
}

/// Removes one.
pub async fn remove(api: &Api, orphan: &Orphan) -> Result<(), TargetError> {
    let id = orphan.id.as_str();
    let (gone, outcome) = match orphan.kind {
        "volume" => {
            let call = api.caller.call(op::DELETE_VOLUME, id, || api.ec2.delete_volume().volume_id(id).send()).await;
            ("InvalidVolume.NotFound", call.map(drop))
        }
        "network interface" => {
            let send = || api.ec2.delete_network_interface().network_interface_id(id).send();
            let call = api.caller.call(op::DELETE_INTERFACE, id, send).await;
            ("InvalidNetworkInterfaceID.NotFound", call.map(drop))
        }
        _ => return images::delete_snapshot(api, id).await,
    };
    match outcome {
        Err(error) if !error.is(gone) => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::primitives::DateTime;
    use aws_sdk_ec2::types::{SnapshotState, Tag};

    fn record(id: &str, at: i64, image: Option<&str>, state: SnapshotState) -> Snapshot {
        let of = image.map(|image| vec![Tag::builder().key(keys::IMAGE).value(image).build()]);
        let at = DateTime::from_secs(at);
        Snapshot::builder().snapshot_id(id).start_time(at).state(state).set_tags(of).build()
    }

    #[test]
    fn of_a_builds_records_each_image_keeps_its_newest_whole_one() {
        use SnapshotState::{Completed, Error};
        let written = [
            record("snap-old", 1, None, Completed),
            record("snap-a", 2, Some("ami-a"), Completed),
            record("snap-failed", 3, Some("ami-a"), Error),
            record("snap-b", 4, Some("ami-b"), Completed),
        ];
        let left = |images: &[&str]| -> Vec<String> {
            superseded(&written, images).iter().filter_map(|s| s.snapshot_id().map(str::to_owned)).collect()
        };
        assert_eq!(left(&["ami-a"]), ["snap-old", "snap-failed", "snap-b"]);
        assert_eq!(left(&["ami-a", "ami-b"]), ["snap-old", "snap-failed"]);
        // One that only older programs have written is of the image that says nothing else.
        assert_eq!(left(&["ami-a", "ami-c"]), ["snap-failed", "snap-b"]);
        assert_eq!(superseded(&written[1..], &["ami-c"]), [] as [&Snapshot; 0], "it has none: all of them stay");
        assert_eq!(left(&[]), ["snap-old", "snap-a", "snap-failed"]);
    }
}
