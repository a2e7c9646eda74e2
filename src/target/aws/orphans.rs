//! Parts that were left by themselves: snapshots without an image, volumes without an instance, network interfaces that
//! nothing uses. They carry the tags of their build from their first moment, so they are found without any journal.

use super::api::{Api, op};
use super::view::View;
use super::{clock, images, shared, tags};
use crate::pipeline::tags as keys;
use crate::target::{Orphan, TargetError};
use aws_sdk_ec2::types::{Filter, NetworkInterfaceStatus, VolumeState};
use std::collections::BTreeSet;

/// All of them.
pub async fn find(api: &Api, view: &View) -> Result<Vec<Orphan>, TargetError> {
    let ours = Filter::builder().name("tag-key").values(keys::BUILD).build();
    let images = view.images(api, shared::FRESH).await?;
    // A build whose image is there, and one that still has a builder, has not lost its parts.
    let alive: BTreeSet<String> = images.iter().filter_map(|image| image.tags.get(keys::BUILD).cloned()).collect();
    let needed: BTreeSet<&str> = images.iter().flat_map(|image| image.snapshots.iter().map(String::as_str)).collect();
    let instances = view.instances(api, shared::FRESH).await?;
    let up: BTreeSet<String> = instances
        .iter()
        .filter(|instance| instance.life != super::view::Life::Gone)
        .filter_map(|instance| instance.tags.get(keys::BUILD).cloned())
        .collect();
    let mut found = Vec::new();

    let mut page = None;
    loop {
        let ask = || {
            let request = api.ec2.describe_snapshots().owner_ids("self").filters(ours.clone()).max_results(500);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::DESCRIBE_SNAPSHOTS, "snapshots tagged amifactory:build", ask).await?;
        for snapshot in answer.snapshots() {
            let (Some(id), tags) = (snapshot.snapshot_id(), tags::read(snapshot.tags())) else { continue };
            let build = tags.get(keys::BUILD);
            if needed.contains(id) || build.is_some_and(|build| alive.contains(build) || up.contains(build)) {
                continue;
            }
            let created_at = snapshot.start_time().map(clock::rfc3339).unwrap_or_default();
            found.push(Orphan { kind: "snapshot", id: id.to_owned(), tags, created_at });
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            break;
        }
    }

    let ask = || api.ec2.describe_volumes().filters(ours.clone()).max_results(500).send();
    let answer = api.caller.call(op::DESCRIBE_VOLUMES, "volumes tagged amifactory:build", ask).await?;
    for volume in answer.volumes().iter().filter(|volume| volume.state() == Some(&VolumeState::Available)) {
        let created_at = volume.create_time().map(clock::rfc3339).unwrap_or_default();
        let id = volume.volume_id().unwrap_or_default().to_owned();
        found.push(Orphan { kind: "volume", id, tags: tags::read(volume.tags()), created_at });
    }

    let ask = || api.ec2.describe_network_interfaces().filters(ours.clone()).max_results(500).send();
    let answer = api.caller.call(op::DESCRIBE_INTERFACES, "network interfaces tagged amifactory:build", ask).await?;
    let unused = |status: Option<&NetworkInterfaceStatus>| status == Some(&NetworkInterfaceStatus::Available);
    for interface in answer.network_interfaces().iter().filter(|interface| unused(interface.status())) {
        let id = interface.network_interface_id().unwrap_or_default().to_owned();
        let tags = tags::read(interface.tag_set());
        found.push(Orphan { kind: "network interface", id, tags, created_at: String::new() });
    }
    Ok(found)
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
