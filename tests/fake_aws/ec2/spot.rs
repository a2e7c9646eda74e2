//! Spot requests. RunInstances makes them, with the instance that fulfils them.

use super::super::World;
use super::super::reply::{Done, Incoming, Reply};
use super::super::xml::{Xml, items, node, text};
use super::errors::{check_id, missing, not_found};
use super::filters::Filters;
use super::model::{Home, SpotRequest, Tags};
use super::page::page;
use super::tags;

const FILTERS: &[&str] = &[
    "spot-instance-request-id",
    "instance-id",
    "state",
    "status-code",
    "type",
    "launch.image-id",
    "launch.instance-type",
];

fn check(world: &World, call: &Incoming<'_>) -> Result<Vec<String>, super::super::reply::Failure> {
    let (ids, home) = (call.params.list("SpotInstanceRequestId"), Home::of(call.caller));
    for id in &ids {
        check_id("sir-", id)?;
        if world.ec2.spot_requests.get(id).is_none_or(|request| request.home != home) {
            return Err(not_found("sir-", id));
        }
    }
    Ok(ids)
}

fn kind(request: &SpotRequest) -> &'static str {
    if request.persistent { "persistent" } else { "one-time" }
}

fn attribute(request: &SpotRequest, name: &str) -> Vec<String> {
    vec![match name {
        "spot-instance-request-id" => request.id.clone(),
        "instance-id" => request.instance.clone(),
        "state" => request.state.to_owned(),
        "status-code" => request.status.clone(),
        "type" => kind(request).to_owned(),
        "launch.image-id" => request.image.clone(),
        _ => request.kind.clone(),
    }]
}

fn xml(world: &World, request: &SpotRequest, tags: &Tags) -> Vec<Xml> {
    let created = world.clock.iso(request.created);
    vec![
        text("spotInstanceRequestId", &request.id),
        text("type", kind(request)),
        text("state", request.state),
        node("status", vec![text("code", &request.status), text("updateTime", &created), text("message", "")]),
        node("launchSpecification", vec![text("imageId", &request.image), text("instanceType", &request.kind)]),
        text("instanceId", &request.instance),
        text("createTime", &created),
        text("productDescription", "Linux/UNIX"),
        text("launchedAvailabilityZone", &request.zone),
        text("instanceInterruptionBehavior", &request.interruption),
        tags::xml(tags),
    ]
}

pub fn describe_spot_instance_requests(world: &mut World, call: &Incoming<'_>) -> Reply {
    let filters = Filters::parse(call.params, FILTERS)?;
    let (ids, home) = (check(world, call)?, Home::of(call.caller));
    let found: Vec<(&SpotRequest, Tags)> = world
        .ec2
        .spot_requests
        .values()
        .filter(|request| request.home == home && (ids.is_empty() || ids.contains(&request.id)))
        .map(|request| (request, world.ec2.tags_at(&request.id, call.now)))
        .filter(|(request, tags)| filters.pass(tags, |name| attribute(request, name)))
        .collect();
    let page = page(found, call.params, "SpotInstanceRequestId", |(request, _)| request.id.clone())?;
    let rows = page.items.iter().map(|(request, tags)| xml(world, request, tags));
    let mut out = vec![items("spotInstanceRequestSet", rows)];
    out.extend(page.next());
    Ok(Done::xml(out))
}

/// The instance stays: only the request ends.
pub fn cancel_spot_instance_requests(world: &mut World, call: &Incoming<'_>) -> Reply {
    let ids = check(world, call)?;
    if ids.is_empty() {
        return Err(missing("SpotInstanceRequestId"));
    }
    for id in &ids {
        let living = world
            .ec2
            .spot_requests
            .get(id)
            .and_then(|request| world.ec2.instances.get(&request.instance))
            .is_some_and(|instance| instance.alive(call.now));
        if let Some(request) = world.ec2.spot_requests.get_mut(id)
            && matches!(request.state, "active" | "open")
        {
            request.state = "cancelled";
            let status = if living { "request-canceled-and-instance-running" } else { "canceled-before-fulfillment" };
            request.status = status.to_owned();
        }
    }
    let rows = ids.iter().map(|id| vec![text("spotInstanceRequestId", id), text("state", "cancelled")]);
    Ok(Done::xml(vec![items("spotInstanceRequestSet", rows)]).made(ids.clone()))
}
