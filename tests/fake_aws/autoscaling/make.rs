//! Making groups. Their instances are names alone: no EC2 instance is behind them, but for those that tests put there.

use super::super::World;
use super::super::params::Params;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::{Group, Home, Member, Mixed, Named, Override, invalid};

pub fn create_group(world: &mut World, call: &Incoming<'_>) -> Reply {
    let name = required(call.params, "AutoScalingGroupName")?;
    for size in ["MinSize", "MaxSize"] {
        required(call.params, size)?;
    }
    let key = (Home::of(call.caller), name.clone());
    if world.autoscaling.groups.contains_key(&key) {
        let message = "AutoScalingGroup by this name already exists - A group with the given name already exists";
        return Err(Failure::bad("AlreadyExists", message));
    }
    let template = named(&call.params.group("LaunchTemplate"));
    let mixed = mixed(&call.params.group("MixedInstancesPolicy"));
    let source = mixed.as_ref().map(|mixed| mixed.template.clone()).or_else(|| template.clone());
    let source = source.ok_or_else(|| {
        let all = "LaunchConfigurationName, LaunchTemplate, InstanceId or MixedInstancesPolicy";
        invalid(format!("Valid requests must contain either {all} parameter."))
    })?;
    if world.ec2.template_image(&key.0, &source.0, &source.1).is_none() {
        return Err(invalid("You must use a valid fully-formed launch template. It does not exist.".to_owned()));
    }
    let least = call.params.number("MinSize")?.unwrap_or(0);
    let capacity = call.params.number("DesiredCapacity")?.unwrap_or(least);
    let members =
        (0..capacity).map(|_| Member { id: world.id("i"), template: Some(source.clone()), ..Member::default() });
    let members = members.collect();
    world.autoscaling.groups.insert(key, Group { template, mixed, members, ..Group::default() });
    Ok(Done::xml(Vec::new()).made([name]))
}

pub(super) fn required(params: &Params, name: &str) -> Result<String, Failure> {
    let missing = || {
        let member = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
        let why = "Value null failed to satisfy constraint: Member must not be null";
        invalid(format!("1 validation error detected: Value at '{member}' failed: {why}"))
    };
    params.get(name).map(str::to_owned).ok_or_else(missing)
}

/// A launch template as a group names it.
pub(super) fn named(params: &Params) -> Option<Named> {
    let template = params.get("LaunchTemplateId").or(params.get("LaunchTemplateName"))?;
    Some((template.to_owned(), params.get("Version").unwrap_or_default().to_owned()))
}

pub(super) fn mixed(params: &Params) -> Option<Mixed> {
    let template = params.group("LaunchTemplate");
    let overrides = template.members("Overrides.member");
    let overrides = overrides.iter().map(|of| Override {
        template: named(&of.group("LaunchTemplateSpecification")),
        image: of.get("ImageId").map(str::to_owned),
        kind: of.get("InstanceType").map(str::to_owned),
    });
    let distribution = params.group("InstancesDistribution");
    let value = |name: &str| Some((name.to_owned(), distribution.get(name)?.to_owned()));
    Some(Mixed {
        template: named(&template.group("LaunchTemplateSpecification"))?,
        overrides: overrides.collect(),
        distribution: distribution.names().filter_map(value).collect(),
    })
}
