//! An instance as EC2 shows it.

use super::super::World;
use super::super::xml::{Xml, items, node, text};
use super::model::{Instance, InstanceState};
use super::tags;
use tokio::time::Instant;

pub fn state(name: &str, state: InstanceState) -> Xml {
    node(name, vec![text("code", state.code()), text("name", state.name())])
}

/// The children of its `<item>`, as it was at `seen`.
pub fn instance(world: &World, instance: &Instance, seen: Instant) -> Vec<Xml> {
    let now_state = *instance.state.at(seen);
    let gone = now_state == InstanceState::Terminated;
    let reason =
        instance.reason.as_ref().filter(|_| !matches!(now_state, InstanceState::Pending | InstanceState::Running));
    let mut out = vec![
        text("instanceId", &instance.id),
        text("imageId", &instance.image),
        state("instanceState", now_state),
        text("privateDnsName", if gone { String::new() } else { private_name(instance) }),
        text("dnsName", ""),
        text("reason", reason.map_or("", |(_, message)| message.as_str())),
        text("amiLaunchIndex", instance.index),
        text("productCodes", ""),
        text("instanceType", &instance.kind),
        text("launchTime", world.clock.iso(instance.launched)),
        node(
            "placement",
            vec![text("availabilityZone", &instance.zone), text("groupName", ""), text("tenancy", "default")],
        ),
        node("monitoring", vec![text("state", "disabled")]),
        text("architecture", &instance.architecture),
        text("rootDeviceType", "ebs"),
        text("rootDeviceName", &instance.root_device),
        items("blockDeviceMapping", if gone { Vec::new() } else { devices(world, instance) }),
        text("virtualizationType", "hvm"),
        text("clientToken", instance.token.as_deref().unwrap_or_default()),
        text("hypervisor", "xen"),
        text("ebsOptimized", instance.ebs_optimized),
        text("enaSupport", true),
        metadata(instance, gone),
        tags::xml(&world.ec2.tags_at(&instance.id, seen)),
    ];
    out.extend(instance.key_name.as_ref().map(|name| text("keyName", name)));
    if let Some((code, message)) = reason {
        out.push(node("stateReason", vec![text("code", code), text("message", message)]));
    }
    if let Some(spot) = &instance.spot {
        out.extend([text("instanceLifecycle", "spot"), text("spotInstanceRequestId", spot)]);
    }
    // What a terminated instance no longer has.
    if !gone {
        out.extend(network(world, instance));
        if let Some(profile) = instance.profile.as_ref().and_then(|name| world.ec2.profiles.get(name)) {
            out.push(node("iamInstanceProfile", vec![text("arn", &profile.arn), text("id", &profile.id)]));
        }
    }
    out
}

fn private_name(instance: &Instance) -> String {
    format!("ip-{}.ec2.internal", instance.private_ip.replace('.', "-"))
}

fn devices(world: &World, instance: &Instance) -> Vec<Vec<Xml>> {
    let one = |device: &super::model::Device| {
        let ebs = vec![
            text("volumeId", &device.volume),
            text("status", "attached"),
            text("attachTime", world.clock.iso(instance.launched)),
            text("deleteOnTermination", device.delete_on_termination),
        ];
        vec![text("deviceName", &device.name), node("ebs", ebs)]
    };
    instance.devices.iter().map(one).collect()
}

fn metadata(instance: &Instance, gone: bool) -> Xml {
    let options = &instance.metadata;
    node(
        "metadataOptions",
        vec![
            text("state", if gone { "pending" } else { "applied" }),
            text("httpTokens", &options.tokens),
            text("httpPutResponseHopLimit", options.hop_limit),
            text("httpEndpoint", &options.endpoint),
            text("httpProtocolIpv6", &options.ipv6),
            text("instanceMetadataTags", &options.tags),
        ],
    )
}

/// `<groupSet>`.
pub fn groups(world: &World, ids: &[String]) -> Xml {
    let name = |id: &String| world.ec2.groups.get(id).map_or_else(String::new, |group| group.name.clone());
    items("groupSet", ids.iter().map(|id| vec![text("groupId", id), text("groupName", name(id))]))
}

fn network(world: &World, instance: &Instance) -> Vec<Xml> {
    let interfaces = instance.interfaces.iter().filter_map(|id| world.ec2.interfaces.get(id)).enumerate();
    let one = |(index, interface): (usize, &super::model::Interface)| {
        vec![
            text("networkInterfaceId", &interface.id),
            text("subnetId", &interface.subnet),
            text("vpcId", &interface.vpc),
            text("description", &interface.description),
            text("ownerId", &interface.home.account),
            text("status", "in-use"),
            text("privateIpAddress", &interface.private_ip),
            text("sourceDestCheck", true),
            groups(world, &interface.groups),
            node(
                "attachment",
                vec![
                    text("attachmentId", interface.id.replacen("eni-", "eni-attach-", 1)),
                    text("deviceIndex", index),
                    text("status", "attached"),
                    text("attachTime", world.clock.iso(interface.created)),
                    text("deleteOnTermination", interface.delete_on_termination),
                ],
            ),
            text("interfaceType", "interface"),
        ]
    };
    let mut out = vec![
        text("subnetId", &instance.subnet),
        text("vpcId", &instance.vpc),
        text("privateIpAddress", &instance.private_ip),
        text("sourceDestCheck", true),
        groups(world, &instance.groups),
        items("networkInterfaceSet", interfaces.map(one)),
    ];
    out.extend(instance.public_ip.as_ref().map(|ip| text("ipAddress", ip)));
    out
}
