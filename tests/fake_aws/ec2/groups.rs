//! Security groups.

use super::super::World;
use super::super::params::Params;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{Xml, items, text};
use super::errors::{check_id, combination, invalid, missing, not_found};
use super::filters::Filters;
use super::model::{Group, Home, Rule, Tags};
use super::page::page;
use super::tags;

const FILTERS: &[&str] = &["group-id", "group-name", "vpc-id", "description", "owner-id", "ip-permission.cidr"];

fn attribute(group: &Group, name: &str) -> Vec<String> {
    match name {
        "group-id" => vec![group.id.clone()],
        "group-name" => vec![group.name.clone()],
        "vpc-id" => vec![group.vpc.clone()],
        "description" => vec![group.description.clone()],
        "owner-id" => vec![group.home.account.clone()],
        _ => group.ingress.iter().flat_map(|rule| rule.cidrs.clone()).collect(),
    }
}

fn rule_xml(rule: &Rule, account: &str) -> Vec<Xml> {
    let mut out = vec![text("ipProtocol", &rule.protocol)];
    out.extend(rule.from.as_ref().map(|port| text("fromPort", port)));
    out.extend(rule.to.as_ref().map(|port| text("toPort", port)));
    out.push(items("groups", rule.groups.iter().map(|id| vec![text("userId", account), text("groupId", id)])));
    out.push(items("ipRanges", rule.cidrs.iter().map(|cidr| vec![text("cidrIp", cidr)])));
    out.extend([text("ipv6Ranges", ""), text("prefixListIds", "")]);
    out
}

fn xml(group: &Group, tags: &Tags) -> Vec<Xml> {
    let everywhere = Rule {
        protocol: "-1".to_owned(),
        from: None,
        to: None,
        cidrs: vec!["0.0.0.0/0".to_owned()],
        groups: Vec::new(),
    };
    let account = &group.home.account;
    vec![
        text("ownerId", account),
        text("groupId", &group.id),
        text("groupName", &group.name),
        text("groupDescription", &group.description),
        text("vpcId", &group.vpc),
        items("ipPermissions", group.ingress.iter().map(|rule| rule_xml(rule, account))),
        items("ipPermissionsEgress", [rule_xml(&everywhere, account)]),
        tags::xml(tags),
    ]
}

pub fn describe_security_groups(world: &mut World, call: &Incoming<'_>) -> Reply {
    let filters = Filters::parse(call.params, FILTERS)?;
    let (ids, names, home) = (call.params.list("GroupId"), call.params.list("GroupName"), Home::of(call.caller));
    for id in &ids {
        check_id("sg-", id)?;
        if !world.ec2.groups.get(id).is_some_and(|group| group.home == home && group.visible <= call.now) {
            return Err(not_found("sg-", id));
        }
    }
    for name in &names {
        if !world
            .ec2
            .groups
            .values()
            .any(|group| group.home == home && group.name == *name && group.visible <= call.now)
        {
            let message = format!("The security group '{name}' does not exist in default VPC");
            return Err(Failure::bad("InvalidGroup.NotFound", message));
        }
    }
    let seen = world.seen_at(call.now);
    let found: Vec<(&Group, Tags)> = world
        .ec2
        .groups
        .values()
        .filter(|group| group.home == home && group.visible <= call.now)
        .filter(|group| ids.is_empty() || ids.contains(&group.id))
        .filter(|group| names.is_empty() || names.contains(&group.name))
        .map(|group| (group, world.ec2.tags_at(&group.id, seen)))
        .filter(|(group, tags)| filters.pass(tags, |name| attribute(group, name)))
        .collect();
    let page = page(found, call.params, "GroupId", |(group, _)| group.id.clone())?;
    let mut out = vec![items("securityGroupInfo", page.items.iter().map(|(group, tags)| xml(group, tags)))];
    out.extend(page.next());
    Ok(Done::xml(out))
}

pub fn create_security_group(world: &mut World, call: &Incoming<'_>) -> Reply {
    let (now, home, params) = (call.now, Home::of(call.caller), call.params);
    let name = params.get("GroupName").ok_or_else(|| missing("GroupName"))?.to_owned();
    let description = params.get("GroupDescription").ok_or_else(|| missing("GroupDescription"))?.to_owned();
    if name.chars().count() > 255 || name.starts_with("sg-") {
        return Err(invalid("Invalid group name: up to 255 characters, not starting with 'sg-'"));
    }
    let vpc = match params.get("VpcId") {
        Some(id) => {
            check_id("vpc-", id)?;
            let found = world.ec2.vpcs.get(id).filter(|vpc| vpc.home == home);
            found.ok_or_else(|| not_found("vpc-", id))?.id.clone()
        }
        None => {
            let default = world.ec2.vpcs.values().find(|vpc| vpc.home == home && vpc.default);
            default.ok_or_else(|| Failure::bad("VPCIdNotSpecified", "No default VPC for this user."))?.id.clone()
        }
    };
    if world.ec2.groups.values().any(|group| group.vpc == vpc && group.name == name) {
        let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
        return Err(Failure::bad("InvalidGroup.Duplicate", message));
    }
    let specified = tags::specified(call, &["security-group"])?;
    let id = world.id("sg");
    let visible = world.visible_at(now);
    let group = Group { id: id.clone(), home, vpc, name, description, visible, ingress: Vec::new() };
    world.ec2.groups.insert(id.clone(), group);
    let tags = specified.of("security-group");
    world.ec2.set_tags(&id, now, tags.clone());
    let out = vec![text("return", true), text("groupId", &id), tags::xml(&tags)];
    Ok(Done::xml(out).made([id]).needs(specified.permissions()))
}

/// The group that a call names by id, or by name in the default VPC.
fn named(world: &World, call: &Incoming<'_>) -> Result<String, Failure> {
    let home = Home::of(call.caller);
    let seen = |group: &&Group| group.home == home && group.visible <= call.now;
    let params = call.params;
    match (params.get("GroupId"), params.get("GroupName")) {
        (Some(id), _) => {
            check_id("sg-", id)?;
            Ok(world.ec2.groups.get(id).filter(seen).ok_or_else(|| not_found("sg-", id))?.id.clone())
        }
        (None, Some(name)) => {
            let found = world.ec2.groups.values().filter(seen).find(|group| group.name == name);
            let message = format!("The security group '{name}' does not exist in default VPC");
            Ok(found.ok_or_else(|| Failure::bad("InvalidGroup.NotFound", message))?.id.clone())
        }
        (None, None) => Err(combination("The request must contain the parameter groupName or groupId")),
    }
}

fn rule(member: &Params) -> Result<Rule, Failure> {
    let pick = |list: &str, name: &str| -> Vec<String> {
        member.members(list).iter().filter_map(|one| one.get(name)).map(str::to_owned).collect()
    };
    let mut cidrs = pick("IpRanges", "CidrIp");
    cidrs.extend(member.get("CidrIp").map(str::to_owned));
    if let Some(bad) = cidrs.iter().find(|cidr| !is_cidr(cidr)) {
        return Err(invalid(format!("CIDR block {bad} is malformed")));
    }
    Ok(Rule {
        protocol: member.get("IpProtocol").ok_or_else(|| missing("ipProtocol"))?.to_owned(),
        from: member.get("FromPort").map(str::to_owned),
        to: member.get("ToPort").map(str::to_owned),
        groups: pick("Groups", "GroupId"),
        cidrs,
    })
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    address.parse::<std::net::Ipv4Addr>().is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= 32)
}

pub fn authorize_security_group_ingress(world: &mut World, call: &Incoming<'_>) -> Reply {
    let id = named(world, call)?;
    let mut rules = call.params.members("IpPermissions").iter().map(rule).collect::<Result<Vec<_>, _>>()?;
    if call.params.get("IpProtocol").is_some() {
        rules.push(rule(call.params)?);
    }
    if rules.is_empty() {
        return Err(missing("ipPermissions"));
    }
    let group = world.ec2.groups.get_mut(&id).ok_or_else(|| not_found("sg-", &id))?;
    if let Some(twice) = rules.iter().find(|rule| group.ingress.contains(rule)) {
        let message = format!(
            "the specified rule \"peer: {}, {}, from port: {}, to port: {}, ALLOW\" already exists",
            twice.cidrs.join(","),
            twice.protocol,
            twice.from.as_deref().unwrap_or("-1"),
            twice.to.as_deref().unwrap_or("-1")
        );
        return Err(Failure::bad("InvalidPermission.Duplicate", message));
    }
    group.ingress.extend(rules);
    Ok(Done::xml(vec![text("return", true), text("securityGroupRuleSet", "")]).made([id]))
}

pub fn delete_security_group(world: &mut World, call: &Incoming<'_>) -> Reply {
    let id = named(world, call)?;
    if world.ec2.groups.get(&id).is_some_and(|group| group.name == "default") {
        let message = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(Failure::bad("CannotDelete", message));
    }
    if world.ec2.interfaces.values().any(|interface| interface.groups.contains(&id)) {
        return Err(Failure::bad("DependencyViolation", format!("resource {id} has a dependent object")));
    }
    world.ec2.groups.remove(&id);
    world.ec2.tags.remove(&id);
    Ok(Done::xml(vec![text("return", true), text("groupId", &id)]).made([id]))
}
