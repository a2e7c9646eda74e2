//! What can be changed about an instance.

use super::super::World;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{Xml, items, node, text};
use super::errors::{check_id, combination, invalid, missing, not_found};
use super::model::{Home, Instance, InstanceState, ShutdownBehavior};
use super::{instance_xml, kinds};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

fn own(world: &World, call: &Incoming<'_>) -> Result<Instance, Failure> {
    let id = call.params.get("InstanceId").ok_or_else(|| missing("InstanceId"))?;
    check_id("i-", id)?;
    let home = Home::of(call.caller);
    let found = world.ec2.instances.get(id).filter(|found| found.home == home && found.visible <= call.now);
    found.cloned().ok_or_else(|| not_found("i-", id))
}

/// The attribute and its value, in either of the two ways to say it.
fn change<'a>(call: &'a Incoming<'_>) -> Result<(String, &'a str), Failure> {
    if let Some(name) = call.params.get("Attribute") {
        return Ok((name.to_owned(), call.params.raw("Value").unwrap_or_default()));
    }
    let known = [
        ("InstanceInitiatedShutdownBehavior", "instanceInitiatedShutdownBehavior"),
        ("DisableApiTermination", "disableApiTermination"),
        ("InstanceType", "instanceType"),
        ("UserData", "userData"),
        ("EbsOptimized", "ebsOptimized"),
    ];
    let mut given = known.iter().filter_map(|(parameter, name)| {
        Some((
            (*name).to_owned(),
            call.params.raw(&format!("{parameter}.Value")).or_else(|| call.params.get(parameter))?,
        ))
    });
    match (given.next(), given.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(Failure::bad("MissingParameter", "No attributes specified.")),
        (Some(_), Some(_)) => Err(Failure::bad(
            "InvalidParameterCombination",
            "Fields for multiple attribute types specified: one attribute per call",
        )),
    }
}

pub fn modify_instance_attribute(world: &mut World, call: &Incoming<'_>) -> Reply {
    let mut instance = own(world, call)?;
    if instance.is(call.now, InstanceState::Terminated) {
        let message = format!("The instance '{}' is terminated", instance.id);
        return Err(Failure::bad("IncorrectInstanceState", message));
    }
    let groups = call.params.list("GroupId");
    if groups.is_empty() {
        let (name, value) = change(call)?;
        set(&mut instance, &name, value, call)?;
    } else {
        for id in &groups {
            check_id("sg-", id)?;
            if world.ec2.groups.get(id).is_none_or(|group| group.home != instance.home) {
                return Err(not_found("sg-", id));
            }
        }
        instance.groups = groups;
    }
    let id = instance.id.clone();
    world.ec2.instances.insert(id.clone(), instance);
    Ok(Done::xml(vec![text("return", true)]).made([id]))
}

fn set(instance: &mut Instance, name: &str, value: &str, call: &Incoming<'_>) -> Result<(), Failure> {
    let flag = || match value {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(invalid(format!("Value ({other}) for parameter value is invalid. Invalid boolean value"))),
    };
    let stopped = instance.is(call.now, InstanceState::Stopped);
    let needs_stop = || match stopped {
        true => Ok(()),
        false => Err(Failure::bad(
            "IncorrectInstanceState",
            format!("The instance '{}' is not in the 'stopped' state.", instance.id),
        )),
    };
    match name {
        "instanceInitiatedShutdownBehavior" => {
            instance.shutdown = match value {
                "stop" if instance.spot.is_some() => {
                    let message = "instanceInitiatedShutdownBehavior=stop is not supported for spot instances.";
                    return Err(combination(message));
                }
                "stop" => ShutdownBehavior::Stop,
                "terminate" => ShutdownBehavior::Terminate,
                other => {
                    return Err(invalid(format!(
                        "Value ({other}) for parameter instanceInitiatedShutdownBehavior is invalid."
                    )));
                }
            };
        }
        "disableApiTermination" => instance.protected = flag()?,
        "ebsOptimized" => {
            needs_stop()?;
            instance.ebs_optimized = flag()?;
        }
        "instanceType" => {
            needs_stop()?;
            let kind =
                kinds::find(value).ok_or_else(|| invalid(format!("Invalid value '{value}' for InstanceType.")))?;
            instance.kind = kind.name.to_owned();
        }
        "userData" => {
            needs_stop()?;
            BASE64_STANDARD.decode(value).map_err(|_| invalid("Invalid BASE64 encoding of user data."))?;
            instance.user_data = Some(value.to_owned());
        }
        other => {
            return Err(invalid(format!("Value ({other}) for parameter attribute is invalid. Unknown attribute.")));
        }
    }
    Ok(())
}

pub fn describe_instance_attribute(world: &mut World, call: &Incoming<'_>) -> Reply {
    let instance = own(world, call)?;
    let value =
        |name: &str, value: &str| node(name, if value.is_empty() { Vec::new() } else { vec![text("value", value)] });
    let name = call.params.get("Attribute").ok_or_else(|| missing("Attribute"))?;
    let what: Xml = match name {
        "instanceInitiatedShutdownBehavior" => value(name, instance.shutdown.name()),
        "disableApiTermination" => value(name, &instance.protected.to_string()),
        "ebsOptimized" => value(name, &instance.ebs_optimized.to_string()),
        "instanceType" => value(name, &instance.kind),
        "rootDeviceName" => value(name, &instance.root_device),
        "userData" => value(name, instance.user_data.as_deref().unwrap_or_default()),
        "sourceDestCheck" => value(name, "true"),
        "groupSet" => instance_xml::groups(world, &instance.groups),
        "blockDeviceMapping" => items(
            name,
            instance.devices.iter().map(|device| {
                let ebs = vec![
                    text("volumeId", &device.volume),
                    text("status", "attached"),
                    text("deleteOnTermination", device.delete_on_termination),
                ];
                vec![text("deviceName", &device.name), node("ebs", ebs)]
            }),
        ),
        other => {
            return Err(invalid(format!("Value ({other}) for parameter attribute is invalid. Unknown attribute.")));
        }
    };
    Ok(Done::xml(vec![text("instanceId", &instance.id), what]))
}
