//! Instances: looking at them, starting, stopping, ending them.

use super::super::World;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{Xml, items, node, text};
use super::errors::{check_id, missing, not_found};
use super::filters::Filters;
use super::instance_xml;
use super::model::{Home, Instance, InstanceState, Tags};
use super::page::page;
use super::room::no_capacity;
use std::collections::BTreeMap;
use tokio::time::Instant;

const FILTERS: &[&str] = &[
    "instance-id",
    "instance-state-name",
    "instance-state-code",
    "instance-type",
    "instance-lifecycle",
    "image-id",
    "architecture",
    "availability-zone",
    "client-token",
    "subnet-id",
    "vpc-id",
    "key-name",
    "private-ip-address",
    "reservation-id",
    "owner-id",
    "root-device-type",
    "root-device-name",
    "iam-instance-profile.arn",
    "iam-instance-profile.name",
    "spot-instance-request-id",
    "instance.group-id",
    "group-id",
    "network-interface.network-interface-id",
    "block-device-mapping.volume-id",
    "metadata-options.http-tokens",
    "launch-time",
];

fn attribute(world: &World, instance: &Instance, seen: Instant, name: &str) -> Vec<String> {
    let state = *instance.state.at(seen);
    let one = |text: &str| vec![text.to_owned()];
    match name {
        "instance-id" => one(&instance.id),
        "instance-state-name" => one(state.name()),
        "instance-state-code" => one(&state.code().to_string()),
        "instance-type" => one(&instance.kind),
        "instance-lifecycle" => instance.spot.iter().map(|_| "spot".to_owned()).collect(),
        "image-id" => one(&instance.image),
        "architecture" => one(&instance.architecture),
        "availability-zone" => one(&instance.zone),
        "client-token" => instance.token.iter().cloned().collect(),
        "subnet-id" => one(&instance.subnet),
        "vpc-id" => one(&instance.vpc),
        "key-name" => instance.key_name.iter().cloned().collect(),
        "private-ip-address" => one(&instance.private_ip),
        "reservation-id" => one(&instance.reservation),
        "owner-id" => one(&instance.home.account),
        "root-device-type" => one("ebs"),
        "root-device-name" => one(&instance.root_device),
        "iam-instance-profile.name" => instance.profile.iter().cloned().collect(),
        "iam-instance-profile.arn" => {
            let profile = instance.profile.as_ref().and_then(|name| world.ec2.profiles.get(name));
            profile.map(|profile| profile.arn.clone()).into_iter().collect()
        }
        "spot-instance-request-id" => instance.spot.iter().cloned().collect(),
        "instance.group-id" | "group-id" => instance.groups.clone(),
        "network-interface.network-interface-id" => instance.interfaces.clone(),
        "block-device-mapping.volume-id" => instance.devices.iter().map(|device| device.volume.clone()).collect(),
        "metadata-options.http-tokens" => one(&instance.metadata.tokens),
        "launch-time" => one(&world.clock.iso(instance.launched)),
        _ => Vec::new(),
    }
}

fn ids(world: &World, call: &Incoming<'_>) -> Result<Vec<String>, Failure> {
    let ids = call.params.list("InstanceId");
    let home = Home::of(call.caller);
    let unseen =
        |id: &&String| world.ec2.instances.get(*id).is_none_or(|found| found.home != home || found.visible > call.now);
    for id in &ids {
        check_id("i-", id)?;
    }
    let lost: Vec<&str> = ids.iter().filter(unseen).map(String::as_str).collect();
    match lost.as_slice() {
        [] => Ok(ids),
        [id] => Err(not_found("i-", id)),
        several => {
            let message = format!("The instance IDs '{}' do not exist", several.join(", "));
            Err(Failure::bad("InvalidInstanceID.NotFound", message))
        }
    }
}

fn named(world: &World, call: &Incoming<'_>) -> Result<Vec<String>, Failure> {
    let ids = ids(world, call)?;
    if ids.is_empty() { Err(missing("InstanceId")) } else { Ok(ids) }
}

/// What the call asks for, as it was at `seen`.
fn found<'a>(
    world: &'a World,
    call: &Incoming<'_>,
    filters: &Filters,
    seen: Instant,
) -> Result<Vec<&'a Instance>, Failure> {
    let (ids, home) = (ids(world, call)?, Home::of(call.caller));
    let all = world.ec2.instances.values();
    Ok(all
        .filter(|instance| instance.home == home && instance.visible <= call.now)
        .filter(|instance| ids.is_empty() || ids.contains(&instance.id))
        .filter(|instance| {
            let tags = world.ec2.tags_at(&instance.id, seen);
            filters.pass(&tags, |name| attribute(world, instance, seen, name))
        })
        .collect())
}

pub fn describe_instances(world: &mut World, call: &Incoming<'_>) -> Reply {
    if let Some(recorded) = &world.ec2.recorded {
        return recorded.page(call);
    }
    let filters = Filters::parse(call.params, FILTERS)?;
    let seen = world.seen_at(call.now);
    let page = page(found(world, call, &filters, seen)?, call.params, "InstanceId", |found| found.id.clone())?;
    let mut reservations: BTreeMap<&str, Vec<&Instance>> = BTreeMap::new();
    for instance in &page.items {
        reservations.entry(&instance.reservation).or_default().push(instance);
    }
    let rows = reservations.iter().map(|(reservation, instances)| {
        vec![
            text("reservationId", reservation),
            text("ownerId", call.caller.account()),
            text("groupSet", ""),
            items("instancesSet", instances.iter().map(|found| instance_xml::instance(world, found, seen))),
        ]
    });
    let mut out = vec![items("reservationSet", rows)];
    out.extend(page.next());
    Ok(Done::xml(out))
}

pub fn describe_instance_status(world: &mut World, call: &Incoming<'_>) -> Reply {
    let known = [
        "availability-zone",
        "instance-state-name",
        "instance-state-code",
        "instance-status.status",
        "system-status.status",
    ];
    let filters = Filters::parse(call.params, &known)?;
    let all = call.params.flag("IncludeAllInstances")?.unwrap_or(false);
    let seen = world.seen_at(call.now);
    let none = Filters::parse(&Default::default(), &[])?;
    let health = |instance: &Instance| match instance.state.at(seen) {
        InstanceState::Running if instance.state.since(seen) + world.latencies.agent <= seen => ("ok", "passed"),
        InstanceState::Running => ("initializing", "initializing"),
        _ => ("not-applicable", "not-applicable"),
    };
    let rows: Vec<&Instance> = found(world, call, &none, seen)?
        .into_iter()
        .filter(|instance| all || instance.is(seen, InstanceState::Running))
        .filter(|instance| {
            filters.pass(&Tags::new(), |name| match name {
                "instance-status.status" | "system-status.status" => vec![health(instance).0.to_owned()],
                name => attribute(world, instance, seen, name),
            })
        })
        .collect();
    let page = page(rows, call.params, "InstanceId", |found| found.id.clone())?;
    let check = |name: &str, instance: &Instance| {
        let (status, detail) = health(instance);
        let details = vec![vec![text("name", "reachability"), text("status", detail)]];
        node(name, vec![text("status", status), items("details", details)])
    };
    let rows = page.items.iter().map(|instance| {
        vec![
            text("instanceId", &instance.id),
            text("availabilityZone", &instance.zone),
            instance_xml::state("instanceState", *instance.state.at(seen)),
            check("systemStatus", instance),
            check("instanceStatus", instance),
        ]
    });
    let mut out = vec![items("instanceStatusSet", rows)];
    out.extend(page.next());
    Ok(Done::xml(out))
}

/// `<instancesSet>` of a call that changes states.
fn changes(changes: Vec<(String, InstanceState, InstanceState)>) -> Done {
    let rows = changes.iter().map(|(id, before, after)| {
        vec![
            text("instanceId", id),
            instance_xml::state("currentState", *after),
            instance_xml::state("previousState", *before),
        ]
    });
    let xml: Vec<Xml> = vec![items("instancesSet", rows)];
    Done::xml(xml).made(changes.into_iter().map(|(id, _, _)| id))
}

fn wrong_state(id: &str, verb: &str) -> Failure {
    let message = format!("The instance '{id}' is not in a state from which it can be {verb}.");
    Failure::bad("IncorrectInstanceState", message)
}

pub fn stop_instances(world: &mut World, call: &Incoming<'_>) -> Reply {
    let (ids, now) = (named(world, call)?, call.now);
    for id in &ids {
        let Some(instance) = world.ec2.instances.get(id) else { continue };
        let state = *instance.state.at(now);
        if !matches!(state, InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped) {
            return Err(wrong_state(id, "stopped"));
        }
        let request = instance.spot.as_ref().and_then(|spot| world.ec2.spot_requests.get(spot));
        if request.is_some_and(|request| !request.persistent) {
            return Err(Failure::bad(
                "UnsupportedOperation",
                format!(
                    "You can't stop the Spot Instance '{id}' because it is associated with a one-time Spot Instance \
                     request. You can only stop Spot Instances associated with persistent Spot Instance requests."
                ),
            ));
        }
    }
    let takes = world.latencies.stop;
    let mut done = Vec::new();
    for id in ids {
        let Some(instance) = world.ec2.instances.get_mut(&id) else { continue };
        let before = *instance.state.at(now);
        if before == InstanceState::Running {
            let when = world.clock.iso(now);
            let message = format!("Client.UserInitiatedShutdown: User initiated shutdown ({when})");
            // An instance whose shutdown means termination is gone, whoever asked for the shutdown.
            instance.stop(now, takes, ("Client.UserInitiatedShutdown", &message));
        }
        done.push((id, before, after(before, InstanceState::Running, InstanceState::Stopping)));
    }
    Ok(changes(done))
}

fn after(before: InstanceState, from: InstanceState, to: InstanceState) -> InstanceState {
    if before == from { to } else { before }
}

pub fn start_instances(world: &mut World, call: &Incoming<'_>) -> Reply {
    let (ids, now) = (named(world, call)?, call.now);
    for id in &ids {
        let Some(instance) = world.ec2.instances.get(id) else { continue };
        let state = *instance.state.at(now);
        if !matches!(state, InstanceState::Stopped | InstanceState::Running | InstanceState::Pending) {
            return Err(wrong_state(id, "started"));
        }
        if world.ec2.pokes.no_capacity.contains(&(instance.kind.clone(), instance.zone.clone()))
            && state == InstanceState::Stopped
        {
            return Err(no_capacity(&instance.kind, &instance.zone));
        }
    }
    let running = now + world.latencies.running;
    let mut done = Vec::new();
    for id in ids {
        let Some(instance) = world.ec2.instances.get_mut(&id) else { continue };
        let before = *instance.state.at(now);
        if before == InstanceState::Stopped {
            instance.reason = None;
            instance.launched = now;
            instance.state.set(now, InstanceState::Pending);
            instance.state.then(running, InstanceState::Running);
        }
        done.push((id, before, after(before, InstanceState::Stopped, InstanceState::Pending)));
    }
    Ok(changes(done))
}

pub fn reboot_instances(world: &mut World, call: &Incoming<'_>) -> Reply {
    let ids = named(world, call)?;
    for id in &ids {
        if world.ec2.instances.get(id).is_some_and(|instance| !instance.is(call.now, InstanceState::Running)) {
            return Err(wrong_state(id, "rebooted"));
        }
    }
    let up = call.now + world.latencies.reboot;
    for id in &ids {
        world.ec2.reboot(id, up);
    }
    Ok(Done::xml(vec![text("return", true)]).made(ids))
}

pub fn terminate_instances(world: &mut World, call: &Incoming<'_>) -> Reply {
    let (ids, now) = (named(world, call)?, call.now);
    if let Some(id) = ids.iter().find(|id| world.ec2.instances.get(*id).is_some_and(|found| found.protected)) {
        return Err(Failure::bad(
            "OperationNotPermitted",
            format!(
                "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and \
                 try again."
            ),
        ));
    }
    let takes = world.latencies.terminate;
    let when = world.clock.iso(now);
    let mut done = Vec::new();
    for id in ids {
        let Some(instance) = world.ec2.instances.get_mut(&id) else { continue };
        let before = *instance.state.at(now);
        let message = format!("Client.UserInitiatedShutdown: User initiated shutdown ({when})");
        instance.shut_down(now, takes, ("Client.UserInitiatedShutdown", &message));
        let current = *instance.state.at(now);
        // What is instantly terminated was shutting down for the caller all the same.
        let current = if before == current || current != InstanceState::Terminated {
            current
        } else {
            InstanceState::ShuttingDown
        };
        done.push((id, before, current));
    }
    Ok(changes(done))
}
