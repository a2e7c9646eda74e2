//! Network interfaces.

use super::super::World;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{Xml, items, node, text};
use super::errors::{check_id, missing, not_found};
use super::filters::Filters;
use super::instance_xml;
use super::model::{Home, Interface, Tags};
use super::page::page;
use super::tags;

const FILTERS: &[&str] = &[
    "network-interface-id",
    "status",
    "subnet-id",
    "vpc-id",
    "group-id",
    "availability-zone",
    "private-ip-address",
    "description",
    "owner-id",
    "attachment.instance-id",
    "attachment.status",
    "attachment.delete-on-termination",
];

fn attribute(interface: &Interface, name: &str) -> Vec<String> {
    match name {
        "network-interface-id" => vec![interface.id.clone()],
        "status" => vec![status(interface).to_owned()],
        "subnet-id" => vec![interface.subnet.clone()],
        "vpc-id" => vec![interface.vpc.clone()],
        "group-id" => interface.groups.clone(),
        "availability-zone" => vec![interface.zone.clone()],
        "private-ip-address" => vec![interface.private_ip.clone()],
        "description" => vec![interface.description.clone()],
        "owner-id" => vec![interface.home.account.clone()],
        "attachment.instance-id" => interface.instance.iter().cloned().collect(),
        "attachment.status" => interface.instance.iter().map(|_| "attached".to_owned()).collect(),
        _ => interface.instance.iter().map(|_| interface.delete_on_termination.to_string()).collect(),
    }
}

fn status(interface: &Interface) -> &'static str {
    if interface.instance.is_some() { "in-use" } else { "available" }
}

fn xml(world: &World, interface: &Interface, tags: &Tags) -> Vec<Xml> {
    let mut out = vec![
        text("networkInterfaceId", &interface.id),
        text("subnetId", &interface.subnet),
        text("vpcId", &interface.vpc),
        text("availabilityZone", &interface.zone),
        text("description", &interface.description),
        text("ownerId", &interface.home.account),
        text("requesterManaged", false),
        text("status", status(interface)),
        text("privateIpAddress", &interface.private_ip),
        text("sourceDestCheck", true),
        text("interfaceType", "interface"),
        instance_xml::groups(world, &interface.groups),
        tags::xml(tags),
    ];
    if let Some(instance) = &interface.instance {
        out.push(node(
            "attachment",
            vec![
                text("attachmentId", interface.id.replacen("eni-", "eni-attach-", 1)),
                text("instanceId", instance),
                text("instanceOwnerId", &interface.home.account),
                text("deviceIndex", 0),
                text("status", "attached"),
                text("attachTime", world.clock.iso(interface.created)),
                text("deleteOnTermination", interface.delete_on_termination),
            ],
        ));
    }
    if let Some(ip) = &interface.public_ip {
        out.push(node("association", vec![text("publicIp", ip), text("ipOwnerId", "amazon")]));
    }
    out
}

pub fn describe_network_interfaces(world: &mut World, call: &Incoming<'_>) -> Reply {
    let filters = Filters::parse(call.params, FILTERS)?;
    let (ids, home) = (call.params.list("NetworkInterfaceId"), Home::of(call.caller));
    for id in &ids {
        check_id("eni-", id)?;
        if !world.ec2.interfaces.get(id).is_some_and(|found| found.home == home && found.visible <= call.now) {
            return Err(not_found("eni-", id));
        }
    }
    let seen = world.seen_at(call.now);
    let found: Vec<(&Interface, Tags)> = world
        .ec2
        .interfaces
        .values()
        .filter(|interface| interface.home == home && interface.visible <= call.now)
        .filter(|interface| ids.is_empty() || ids.contains(&interface.id))
        .map(|interface| (interface, world.ec2.tags_at(&interface.id, seen)))
        .filter(|(interface, tags)| filters.pass(tags, |name| attribute(interface, name)))
        .collect();
    let page = page(found, call.params, "NetworkInterfaceId", |(interface, _)| interface.id.clone())?;
    let mut out =
        vec![items("networkInterfaceSet", page.items.iter().map(|(interface, tags)| xml(world, interface, tags)))];
    out.extend(page.next());
    Ok(Done::xml(out))
}

pub fn delete_network_interface(world: &mut World, call: &Incoming<'_>) -> Reply {
    let id = call.params.get("NetworkInterfaceId").ok_or_else(|| missing("NetworkInterfaceId"))?;
    check_id("eni-", id)?;
    let home = Home::of(call.caller);
    let found = world.ec2.interfaces.get(id).filter(|found| found.home == home && found.visible <= call.now);
    if found.ok_or_else(|| not_found("eni-", id))?.instance.is_some() {
        let message = format!("Network interface '{id}' is currently in use.");
        return Err(Failure::bad("InvalidParameterValue", message));
    }
    world.ec2.interfaces.remove(id);
    world.ec2.tags.remove(id);
    Ok(Done::xml(vec![text("return", true)]).made([id]))
}
