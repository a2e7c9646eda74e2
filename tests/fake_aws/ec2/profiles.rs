//! IAM instance profiles, as far as EC2 knows them.

use super::super::World;
use super::super::params::Params;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{items, node, text};
use super::errors::invalid;
use super::filters::Filters;
use super::model::{Home, Instance, Profile, Tags};
use super::page::page;

/// The profile that `IamInstanceProfile.Name` or `.Arn` names.
pub fn named(world: &World, params: &Params, home: &Home) -> Result<Option<Profile>, Failure> {
    let (name, arn) = (params.get("Name"), params.get("Arn"));
    let (field, value) = match (name, arn) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(super::errors::combination(
                "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'",
            ));
        }
        (Some(name), None) => ("name", name),
        (None, Some(arn)) => ("arn", arn),
    };
    let found = world.ec2.profiles.values().find(|profile| {
        profile.account == home.account && (if field == "name" { profile.name == value } else { profile.arn == value })
    });
    match found {
        Some(profile) => Ok(Some(profile.clone())),
        None => Err(invalid(format!(
            "Value ({value}) for parameter iamInstanceProfile.{field} is invalid. Invalid IAM Instance Profile {}",
            if field == "name" { "name" } else { "ARN" }
        ))),
    }
}

pub fn describe_iam_instance_profile_associations(world: &mut World, call: &Incoming<'_>) -> Reply {
    let filters = Filters::parse(call.params, &["instance-id", "state"])?;
    let ids = call.params.list("AssociationId");
    let home = Home::of(call.caller);
    let id_of = |instance: &Instance| instance.id.replacen("i-", "iip-assoc-", 1);
    let found: Vec<(&Instance, &Profile)> = world
        .ec2
        .instances
        .values()
        .filter(|instance| instance.home == home && instance.visible <= call.now && instance.alive(call.now))
        .filter_map(|instance| Some((instance, world.ec2.profiles.get(instance.profile.as_ref()?)?)))
        .filter(|(instance, _)| ids.is_empty() || ids.contains(&id_of(instance)))
        .filter(|(instance, _)| {
            filters.pass(&Tags::new(), |name| {
                vec![if name == "state" { "associated".to_owned() } else { instance.id.clone() }]
            })
        })
        .collect();
    let page = page(found, call.params, "AssociationId", |(instance, _)| instance.id.clone())?;
    let rows = page.items.iter().map(|(instance, profile)| {
        vec![
            text("associationId", id_of(instance)),
            text("instanceId", &instance.id),
            node("iamInstanceProfile", vec![text("arn", &profile.arn), text("id", &profile.id)]),
            text("state", "associated"),
        ]
    });
    let mut out = vec![items("iamInstanceProfileAssociationSet", rows)];
    out.extend(page.next());
    Ok(Done::xml(out))
}
