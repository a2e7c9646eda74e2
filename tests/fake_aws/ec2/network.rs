//! VPCs, subnets, routes, endpoints: what is there when the world begins, and how to look at it.

use super::super::World;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::world::id;
use super::super::xml::{Xml, items, node, text, text_items};
use super::errors::{check_id, not_found};
use super::filters::Filters;
use super::model::{Endpoint, Group, Home, RouteTable, Subnet, Tags, Vpc};
use super::page::page;
use super::places::{zone_id, zones};
use super::state::State;
use super::tags;
use tokio::time::Instant;

/// A region as many accounts have it: the default VPC with public subnets, and a VPC of private ones behind NAT.
pub fn found(state: &mut State, home: &Home, now: Instant, random: &mut fastrand::Rng) {
    for (default, cidr, net) in [(true, "172.31.0.0/16", "172.31"), (false, "10.0.0.0/16", "10.0")] {
        let vpc = id(random, "vpc");
        let table = id(random, "rtb");
        let mut subnets = Vec::new();
        for (number, zone) in zones(&home.region).into_iter().enumerate() {
            let subnet = id(random, "subnet");
            let name = if default { format!("public-{zone}") } else { format!("private-{zone}") };
            state.set_tags(&subnet, now, [("Name".to_owned(), name)].into());
            state.subnets.insert(
                subnet.clone(),
                Subnet {
                    id: subnet.clone(),
                    home: home.clone(),
                    vpc: vpc.clone(),
                    zone,
                    cidr: format!("{net}.{}.0/20", number * 16),
                    default,
                    public: default,
                    free: 4091,
                },
            );
            subnets.push(subnet);
        }
        let way_out = if default { id(random, "igw") } else { id(random, "nat") };
        state.route_tables.insert(
            table.clone(),
            RouteTable {
                id: table,
                home: home.clone(),
                vpc: vpc.clone(),
                main: true,
                subnets,
                routes: vec![(cidr.to_owned(), "local".to_owned()), ("0.0.0.0/0".to_owned(), way_out)],
            },
        );
        let group = id(random, "sg");
        state.groups.insert(
            group.clone(),
            Group {
                id: group,
                home: home.clone(),
                vpc: vpc.clone(),
                name: "default".to_owned(),
                description: "default VPC security group".to_owned(),
                visible: now,
                ingress: Vec::new(),
            },
        );
        let name = if default { "default" } else { "private" };
        state.set_tags(&vpc, now, [("Name".to_owned(), name.to_owned())].into());
        state.vpcs.insert(vpc.clone(), Vpc { id: vpc, home: home.clone(), cidr: cidr.to_owned(), default });
    }
}

/// Refuses ids that are malformed or not there.
pub fn check_ids(ids: &[String], prefix: &str, there: impl Fn(&str) -> bool) -> Result<(), Failure> {
    for id in ids {
        check_id(prefix, id)?;
        if !there(id) {
            return Err(not_found(prefix, id));
        }
    }
    Ok(())
}

pub fn describe_vpcs(world: &mut World, call: &Incoming<'_>) -> Reply {
    let known = ["vpc-id", "cidr", "cidr-block-association.cidr-block", "isDefault", "is-default", "state", "owner-id"];
    let filters = Filters::parse(call.params, &known)?;
    let (ids, home) = (call.params.list("VpcId"), Home::of(call.caller));
    check_ids(&ids, "vpc-", |id| world.ec2.vpcs.get(id).is_some_and(|vpc| vpc.home == home))?;
    let seen = world.seen_at(call.now);
    let found: Vec<(&Vpc, Tags)> = world
        .ec2
        .vpcs
        .values()
        .filter(|vpc| vpc.home == home && (ids.is_empty() || ids.contains(&vpc.id)))
        .map(|vpc| (vpc, world.ec2.tags_at(&vpc.id, seen)))
        .filter(|(vpc, tags)| {
            filters.pass(tags, |name| {
                vec![match name {
                    "vpc-id" => vpc.id.clone(),
                    "isDefault" | "is-default" => vpc.default.to_string(),
                    "state" => "available".to_owned(),
                    "owner-id" => home.account.clone(),
                    _ => vpc.cidr.clone(),
                }]
            })
        })
        .collect();
    let page = page(found, call.params, "VpcId", |(vpc, _)| vpc.id.clone())?;
    let rows = page.items.iter().map(|(vpc, tags)| {
        vec![
            text("vpcId", &vpc.id),
            text("ownerId", &vpc.home.account),
            text("state", "available"),
            text("cidrBlock", &vpc.cidr),
            text("dhcpOptionsId", "default"),
            text("instanceTenancy", "default"),
            text("isDefault", vpc.default),
            tags::xml(tags),
        ]
    });
    let mut out = vec![items("vpcSet", rows)];
    out.extend(page.next());
    Ok(Done::xml(out))
}

const SUBNET_FILTERS: &[&str] = &[
    "subnet-id",
    "vpc-id",
    "availability-zone",
    "availabilityZone",
    "availability-zone-id",
    "cidr-block",
    "default-for-az",
    "defaultForAz",
    "state",
    "owner-id",
    "map-public-ip-on-launch",
    "available-ip-address-count",
];

fn subnet_attribute(subnet: &Subnet, name: &str) -> String {
    match name {
        "subnet-id" => subnet.id.clone(),
        "vpc-id" => subnet.vpc.clone(),
        "availability-zone" | "availabilityZone" => subnet.zone.clone(),
        "availability-zone-id" => zone_id(&subnet.zone),
        "cidr-block" => subnet.cidr.clone(),
        "default-for-az" | "defaultForAz" => subnet.default.to_string(),
        "map-public-ip-on-launch" => subnet.public.to_string(),
        "available-ip-address-count" => subnet.free.to_string(),
        "owner-id" => subnet.home.account.clone(),
        _ => "available".to_owned(),
    }
}

pub fn describe_subnets(world: &mut World, call: &Incoming<'_>) -> Reply {
    let filters = Filters::parse(call.params, SUBNET_FILTERS)?;
    let (ids, home) = (call.params.list("SubnetId"), Home::of(call.caller));
    check_ids(&ids, "subnet-", |id| world.ec2.subnets.get(id).is_some_and(|subnet| subnet.home == home))?;
    let seen = world.seen_at(call.now);
    let found: Vec<(&Subnet, Tags)> = world
        .ec2
        .subnets
        .values()
        .filter(|subnet| subnet.home == home && (ids.is_empty() || ids.contains(&subnet.id)))
        .map(|subnet| (subnet, world.ec2.tags_at(&subnet.id, seen)))
        .filter(|(subnet, tags)| filters.pass(tags, |name| vec![subnet_attribute(subnet, name)]))
        .collect();
    let page = page(found, call.params, "SubnetId", |(subnet, _)| subnet.id.clone())?;
    let rows = page.items.iter().map(|(subnet, tags)| subnet_xml(subnet, tags));
    let mut out = vec![items("subnetSet", rows)];
    out.extend(page.next());
    Ok(Done::xml(out))
}

fn subnet_xml(subnet: &Subnet, tags: &Tags) -> Vec<Xml> {
    vec![
        text("subnetId", &subnet.id),
        text("subnetArn", format!("arn:aws:ec2:{}:{}:subnet/{}", subnet.home.region, subnet.home.account, subnet.id)),
        text("ownerId", &subnet.home.account),
        text("state", "available"),
        text("vpcId", &subnet.vpc),
        text("cidrBlock", &subnet.cidr),
        text("availableIpAddressCount", subnet.free),
        text("availabilityZone", &subnet.zone),
        text("availabilityZoneId", zone_id(&subnet.zone)),
        text("defaultForAz", subnet.default),
        text("mapPublicIpOnLaunch", subnet.public),
        text("assignIpv6AddressOnCreation", false),
        tags::xml(tags),
    ]
}

pub fn describe_route_tables(world: &mut World, call: &Incoming<'_>) -> Reply {
    let known = [
        "route-table-id",
        "vpc-id",
        "association.subnet-id",
        "association.main",
        "route.destination-cidr-block",
        "route.gateway-id",
        "route.nat-gateway-id",
        "owner-id",
    ];
    let filters = Filters::parse(call.params, &known)?;
    let (ids, home) = (call.params.list("RouteTableId"), Home::of(call.caller));
    check_ids(&ids, "rtb-", |id| world.ec2.route_tables.get(id).is_some_and(|table| table.home == home))?;
    let found: Vec<&RouteTable> = world
        .ec2
        .route_tables
        .values()
        .filter(|table| table.home == home && (ids.is_empty() || ids.contains(&table.id)))
        .filter(|table| {
            let targets = |prefix: &str| {
                table.routes.iter().filter(|(_, to)| to.starts_with(prefix)).map(|(_, to)| to.clone()).collect()
            };
            filters.pass(&world.ec2.tags_at(&table.id, call.now), |name| match name {
                "route-table-id" => vec![table.id.clone()],
                "vpc-id" => vec![table.vpc.clone()],
                "association.subnet-id" => table.subnets.clone(),
                "association.main" => vec![table.main.to_string()],
                "route.destination-cidr-block" => table.routes.iter().map(|(to, _)| to.clone()).collect(),
                "route.gateway-id" => targets("igw-"),
                "route.nat-gateway-id" => targets("nat-"),
                _ => vec![home.account.clone()],
            })
        })
        .collect();
    let page = page(found, call.params, "RouteTableId", |table| table.id.clone())?;
    let rows = page.items.iter().map(|table| table_xml(table, &world.ec2.tags_at(&table.id, call.now)));
    let mut out = vec![items("routeTableSet", rows)];
    out.extend(page.next());
    Ok(Done::xml(out))
}

fn table_xml(table: &RouteTable, tags: &Tags) -> Vec<Xml> {
    let route = |(to, through): &(String, String)| {
        let how = if through.starts_with("nat-") { "natGatewayId" } else { "gatewayId" };
        let origin = if through == "local" { "CreateRouteTable" } else { "CreateRoute" };
        vec![text("destinationCidrBlock", to), text(how, through), text("state", "active"), text("origin", origin)]
    };
    let association = |name: String, subnet: Option<&String>| {
        let mut out = vec![
            text("routeTableAssociationId", format!("rtbassoc-{}", &name[name.len().saturating_sub(17)..])),
            text("routeTableId", &table.id),
        ];
        out.extend(subnet.map(|subnet| text("subnetId", subnet)));
        out.push(text("main", subnet.is_none()));
        out.push(node("associationState", vec![text("state", "associated")]));
        out
    };
    let mut associations: Vec<Vec<Xml>> = Vec::new();
    if table.main {
        associations.push(association(table.id.clone(), None));
    }
    associations.extend(table.subnets.iter().map(|subnet| association(subnet.clone(), Some(subnet))));
    vec![
        text("routeTableId", &table.id),
        text("vpcId", &table.vpc),
        text("ownerId", &table.home.account),
        items("routeSet", table.routes.iter().map(route)),
        items("associationSet", associations),
        text("propagatingVgwSet", ""),
        tags::xml(tags),
    ]
}

pub fn describe_vpc_endpoints(world: &mut World, call: &Incoming<'_>) -> Reply {
    let known = ["vpc-endpoint-id", "vpc-id", "service-name", "vpc-endpoint-state", "vpc-endpoint-type"];
    let filters = Filters::parse(call.params, &known)?;
    let (ids, home) = (call.params.list("VpcEndpointId"), Home::of(call.caller));
    check_ids(&ids, "vpce-", |id| world.ec2.endpoints.get(id).is_some_and(|endpoint| endpoint.home == home))?;
    let found: Vec<&Endpoint> = world
        .ec2
        .endpoints
        .values()
        .filter(|endpoint| endpoint.home == home && (ids.is_empty() || ids.contains(&endpoint.id)))
        .filter(|endpoint| {
            filters.pass(&world.ec2.tags_at(&endpoint.id, call.now), |name| {
                vec![match name {
                    "vpc-endpoint-id" => endpoint.id.clone(),
                    "vpc-id" => endpoint.vpc.clone(),
                    "service-name" => endpoint.service.clone(),
                    "vpc-endpoint-state" => "available".to_owned(),
                    _ => endpoint.kind.clone(),
                }]
            })
        })
        .collect();
    let page = page(found, call.params, "VpcEndpointId", |endpoint| endpoint.id.clone())?;
    let rows = page.items.iter().map(|endpoint| {
        vec![
            text("vpcEndpointId", &endpoint.id),
            text("vpcEndpointType", &endpoint.kind),
            text("vpcId", &endpoint.vpc),
            text("serviceName", &endpoint.service),
            text("state", "available"),
            text_items("subnetIdSet", &endpoint.subnets),
            text("privateDnsEnabled", endpoint.private_dns),
            text("ownerId", &endpoint.home.account),
            tags::xml(&world.ec2.tags_at(&endpoint.id, call.now)),
        ]
    });
    let mut out = vec![items("vpcEndpointSet", rows)];
    out.extend(page.next());
    Ok(Done::xml(out))
}
