//! What launches from images later: launch templates, spot fleets, EC2 fleets. Tests put them here; nothing launches.

use super::super::World;
use super::super::params::Params;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{Xml, items, node, text};
use super::errors::{invalid, missing};
use super::model::Home;
use super::page::page;
use super::template_versions::{given_back, no_version};

/// A launch template: the image of each version, from version 1.
#[derive(Debug, Clone)]
pub struct Template {
    pub home: Home,
    pub images: Vec<String>,
}

/// A spot fleet or an EC2 fleet: its state, and the image that it launches by itself.
#[derive(Debug, Clone)]
pub struct Fleet {
    pub home: Home,
    pub state: &'static str,
    pub image: String,
}

pub fn describe_launch_templates(world: &mut World, call: &Incoming<'_>) -> Reply {
    most(call.params, 200)?;
    let home = Home::of(call.caller);
    let ours: Vec<_> = world.ec2.templates.iter().filter(|(_, template)| template.home == home).collect();
    let page = page(ours, call.params, "LaunchTemplateId", |(id, _)| (*id).clone())?;
    let rows = page.items.iter().map(|(id, template)| {
        vec![
            text("launchTemplateId", id),
            text("launchTemplateName", world.ec2.template_name(id)),
            text("defaultVersionNumber", default_version(world, id)),
            text("latestVersionNumber", template.images.len()),
        ]
    });
    let mut out = vec![items("launchTemplates", rows)];
    out.extend(page.next());
    Ok(Done::xml(out))
}

pub fn describe_launch_template_versions(world: &mut World, call: &Incoming<'_>) -> Reply {
    most(call.params, 200)?;
    let Some(id) = call.params.get("LaunchTemplateId") else { return current_versions(world, call) };
    let template = world.ec2.templates.get(id).filter(|template| template.home == Home::of(call.caller));
    let template = template.ok_or_else(|| {
        Failure::bad(
            "InvalidLaunchTemplateId.NotFound",
            format!("The specified launch template, with template ID {id}, does not exist."),
        )
    })?;
    let wanted = call.params.list("LaunchTemplateVersion");
    for number in wanted.iter().filter_map(|number| number.parse::<usize>().ok()) {
        if number == 0 || number > template.images.len() || !world.ec2.is_version_seen(id, number, call.now) {
            return Err(no_version(id, &number.to_string()));
        }
    }
    let versions: Vec<(usize, &String)> = template
        .images
        .iter()
        .enumerate()
        .rev()
        .filter(|(at, _)| wanted.is_empty() || is_wanted(world, id, template.images.len(), at + 1, &wanted))
        .filter(|(at, _)| world.ec2.is_version_seen(id, at + 1, call.now))
        .collect();
    let page = page(versions, call.params, "", |(number, _)| format!("{:08}", usize::MAX / 2 - number))?;
    let rows = page.items.iter().map(|(number, image)| version(world, id, *number, image));
    let mut out = vec![items("launchTemplateVersionSet", rows)];
    out.extend(page.next());
    Ok(Done::xml(out))
}

fn is_wanted(world: &World, id: &str, latest: usize, number: usize, wanted: &[String]) -> bool {
    wanted.iter().any(|version| match version.as_str() {
        "$Default" => number == default_version(world, id),
        "$Latest" => number == latest,
        version => version.parse() == Ok(number),
    })
}

/// Without a template, only versions of all templates that are their defaults or their latest can be asked for.
fn current_versions(world: &World, call: &Incoming<'_>) -> Reply {
    let wanted = call.params.list("LaunchTemplateVersion");
    if wanted.is_empty() || !wanted.iter().all(|version| matches!(version.as_str(), "$Default" | "$Latest")) {
        return Err(missing("LaunchTemplateId"));
    }
    let home = Home::of(call.caller);
    let mut versions = Vec::new();
    for (id, template) in world.ec2.templates.iter().filter(|(_, template)| template.home == home) {
        for (at, image) in template.images.iter().enumerate() {
            if is_wanted(world, id, template.images.len(), at + 1, &wanted) {
                versions.push((id, at, image));
            }
        }
    }
    let page = page(versions, call.params, "", |(id, at, _)| format!("{id} {at:08}"))?;
    let mut out = vec![items(
        "launchTemplateVersionSet",
        page.items.iter().map(|(id, at, image)| version(world, id, *at, image)),
    )];
    out.extend(page.next());
    Ok(Done::xml(out))
}

pub(super) fn default_version(world: &World, id: &str) -> usize {
    world.ec2.default_versions.get(id).copied().unwrap_or(1)
}

pub(super) fn version(world: &World, id: &str, at: usize, image: &str) -> Vec<Xml> {
    let mut data = if image.is_empty() { Vec::new() } else { vec![text("imageId", image)] };
    let mut out = vec![
        text("launchTemplateId", id),
        text("launchTemplateName", world.ec2.template_name(id)),
        text("versionNumber", at + 1),
        text("defaultVersion", at + 1 == default_version(world, id)),
    ];
    if let Some(made) = world.ec2.template_versions.get(&(id.to_owned(), at + 1)) {
        out.extend(made.description.as_ref().map(|description| text("versionDescription", description)));
        out.extend([text("createTime", world.clock.iso(made.at)), text("createdBy", &made.by)]);
        data.extend(given_back(&made.data));
    }
    out.push(node("launchTemplateData", data));
    out
}

pub fn describe_spot_fleet_requests(world: &mut World, call: &Incoming<'_>) -> Reply {
    let launch = |fleet: &Fleet| {
        let specifications = items("launchSpecifications", [vec![text("imageId", &fleet.image)]]);
        node("spotFleetRequestConfig", vec![text("iamFleetRole", "arn"), text("targetCapacity", 1), specifications])
    };
    fleets(&world.ec2.spot_fleets, call, "spotFleetRequestConfigSet", &|id, fleet| {
        vec![text("spotFleetRequestId", id), text("spotFleetRequestState", fleet.state), launch(fleet)]
    })
}

pub fn describe_fleets(world: &mut World, call: &Incoming<'_>) -> Reply {
    let launch = |fleet: &Fleet| {
        let overrides = items("overrides", [vec![text("instanceType", "m7i.large"), text("imageId", &fleet.image)]]);
        items("launchTemplateConfigs", [vec![overrides]])
    };
    fleets(&world.ec2.fleets, call, "fleetSet", &|id, fleet| {
        vec![text("fleetId", id), text("fleetState", fleet.state), launch(fleet)]
    })
}

fn fleets(
    all: &std::collections::BTreeMap<String, Fleet>,
    call: &Incoming<'_>,
    set: &str,
    row: &dyn Fn(&str, &Fleet) -> Vec<Xml>,
) -> Reply {
    let home = Home::of(call.caller);
    let ours: Vec<_> = all.iter().filter(|(_, fleet)| fleet.home == home).collect();
    let page = page(ours, call.params, "", |(id, _)| (*id).clone())?;
    let mut out = vec![items(set, page.items.iter().map(|(id, fleet)| row(id, fleet)))];
    out.extend(page.next());
    Ok(Done::xml(out))
}

fn most(params: &Params, most: u64) -> Result<(), Failure> {
    match params.number("MaxResults")? {
        Some(size) if size > most => Err(invalid(format!(
            "Value ( {size} ) for parameter maxResults is invalid. Expecting a value up to {most}."
        ))),
        _ => Ok(()),
    }
}
