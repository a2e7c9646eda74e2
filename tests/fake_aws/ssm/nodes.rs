//! Instances as Systems Manager sees them: through their agents.

use super::super::World;
use super::super::ec2::model::{Home, Instance, InstanceState};
use super::arguments::{Arguments, page};
use super::commands::send;
use super::refusal::{Answer, Refusal};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// How long an agent may be silent before it counts as lost: "Understanding the ping status" in the user guide.
const SILENCE: Duration = Duration::from_secs(5 * 60);

/// Whether the agent can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// With the moment its operating system came up.
    Online(Instant),
    Offline,
    /// The instance does not run any more, and no command can reach it.
    Gone,
}

/// Since when the operating system under the agent is up.
pub fn up_since(world: &World, instance: &str, now: Instant) -> Option<Instant> {
    world.ec2.instances.get(instance)?.up_since(now)
}

/// Since when the agent answers; none while it does not.
fn online_since(world: &World, instance: &Instance, now: Instant) -> Option<Instant> {
    let mute = world.ssm.mute.contains(&instance.id) || world.ssm.all_mute;
    let lost = world.ssm.lost.get(&instance.id).is_some_and(|at| *at <= now);
    if mute || lost || instance.profile.is_none() {
        return None;
    }
    Some(instance.up_since(now)? + world.latencies.agent).filter(|at| *at <= now)
}

pub fn presence(world: &World, home: &Home, instance: &str, now: Instant) -> Presence {
    let Some(found) = world.ec2.instances.get(instance).filter(|found| found.home == *home) else {
        return Presence::Gone;
    };
    match found.state.at(now) {
        InstanceState::Pending | InstanceState::Running => {}
        _ => return Presence::Gone,
    }
    match (online_since(world, found, now), found.up_since(now)) {
        (Some(_), Some(up_since)) => Presence::Online(up_since),
        _ => Presence::Offline,
    }
}

/// When the agent first answered, if it ever did. Registration outlives a stop.
fn registered(world: &World, instance: &Instance, now: Instant) -> Option<Instant> {
    if world.ssm.mute.contains(&instance.id) || world.ssm.all_mute || instance.profile.is_none() {
        return None;
    }
    let first = instance.state.first(now, &InstanceState::Running)? + world.latencies.agent;
    // It has to have been up for that long.
    (first <= now && instance.up_since(first).is_some()).then_some(first)
}

/// When it was last heard of.
fn last_ping(world: &World, instance: &Instance, now: Instant) -> Option<Instant> {
    if online_since(world, instance, now).is_some() {
        return Some(now);
    }
    if let Some(lost) = world.ssm.lost.get(&instance.id).filter(|at| **at <= now) {
        return Some(*lost);
    }
    // While it was up, until it was stopped or rebooted.
    let first = registered(world, instance, now)?;
    match instance.up_since(now) {
        Some(up_since) => Some(up_since.max(first)),
        None => Some(instance.state.since(now).max(first)),
    }
}

/// What `SendCommand` asks.
pub struct Managed<'a> {
    pub world: &'a World,
    pub home: &'a Home,
    pub now: Instant,
}

impl send::Fleet for Managed<'_> {
    fn is_managed(&self, instance: &str) -> bool {
        self.world.ec2.instances.get(instance).is_some_and(|found| {
            found.home == *self.home
                && found.is(self.now, InstanceState::Running)
                && registered(self.world, found, self.now).is_some()
        })
    }

    fn tagged(&self, key: &str, values: &[String]) -> Vec<String> {
        let ids = self.world.ec2.instances.keys().filter(|id| self.is_managed(id));
        let tagged = ids.filter(|id| {
            self.world.ec2.tags_at(id, self.now).get(key).is_some_and(|tag| values.iter().any(|value| value == tag))
        });
        tagged.cloned().collect()
    }
}

struct Filter {
    key: String,
    values: Vec<String>,
}

/// `DescribeInstanceInformation`.
pub fn describe(world: &World, home: &Home, arguments: &Arguments, now: Instant) -> Answer {
    let least = 5;
    let size = arguments.bounded("MaxResults", least, 50)?.unwrap_or(10) as usize;
    let filters = filters(arguments)?;
    let mut found = Vec::new();
    for instance in world.ec2.instances.values() {
        if instance.home != *home || instance.is(now, InstanceState::Terminated) {
            continue;
        }
        let (Some(since), Some(ping)) = (registered(world, instance, now), last_ping(world, instance, now)) else {
            continue;
        };
        let status = if now - ping < SILENCE { "Online" } else { "ConnectionLost" };
        if filters.iter().all(|filter| admits(world, instance, status, filter, now)) {
            found.push((instance, since, ping, status));
        }
    }
    let (page, next) = page(found, arguments.text("NextToken")?, size)?;
    let list = page.into_iter().map(|(instance, since, ping, status)| {
        json!({
            "InstanceId": instance.id,
            "PingStatus": status,
            "LastPingDateTime": world.clock.epoch(ping),
            "AgentVersion": "3.3.2299.0",
            "IsLatestVersion": false,
            "PlatformType": "Linux",
            "PlatformName": "Amazon Linux",
            "PlatformVersion": "2023",
            "ResourceType": "EC2Instance",
            "IPAddress": instance.private_ip,
            "ComputerName": format!("ip-{}.ec2.internal", instance.private_ip.replace('.', "-")),
            "RegistrationDate": world.clock.epoch(since),
            "SourceId": instance.id,
            "SourceType": "AWS::EC2::Instance",
        })
    });
    let mut answer = json!({ "InstanceInformationList": list.collect::<Vec<Value>>() });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

/// Both forms of filters, which exclude each other.
fn filters(arguments: &Arguments) -> Result<Vec<Filter>, Refusal> {
    let new = arguments.structures("Filters")?;
    let old = arguments.structures("InstanceInformationFilterList")?;
    if !new.is_empty() && !old.is_empty() {
        return Err(Refusal::new("InvalidInstanceInformationFilterValue", "Use one kind of filters, not both."));
    }
    let mut filters = Vec::new();
    let read = new.iter().map(|filter| (filter, "Key", "Values")).chain(old.iter().map(|f| (f, "key", "valueSet")));
    for (filter, key, values) in read {
        let (key, values) = (filter.required(key)?.to_owned(), filter.some_texts(values, 100)?);
        if !["InstanceIds", "PingStatus", "PlatformTypes", "ResourceType", "AgentVersion", "tag-key"]
            .contains(&key.as_str())
            && !key.starts_with("tag:")
        {
            return Err(Refusal::new("InvalidFilterKey", format!("The specified key isn't valid: {key}.")));
        }
        if key == "InstanceIds" && values.iter().any(|id| !is_instance_id(id)) {
            return Err(Refusal::new(
                "InvalidInstanceInformationFilterValue",
                "The specified filter value isn't valid.",
            ));
        }
        filters.push(Filter { key, values });
    }
    Ok(filters)
}

fn is_instance_id(id: &str) -> bool {
    let digits = id.strip_prefix("i-").unwrap_or_default();
    matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn admits(world: &World, instance: &Instance, status: &str, filter: &Filter, now: Instant) -> bool {
    let any = |text: &str| filter.values.iter().any(|value| value == text);
    match filter.key.strip_prefix("tag:") {
        Some(tag) => world.ec2.tags_at(&instance.id, now).get(tag).is_some_and(|value| any(value)),
        None => match filter.key.as_str() {
            "InstanceIds" => any(&instance.id),
            "PingStatus" => any(status),
            "PlatformTypes" => any("Linux"),
            "ResourceType" => any("EC2Instance"),
            "tag-key" => world.ec2.tags_at(&instance.id, now).keys().any(|key| any(key)),
            _ => any("3.3.2299.0"),
        },
    }
}
