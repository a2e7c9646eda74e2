//! Tags: their rules, and the calls about them.

use super::super::World;
use super::super::params::Params;
use super::super::pipeline::allowed;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{Xml, items, text};
use super::errors::{invalid, missing, not_found};
use super::filters::Filters;
use super::model::{Home, Tags};
use super::page::page;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// "Tag restrictions": 50 a resource, keys up to 128 characters, values up to 256.
const MOST: usize = 50;

/// `Tag.N.Key`, `Tag.N.Value`, by the rules.
fn read(params: &Params) -> Result<Tags, Failure> {
    let mut tags = Tags::new();
    for member in params.members("Tag") {
        let key = member.get("Key").ok_or_else(|| missing("Tag.Key"))?.to_owned();
        let value = member.raw("Value").unwrap_or_default().to_owned();
        if key.chars().count() > 128 {
            return Err(invalid(format!("Tag key exceeds the maximum length of 128 characters: {key}")));
        }
        if value.chars().count() > 256 {
            return Err(invalid(format!("Tag value exceeds the maximum length of 256 characters: {value}")));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("Tag keys starting with 'aws:' are reserved for internal use"));
        }
        if tags.insert(key.clone(), value).is_some() {
            return Err(invalid(format!("Duplicate tag key '{key}' specified.")));
        }
    }
    limit(&tags)?;
    Ok(tags)
}

fn limit(tags: &Tags) -> Result<(), Failure> {
    if tags.len() > MOST {
        let message = format!("You have reached the maximum number of tags ({MOST}) for this resource.");
        return Err(Failure::bad("TagLimitExceeded", message));
    }
    Ok(())
}

/// `TagSpecification.N`: resource type → tags.
pub struct Specified(BTreeMap<String, Tags>);

impl Specified {
    pub fn of(&self, kind: &str) -> Tags {
        self.0.get(kind).cloned().unwrap_or_default()
    }

    /// The IAM actions that they need.
    pub fn permissions(&self) -> Vec<String> {
        if self.0.is_empty() { Vec::new() } else { vec!["ec2:CreateTags".to_owned()] }
    }
}

/// The tags for what the call makes; `kinds` are the resource types that it can tag.
pub fn specified(call: &Incoming<'_>, kinds: &[&str]) -> Result<Specified, Failure> {
    let mut all = BTreeMap::new();
    for member in call.params.members("TagSpecification") {
        let kind = member.get("ResourceType").ok_or_else(|| missing("TagSpecification.ResourceType"))?.to_owned();
        if !kinds.contains(&kind.as_str()) {
            return Err(invalid(format!("'{kind}' is not a valid taggable resource type for this operation.")));
        }
        let tags = read(&member)?;
        if tags.is_empty() {
            return Err(invalid("Tag specification must have at least one tag"));
        }
        if all.insert(kind.clone(), tags).is_some() {
            return Err(invalid(format!("'{kind}' is specified more than once in the tag specifications")));
        }
    }
    if !all.is_empty() {
        allowed(call.caller, "ec2:CreateTags")?;
    }
    Ok(Specified(all))
}

/// `<tagSet>`.
pub fn xml(tags: &Tags) -> Xml {
    items("tagSet", tags.iter().map(|(key, value)| vec![text("key", key), text("value", value)]))
}

/// Kind and prefix of what can be tagged.
const KINDS: &[(&str, &str)] = &[
    ("i-", "instance"),
    ("ami-", "image"),
    ("snap-", "snapshot"),
    ("vol-", "volume"),
    ("eni-", "network-interface"),
    ("sg-", "security-group"),
    ("subnet-", "subnet"),
    ("vpc-", "vpc"),
    ("vpce-", "vpc-endpoint"),
    ("rtb-", "route-table"),
    ("key-", "key-pair"),
    ("sir-", "spot-instances-request"),
];

fn kind_of(id: &str) -> Option<(&'static str, &'static str)> {
    KINDS.iter().copied().find(|(prefix, _)| id.starts_with(prefix))
}

/// Whether the caller's account has that resource, and can see it by now.
fn exists(world: &World, id: &str, home: &Home, now: Instant) -> bool {
    let ec2 = &world.ec2;
    let own = |theirs: &Home, visible: Instant| theirs == home && visible <= now;
    match kind_of(id).map(|(_, kind)| kind) {
        Some("instance") => ec2.instances.get(id).is_some_and(|found| own(&found.home, found.visible)),
        Some("image") => ec2.images.get(id).is_some_and(|found| own(&found.home, found.visible)),
        Some("snapshot") => ec2.snapshots.get(id).is_some_and(|found| own(&found.home, found.visible)),
        Some("volume") => ec2.volumes.get(id).is_some_and(|found| own(&found.home, found.visible)),
        Some("network-interface") => ec2.interfaces.get(id).is_some_and(|found| own(&found.home, found.visible)),
        Some("security-group") => ec2.groups.get(id).is_some_and(|found| own(&found.home, found.visible)),
        Some("subnet") => ec2.subnets.get(id).is_some_and(|found| own(&found.home, now)),
        Some("vpc") => ec2.vpcs.get(id).is_some_and(|found| own(&found.home, now)),
        Some("vpc-endpoint") => ec2.endpoints.get(id).is_some_and(|found| own(&found.home, now)),
        Some("route-table") => ec2.route_tables.get(id).is_some_and(|found| own(&found.home, now)),
        Some("key-pair") => ec2.key_pairs.get(id).is_some_and(|found| own(&found.home, now)),
        Some("spot-instances-request") => ec2.spot_requests.get(id).is_some_and(|found| own(&found.home, now)),
        _ => false,
    }
}

/// The resources of a call, all of which must be there.
fn resources(world: &World, call: &Incoming<'_>) -> Result<Vec<String>, Failure> {
    let ids = call.params.list("ResourceId");
    if ids.is_empty() {
        return Err(missing("resourceIdSet"));
    }
    let home = Home::of(call.caller);
    for id in &ids {
        let Some((prefix, _)) = kind_of(id) else {
            return Err(Failure::bad("InvalidID", format!("The ID '{id}' is not valid")));
        };
        if !exists(world, id, &home, call.now) {
            return Err(not_found(prefix, id));
        }
    }
    Ok(ids)
}

fn done() -> Vec<Xml> {
    vec![text("return", true)]
}

pub fn create_tags(world: &mut World, call: &Incoming<'_>) -> Reply {
    let ids = resources(world, call)?;
    let tags = read(call.params)?;
    if tags.is_empty() {
        return Err(missing("tagSet"));
    }
    let mut merged = Vec::new();
    for id in &ids {
        let mut all = world.ec2.tags_at(id, call.now);
        all.extend(tags.clone());
        limit(&all)?;
        merged.push((id.clone(), all));
    }
    for (id, all) in merged {
        world.ec2.set_tags(&id, call.now, all);
    }
    Ok(Done::xml(done()).made(ids))
}

pub fn delete_tags(world: &mut World, call: &Incoming<'_>) -> Reply {
    let ids = resources(world, call)?;
    let wanted: Vec<(Option<String>, Option<String>)> = call
        .params
        .members("Tag")
        .iter()
        .map(|tag| (tag.get("Key").map(str::to_owned), tag.raw("Value").map(str::to_owned)))
        .collect();
    for id in &ids {
        let mut tags = world.ec2.tags_at(id, call.now);
        tags.retain(|key, value| {
            // Without tags in the call all go; with a value only those that have it.
            let hit = |(wanted, with): &(Option<String>, Option<String>)| {
                wanted.as_ref() == Some(key) && with.as_ref().is_none_or(|with| with == value)
            };
            !(wanted.is_empty() || wanted.iter().any(hit))
        });
        world.ec2.set_tags(id, call.now, tags);
    }
    Ok(Done::xml(done()).made(ids))
}

pub fn describe_tags(world: &mut World, call: &Incoming<'_>) -> Reply {
    let filters = Filters::parse(call.params, &["key", "value", "resource-id", "resource-type"])?;
    let (home, seen) = (Home::of(call.caller), world.seen_at(call.now));
    let mut rows = Vec::new();
    for id in world.ec2.tags.keys() {
        let Some((_, kind)) = kind_of(id).filter(|_| exists(world, id, &home, call.now)) else { continue };
        for (key, value) in world.ec2.tags_at(id, seen) {
            let own: Tags = [(key.clone(), value.clone())].into();
            let pass = filters.pass(&own, |name| {
                vec![match name {
                    "key" => key.clone(),
                    "value" => value.clone(),
                    "resource-id" => id.clone(),
                    _ => kind.to_owned(),
                }]
            });
            if pass {
                rows.push((id.clone(), kind, key, value));
            }
        }
    }
    let page = page(rows, call.params, "", |(id, _, key, _)| format!("{id} {key}"))?;
    let rows = page.items.iter().map(|(id, kind, key, value)| {
        vec![text("resourceId", id), text("resourceType", kind), text("key", key), text("value", value)]
    });
    let mut out = vec![items("tagSet", rows)];
    out.extend(page.next());
    Ok(Done::xml(out))
}
