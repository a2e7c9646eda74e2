//! Whether there is room for a launch: offers, limits, capacity.

use super::super::World;
use super::super::reply::{Failure, Incoming};
use super::launch::Launch;
use super::model::{Home, InstanceState};
use super::{kinds, places};

/// Offers, limits, capacity.
pub fn check_room(world: &World, call: &Incoming<'_>, launch: &Launch, home: &Home) -> Result<(), Failure> {
    let pokes = &world.ec2.pokes;
    let (kind, zone) = (launch.kind.name, launch.subnet.zone.as_str());
    let here = (kind.to_owned(), zone.to_owned());
    if pokes.unsupported.contains(&here) {
        let others: Vec<String> = places::zones(&home.region)
            .into_iter()
            .filter(|zone| !pokes.unsupported.contains(&(kind.to_owned(), zone.clone())))
            .collect();
        return Err(Failure::bad(
            "Unsupported",
            format!(
                "Your requested instance type ({kind}) is not supported in your requested Availability Zone ({zone}). \
                 Please retry your request by not specifying an Availability Zone or choosing {}.",
                others.join(", ")
            ),
        ));
    }
    check_limits(world, call, launch, home)?;
    if launch.spot.is_some() {
        if pokes.no_spot_capacity.contains(&here) {
            return Err(Failure::new(
                500,
                "InsufficientInstanceCapacity",
                "There is no Spot capacity available that matches your request.",
            ));
        }
        return Ok(());
    }
    if pokes.no_capacity.contains(&here) { Err(no_capacity(kind, zone)) } else { Ok(()) }
}

/// Of the type in the zone there is none left.
pub fn no_capacity(kind: &str, zone: &str) -> Failure {
    Failure::new(
        500,
        "InsufficientInstanceCapacity",
        format!(
            "We currently do not have sufficient {kind} capacity in the Availability Zone you requested ({zone}). Our \
             system will be working on provisioning additional capacity. You can currently get {kind} capacity by not \
             specifying an Availability Zone in your request or choosing another one."
        ),
    )
}

fn check_limits(world: &World, call: &Incoming<'_>, launch: &Launch, home: &Home) -> Result<(), Failure> {
    let uses = |instance: &&super::model::Instance| {
        instance.home == *home && matches!(instance.state.at(call.now), InstanceState::Pending | InstanceState::Running)
    };
    let living: Vec<_> = world.ec2.instances.values().filter(uses).collect();
    if let Some(limit) = world.ec2.pokes.instance_limit
        && living.len() + launch.count > limit
    {
        return Err(Failure::bad(
            "InstanceLimitExceeded",
            format!(
                "You have requested more instances ({}) than your current instance limit of {limit} allows for the \
                 specified instance type. Please visit http://aws.amazon.com/contact-us/ec2-request to request an \
                 adjustment to this limit.",
                living.len() + launch.count
            ),
        ));
    }
    let vcpus: u32 = living.iter().filter_map(|instance| kinds::find(&instance.kind)).map(|kind| kind.vcpus).sum();
    let wanted = launch.kind.vcpus * u32::try_from(launch.count).unwrap_or(u32::MAX);
    if let Some(limit) = world.ec2.pokes.vcpu_limit
        && vcpus + wanted > limit
    {
        return Err(Failure::bad(
            "VcpuLimitExceeded",
            format!(
                "You have requested more vCPU capacity than your current vCPU limit of {limit} allows for the instance \
                 bucket that the specified instance type belongs to. Please visit \
                 http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
            ),
        ));
    }
    Ok(())
}
