//! Snapshots that can't be deleted, or that someone pays for to have them at hand: locked ones, and those with fast snapshot
//! restores. It is known before an image takes its first step, and not only when its snapshots are to go.

use super::super::api::{Api, CallError, op};
use super::super::tags;
use super::{Found, PAGE, VALUES};
use crate::identity::ImageId;
use crate::pipeline::tags as keys;
use crate::target::{Image, Use};
use aws_sdk_ec2::types::{FastSnapshotRestoreStateCode, Filter, LockState};
use std::collections::{BTreeMap, BTreeSet};

/// By snapshot, what holds it.
type Held = BTreeMap<String, BTreeSet<&'static str>>;

/// All of them that belong to these images, that of their evidence too: each snapshot carries its build's tag.
pub async fn read(api: &Api, found: &mut Found, images: &[Image]) -> Result<(), CallError> {
    let mut held = Held::new();
    locked(api, &mut held).await?;
    fast_restores(api, &mut held).await?;
    let builds: BTreeMap<&str, &ImageId> =
        images.iter().filter_map(|image| Some((image.tags.get(keys::BUILD)?.as_str(), &image.id))).collect();
    let ids: Vec<String> = held.keys().cloned().collect();
    for some in ids.chunks(VALUES) {
        // Asked by a filter: an id that does not exist is no error then.
        let filter = Filter::builder().name("snapshot-id").set_values(Some(some.to_vec())).build();
        let mut page = None;
        loop {
            let ask = || {
                let request = api.ec2.describe_snapshots().owner_ids("self").filters(filter.clone());
                request.max_results(PAGE).set_next_token(page.clone()).send()
            };
            let answer = api.caller.call(op::DESCRIBE_SNAPSHOTS, "snapshots that are held", ask).await?;
            for snapshot in answer.snapshots() {
                let build = tags::read(snapshot.tags()).remove(keys::BUILD).unwrap_or_default();
                let id = snapshot.snapshot_id().unwrap_or_default();
                let Some((image, kinds)) = builds.get(build.as_str()).zip(held.get(id)) else { continue };
                let arn = found.place.ec2_public(&format!("snapshot/{id}"));
                let by = kinds.iter().map(|kind| Use { kind, id: arn.clone() });
                found.held.entry((*image).clone()).or_default().extend(by);
            }
            page = answer.next_token;
            if page.as_deref().is_none_or(str::is_empty) {
                break;
            }
        }
    }
    Ok(())
}

async fn locked(api: &Api, held: &mut Held) -> Result<(), CallError> {
    let mut page = None;
    loop {
        let ask = || api.ec2.describe_locked_snapshots().set_next_token(page.clone()).send();
        let answer = api.caller.call(op::DESCRIBE_LOCKED, "locked snapshots", ask).await?;
        let holds = answer.snapshots().iter().filter(|locked| locked.lock_state() != Some(&LockState::Expired));
        for id in holds.filter_map(|locked| locked.snapshot_id()) {
            held.entry(id.to_owned()).or_default().insert("a snapshot lock");
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(());
        }
    }
}

async fn fast_restores(api: &Api, held: &mut Held) -> Result<(), CallError> {
    let mut page = None;
    loop {
        let ask = || api.ec2.describe_fast_snapshot_restores().set_next_token(page.clone()).send();
        let answer = api.caller.call(op::DESCRIBE_FAST_RESTORES, "fast snapshot restores", ask).await?;
        let over = Some(&FastSnapshotRestoreStateCode::Disabled);
        for id in answer.fast_snapshot_restores().iter().filter(|r| r.state() != over).filter_map(|r| r.snapshot_id()) {
            held.entry(id.to_owned()).or_default().insert("fast snapshot restores");
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(());
        }
    }
}
