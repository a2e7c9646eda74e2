//! Auto Scaling: groups, launch configurations, warm pools and instance refreshes. The query protocol, version 2011-01-01.
//! Groups are put here by tests or made by clients; what launches is the replacements of a refresh.

mod life;
mod make;
pub mod refresh;

use super::World;
use super::ec2::Home;
use super::params::Params;
use super::reply::{Done, Failure, Incoming, Reply};
use super::throttle::Limit;
use super::xml::{Xml, node, text};
pub use life::settle;
use refresh::Refresh;
use std::collections::{BTreeMap, BTreeSet};

/// Groups and launch configurations by where they are and their names.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub groups: BTreeMap<(Home, String), Group>,
    /// The image of each.
    pub configurations: BTreeMap<(Home, String), String>,
    /// Images whose instances never become healthy.
    pub unhealthy: BTreeSet<String>,
    /// No rollback has an end that anybody wants.
    pub rollbacks_fail: bool,
}

/// A launch template as a group names it: its id or name, and its version.
pub type Named = (String, String);

/// An Auto Scaling group.
#[derive(Debug, Clone, Default)]
pub struct Group {
    pub template: Option<Named>,
    pub configuration: Option<String>,
    pub mixed: Option<Mixed>,
    /// The instances of its warm pool; none where it has no pool.
    pub warm: Option<Vec<String>>,
    /// What those were launched from.
    pub warm_template: Option<Named>,
    /// Its instances.
    pub members: Vec<Member>,
    /// Processes that are suspended.
    pub suspended: Vec<String>,
    /// Refreshes, oldest first.
    pub refreshes: Vec<Refresh>,
}

/// An instance of a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Member {
    pub id: String,
    /// What it was launched from.
    pub template: Option<Named>,
    pub protected: bool,
    pub standby: bool,
}

/// A policy of mixed instances.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mixed {
    pub template: Named,
    pub overrides: Vec<Override>,
    /// `InstancesDistribution`, as it was given.
    pub distribution: BTreeMap<String, String>,
}

/// What an override launches from, where that is not the policy's template.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Override {
    pub template: Option<Named>,
    pub image: Option<String>,
    /// Its instance type, where that is not m7i.large.
    pub kind: Option<String>,
}

pub fn handle(world: &mut World, call: &Incoming<'_>) -> Reply {
    match call.action {
        "DescribeAutoScalingGroups" => groups(world, call),
        "DescribeLaunchConfigurations" => configurations(world, call),
        "DescribeWarmPool" => warm_pool(world, call),
        "CreateAutoScalingGroup" => make::create_group(world, call),
        "StartInstanceRefresh" => refresh::start(world, call),
        "DescribeInstanceRefreshes" => refresh::describe(world, call),
        "CancelInstanceRefresh" => refresh::cancel(world, call),
        "RollbackInstanceRefresh" => refresh::roll_back(world, call),
        _ => Err(Failure::unknown("InvalidAction", call.action)),
    }
}

/// Nothing is published; the SDK's users report a few calls a second with a large burst.
pub fn limit(_action: &str) -> Limit {
    Limit { bucket: "autoscaling", size: 100.0, refill: 20.0 }
}

fn groups(world: &World, call: &Incoming<'_>) -> Reply {
    let home = Home::of(call.caller);
    let wanted = call.params.list("AutoScalingGroupNames.member");
    let ours = world
        .autoscaling
        .groups
        .iter()
        .filter(|((at, name), _)| *at == home && (wanted.is_empty() || wanted.contains(name)));
    let ours: Vec<(&String, &Group)> = ours.map(|((_, name), group)| (name, group)).collect();
    let (page, next) = page(ours, call.params, 50, 100, |(name, _)| (*name).clone())?;
    let mut out =
        vec![members("AutoScalingGroups", page.iter().map(|(name, group)| group_xml(world, &home, name, group)))];
    out.extend(next);
    Ok(Done::xml(out))
}

fn arn(home: &Home, resource: &str) -> String {
    format!("arn:aws:autoscaling:{}:{}:{resource}", home.region, home.account)
}

fn group_xml(world: &World, home: &Home, name: &str, group: &Group) -> Vec<Xml> {
    let capacity = if group.members.is_empty() { 2 } else { group.members.len() };
    let mut out = vec![
        text("AutoScalingGroupName", name),
        text("MinSize", 1),
        text("MaxSize", capacity + 1),
        text("DesiredCapacity", capacity),
    ];
    out.extend([
        text("AutoScalingGroupARN", arn(home, &format!("autoScalingGroup:1:autoScalingGroupName/{name}"))),
        text("DefaultCooldown", 300),
        text("HealthCheckType", "EC2"),
        text("CreatedTime", "2026-01-01T00:00:00Z"),
    ]);
    out.extend(group.configuration.as_ref().map(|name| text("LaunchConfigurationName", name)));
    out.extend(group.template.as_ref().map(|template| node("LaunchTemplate", specification(world, home, template))));
    out.extend(group.mixed.as_ref().map(|mixed| node("MixedInstancesPolicy", mixed_xml(world, home, mixed))));
    out.push(members("Instances", group.members.iter().map(|member| member_xml(world, home, member))));
    let suspended = group.suspended.iter().map(|process| {
        vec![text("ProcessName", process), text("SuspensionReason", "User suspended at 2026-01-01T00:00:00Z")]
    });
    out.push(members("SuspendedProcesses", suspended));
    if let Some(warm) = &group.warm {
        out.push(node("WarmPoolConfiguration", vec![text("MinSize", warm.len()), text("PoolState", "Stopped")]));
        out.push(text("WarmPoolSize", warm.len()));
    }
    out
}

fn mixed_xml(world: &World, home: &Home, mixed: &Mixed) -> Vec<Xml> {
    let overrides = mixed.overrides.iter().map(|of| {
        let mut out = vec![text("InstanceType", of.kind.as_deref().unwrap_or("m7i.large"))];
        let own = of.template.as_ref().map(|template| specification(world, home, template));
        out.extend(own.map(|own| node("LaunchTemplateSpecification", own)));
        out.extend(of.image.as_ref().map(|image| text("ImageId", image)));
        out
    });
    let own = node("LaunchTemplateSpecification", specification(world, home, &mixed.template));
    let template = vec![own, members("Overrides", overrides)];
    let mut out = vec![node("LaunchTemplate", template)];
    if !mixed.distribution.is_empty() {
        let values = mixed.distribution.iter().map(|(key, value)| text(key, value)).collect();
        out.push(node("InstancesDistribution", values));
    }
    out
}

fn member_xml(world: &World, home: &Home, member: &Member) -> Vec<Xml> {
    let mut out = vec![
        text("InstanceId", &member.id),
        text("AvailabilityZone", "us-east-1a"),
        text("LifecycleState", if member.standby { "Standby" } else { "InService" }),
        text("HealthStatus", "Healthy"),
        text("ProtectedFromScaleIn", member.protected),
    ];
    let own = member.template.as_ref().map(|template| specification(world, home, template));
    out.extend(own.map(|own| node("LaunchTemplate", own)));
    out
}

/// A template as answers name it: by its id and its name, whichever of them it was given by. One that is gone is named as it
/// was.
fn specification(world: &World, home: &Home, (template, version): &Named) -> Vec<Xml> {
    let id = match template.starts_with("lt-") {
        true => Some(template.clone()),
        false => world.ec2.template_named(home, template),
    };
    let name = match &id {
        Some(id) => world.ec2.templates.contains_key(id).then(|| world.ec2.template_name(id)),
        None => Some(template.clone()),
    };
    let mut out: Vec<Xml> = id.map(|id| text("LaunchTemplateId", id)).into_iter().collect();
    out.extend(name.map(|name| text("LaunchTemplateName", name)));
    if !version.is_empty() {
        out.push(text("Version", version));
    }
    out
}

fn configurations(world: &World, call: &Incoming<'_>) -> Reply {
    let home = Home::of(call.caller);
    let wanted = call.params.list("LaunchConfigurationNames.member");
    let ours = world
        .autoscaling
        .configurations
        .iter()
        .filter(|((at, name), _)| *at == home && (wanted.is_empty() || wanted.contains(name)));
    let ours: Vec<(&String, &String)> = ours.map(|((_, name), image)| (name, image)).collect();
    let (page, next) = page(ours, call.params, 50, 100, |(name, _)| (*name).clone())?;
    let rows = page.iter().map(|(name, image)| {
        let arn = arn(&home, &format!("launchConfiguration:1:launchConfigurationName/{name}"));
        vec![text("LaunchConfigurationName", name), text("LaunchConfigurationARN", arn), text("ImageId", image)]
    });
    let mut out = vec![members("LaunchConfigurations", rows)];
    out.extend(next);
    Ok(Done::xml(out))
}

fn warm_pool(world: &World, call: &Incoming<'_>) -> Reply {
    let home = Home::of(call.caller);
    let name = call.params.get("AutoScalingGroupName").unwrap_or_default();
    let group = world.autoscaling.groups.get(&(home.clone(), name.to_owned()));
    let group = group.ok_or_else(|| invalid("Group not found".to_owned()))?;
    let all: Vec<&String> = group.warm.iter().flatten().collect();
    let (page, next) = page(all, call.params, 50, 50, |id| (*id).clone())?;
    let rows = page.iter().map(|id| {
        let mut row = vec![
            text("InstanceId", id),
            text("AvailabilityZone", "us-east-1a"),
            text("LifecycleState", "Warmed:Stopped"),
            text("HealthStatus", "Healthy"),
        ];
        let own = group.warm_template.as_ref().map(|template| specification(world, &home, template));
        row.extend(own.map(|own| node("LaunchTemplate", own)));
        row
    });
    let mut out = vec![members("Instances", rows)];
    out.extend(next);
    Ok(Done::xml(out))
}

fn members(name: &str, rows: impl IntoIterator<Item = Vec<Xml>>) -> Xml {
    node(name, rows.into_iter().map(|row| node("member", row)).collect())
}

fn page<T>(
    items: Vec<T>,
    params: &Params,
    default: u64,
    most: u64,
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<Xml>), Failure> {
    let size = params.number("MaxRecords")?.unwrap_or(default);
    if !(1..=most).contains(&size) {
        return Err(invalid(format!("The number of records must be at most {most}")));
    }
    let after = params.get("NextToken").map(str::to_owned);
    let mut left: Vec<T> =
        items.into_iter().filter(|item| after.as_ref().is_none_or(|after| key(item) > *after)).collect();
    let rest = left.split_off(left.len().min(size as usize));
    let next = left.last().filter(|_| !rest.is_empty()).map(|last| text("NextToken", key(last)));
    Ok((left, next))
}

fn invalid(message: String) -> Failure {
    Failure::bad("ValidationError", message)
}
