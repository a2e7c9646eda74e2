//! Regions, availability zones, the account.

use super::super::World;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{Xml, items, node, text};
use super::errors::invalid;
use super::filters::Filters;
use super::model::Tags;

/// Each region has three.
pub fn zones(region: &str) -> Vec<String> {
    ["a", "b", "c"].iter().map(|letter| format!("{region}{letter}")).collect()
}

/// `us-east-1a` → `use1-az1`.
pub fn zone_id(zone: &str) -> String {
    let (region, letter) = zone.split_at(zone.len().saturating_sub(1));
    let parts: Vec<&str> = region.split('-').collect();
    let short: String = match parts.as_slice() {
        [area, side, number] => format!("{area}{}{number}", &side[..1]),
        _ => region.to_owned(),
    };
    let number = letter.bytes().next().map_or(0, |byte| byte.wrapping_sub(b'a') + 1);
    format!("{short}-az{number}")
}

pub fn describe_regions(world: &mut World, call: &Incoming<'_>) -> Reply {
    let filters = Filters::parse(call.params, &["region-name", "endpoint", "opt-in-status"])?;
    let named = call.params.list("RegionName");
    for name in &named {
        if !world.regions.contains(name) {
            return Err(invalid(format!("Invalid region provided. Valid regions are: {}", world.regions.join(", "))));
        }
    }
    let endpoint = |region: &str| format!("ec2.{region}.amazonaws.com");
    let rows = world
        .regions
        .iter()
        .filter(|region| named.is_empty() || named.contains(region))
        .filter(|region| {
            filters.pass(&Tags::new(), |name| {
                vec![match name {
                    "region-name" => (*region).clone(),
                    "endpoint" => endpoint(region),
                    _ => "opt-in-not-required".to_owned(),
                }]
            })
        })
        .map(|region| {
            vec![
                text("regionName", region),
                text("regionEndpoint", endpoint(region)),
                text("optInStatus", "opt-in-not-required"),
            ]
        });
    Ok(Done::xml(vec![items("regionInfo", rows)]))
}

pub fn describe_availability_zones(world: &mut World, call: &Incoming<'_>) -> Reply {
    let known = ["zone-name", "zone-id", "region-name", "state", "zone-type", "group-name", "opt-in-status"];
    let filters = Filters::parse(call.params, &known)?;
    let named = call.params.list("ZoneName");
    let region = world.regions.iter().find(|region| **region == call.caller.region).cloned().unwrap_or_default();
    let all = zones(&region);
    if let Some(bad) = named.iter().find(|name| !all.contains(name)) {
        return Err(invalid(format!("Invalid availability zone: [{bad}]")));
    }
    let rows = all
        .iter()
        .filter(|zone| named.is_empty() || named.contains(zone))
        .filter(|zone| {
            filters.pass(&Tags::new(), |name| {
                vec![match name {
                    "zone-name" => (*zone).clone(),
                    "zone-id" => zone_id(zone),
                    "region-name" | "group-name" => region.clone(),
                    "state" => "available".to_owned(),
                    "zone-type" => "availability-zone".to_owned(),
                    _ => "opt-in-not-required".to_owned(),
                }]
            })
        })
        .map(|zone| zone_xml(zone, &region));
    Ok(Done::xml(vec![items("availabilityZoneInfo", rows)]))
}

fn zone_xml(zone: &str, region: &str) -> Vec<Xml> {
    vec![
        text("zoneName", zone),
        text("zoneState", "available"),
        text("regionName", region),
        text("messageSet", ""),
        text("zoneId", zone_id(zone)),
        text("groupName", region),
        text("networkBorderGroup", region),
        text("zoneType", "availability-zone"),
        text("optInStatus", "opt-in-not-required"),
    ]
}

pub fn describe_account_attributes(world: &mut World, call: &Incoming<'_>) -> Reply {
    let named = call.params.list("AttributeName");
    let vpc = world
        .ec2
        .vpcs
        .values()
        .find(|vpc| vpc.default && vpc.home.region == call.caller.region && vpc.home.account == call.caller.account())
        .map_or_else(|| "none".to_owned(), |vpc| vpc.id.clone());
    let all = [
        ("supported-platforms", "VPC".to_owned()),
        ("default-vpc", vpc),
        ("max-instances", world.ec2.pokes.instance_limit.unwrap_or(20).to_string()),
        ("vpc-max-security-groups-per-interface", "5".to_owned()),
    ];
    if let Some(bad) = named.iter().find(|name| !all.iter().any(|(known, _)| known == name)) {
        return Err(Failure::bad("InvalidParameterValue", format!("Invalid attribute name: {bad}")));
    }
    let rows =
        all.iter().filter(|(name, _)| named.is_empty() || named.iter().any(|n| n == name)).map(|(name, value)| {
            vec![
                text("attributeName", name),
                node("attributeValueSet", vec![node("item", vec![text("attributeValue", value)])]),
            ]
        });
    Ok(Done::xml(vec![items("accountAttributeSet", rows)]))
}
