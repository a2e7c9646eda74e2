//! Launch permissions and descriptions of images.

use super::super::World;
use super::super::params::Params;
use super::super::reply::{Done, Incoming, Reply};
use super::super::xml::{items, node, text};
use super::errors::{invalid, missing};
use super::images;

/// ARNs of organizations and their units.
fn arns(params: &Params, way: &str) -> Vec<String> {
    let members = params.members(&format!("LaunchPermission.{way}"));
    let each = members.iter().flat_map(|member| [member.get("OrganizationArn"), member.get("OrganizationalUnitArn")]);
    each.flatten().map(str::to_owned).collect()
}

/// Accounts, and whether everybody.
fn permissions(params: &Params, way: &str) -> (Vec<String>, bool) {
    let members = params.members(&format!("LaunchPermission.{way}"));
    let accounts = members.iter().filter_map(|member| member.get("UserId")).map(str::to_owned).collect();
    (accounts, members.iter().any(|member| member.get("Group") == Some("all")))
}

pub fn modify_image_attribute(world: &mut World, call: &Incoming<'_>) -> Reply {
    let id = images::own(world, call)?.id.clone();
    let params = call.params;
    let (mut add, mut add_all) = permissions(params, "Add");
    let (mut remove, mut remove_all) = permissions(params, "Remove");
    let (add_arns, remove_arns) = (arns(params, "Add"), arns(params, "Remove"));
    let no_arns = add_arns.is_empty() && remove_arns.is_empty();
    // The older way to say the same.
    let (users, groups) = (params.list("UserId"), params.list("UserGroup"));
    let all = groups.iter().any(|group| group == "all");
    match params.get("OperationType") {
        Some("add") => (add, add_all) = ([add, users].concat(), add_all || all),
        Some("remove") => (remove, remove_all) = ([remove, users].concat(), remove_all || all),
        Some(other) => return Err(invalid(format!("Value ({other}) for parameter operationType is invalid."))),
        None => {}
    }
    if let Some(bad) = add.iter().find(|account| account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit())) {
        return Err(super::super::reply::Failure::bad(
            "InvalidAMIAttributeItemValue",
            format!("Invalid attribute item value \"{bad}\" for userId item type."),
        ));
    }
    let description = params.raw("Description.Value").or(match params.get("Attribute") {
        Some("description") => params.raw("Value"),
        _ => None,
    });
    if let Some(bad) = add_arns.iter().find(|arn| !arn.starts_with("arn:aws:organizations::")) {
        return Err(invalid(format!("Invalid attribute item value \"{bad}\"")));
    }
    if add.is_empty() && remove.is_empty() && no_arns && !add_all && !remove_all && description.is_none() {
        return Err(missing("attribute"));
    }
    let opens = !add.is_empty() || !add_arns.is_empty() || add_all;
    let parts = world.ec2.images[&id].mappings.iter().filter_map(|mapping| mapping.snapshot.as_ref());
    let mut keys = parts.filter_map(|part| world.ec2.snapshots.get(part)?.kms_key.as_deref());
    if opens && keys.any(super::is_default_key) {
        let message = "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot.";
        return Err(super::super::reply::Failure::bad("InvalidParameter", message));
    }
    let image = world.ec2.images.get_mut(&id).ok_or_else(|| super::errors::not_found("ami-", &id))?;
    // "A disabled AMI can't be shared."
    if *image.state.at(call.now) == "disabled" && description.is_none() {
        let message = format!("The image ID '{id}' is disabled");
        return Err(super::super::reply::Failure::bad("InvalidAMIID.Unavailable", message));
    }
    image.shared_with_arns.extend(add_arns);
    image.shared_with_arns.retain(|arn| !remove_arns.contains(arn));
    image.shared_with.extend(add);
    image.shared_with.retain(|account| !remove.contains(account));
    image.public = (image.public || add_all) && !remove_all;
    if let Some(description) = description {
        description.clone_into(&mut image.description);
    }
    Ok(Done::xml(vec![text("return", true)]).made([id]))
}

pub fn describe_image_attribute(world: &mut World, call: &Incoming<'_>) -> Reply {
    let image = images::own(world, call)?;
    let what = match call.params.get("Attribute").ok_or_else(|| missing("Attribute"))? {
        "launchPermission" => {
            let everybody = image.public.then(|| vec![text("group", "all")]);
            let accounts = image.shared_with.iter().map(|account| vec![text("userId", account)]);
            let arns = image.shared_with_arns.iter().map(|arn| {
                let kind = if arn.contains(":ou/") { "organizationalUnitArn" } else { "organizationArn" };
                vec![text(kind, arn)]
            });
            items("launchPermission", everybody.into_iter().chain(accounts).chain(arns))
        }
        "description" => node("description", vec![text("value", &image.description)]),
        "blockDeviceMapping" => images::mapping_xml(image, call.now),
        "bootMode" => node("bootMode", vec![text("value", image.boot_mode.as_deref().unwrap_or_default())]),
        "imdsSupport" => node("imdsSupport", vec![text("value", if image.imds_v2 { "v2.0" } else { "" })]),
        other => {
            return Err(invalid(format!("Value ({other}) for parameter attribute is invalid. Unknown attribute.")));
        }
    };
    Ok(Done::xml(vec![text("imageId", &image.id), what]))
}
