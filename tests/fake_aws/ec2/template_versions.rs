//! Making launch templates and versions of them. A version takes over what its source has and it does not say itself.

use super::super::World;
use super::super::params::Params;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::xml::{Xml, items, node, text, text_items};
use super::consumers::{Template, default_version, version};
use super::errors::{invalid, missing};
use super::model::Home;
use std::collections::BTreeSet;
use tokio::time::Instant;

/// The longest description of a version (EC2 API reference, `CreateLaunchTemplateVersion`).
const LONGEST_DESCRIPTION: usize = 255;

/// What is known of a version that a client has made.
#[derive(Debug, Clone)]
pub struct Made {
    pub description: Option<String>,
    /// Who has made it.
    pub by: String,
    pub at: Instant,
    /// From when on everybody sees it.
    pub visible: Instant,
    /// `LaunchTemplateData` without the image.
    pub data: Params,
    token: Option<(String, Params)>,
}

pub fn create_launch_template(world: &mut World, call: &Incoming<'_>) -> Reply {
    let name = call.params.get("LaunchTemplateName").ok_or_else(|| missing("LaunchTemplateName"))?;
    let home = Home::of(call.caller);
    let is_taken = |(id, template): (&String, &Template)| {
        template.home == home && world.ec2.template_names.get(id).is_some_and(|other| other == name)
    };
    if world.ec2.templates.iter().any(is_taken) {
        let message = format!("Launch template name already in use. ({name})");
        return Err(Failure::bad("InvalidLaunchTemplateName.AlreadyExistsException", message));
    }
    let data = call.params.group("LaunchTemplateData");
    if data.is_empty() {
        return Err(missing("LaunchTemplateData"));
    }
    let image = data.get("ImageId").unwrap_or_default().to_owned();
    let id = world.id("lt");
    world.ec2.template_names.insert(id.clone(), name.to_owned());
    world.ec2.templates.insert(id.clone(), Template { home, images: vec![image] });
    let made = made(call, data.without(&["ImageId"]), None, call.now);
    world.ec2.template_versions.insert((id.clone(), 1), made);
    let out = described(world, &id);
    Ok(Done::xml(vec![out]).made([id]))
}

/// Another version becomes the default; nothing else of a template can be changed.
pub fn modify_launch_template(world: &mut World, call: &Incoming<'_>) -> Reply {
    let id = template_id(world, call)?;
    let wanted = call.params.get("SetDefaultVersion").ok_or_else(|| missing("SetDefaultVersion"))?;
    let latest = world.ec2.templates[&id].images.len();
    let number = wanted.parse().ok().filter(|number| (1..=latest).contains(number));
    let number = number.ok_or_else(|| no_version(&id, wanted))?;
    world.ec2.default_versions.insert(id.clone(), number);
    Ok(Done::xml(vec![described(world, &id)]))
}

fn described(world: &World, id: &str) -> Xml {
    let mut out = vec![text("launchTemplateId", id), text("launchTemplateName", world.ec2.template_name(id))];
    if let Some(first) = world.ec2.template_versions.get(&(id.to_owned(), 1)) {
        out.extend([text("createTime", world.clock.iso(first.at)), text("createdBy", &first.by)]);
    }
    out.push(text("defaultVersionNumber", default_version(world, id)));
    out.push(text("latestVersionNumber", world.ec2.templates[id].images.len()));
    node("launchTemplate", out)
}

pub fn create_launch_template_version(world: &mut World, call: &Incoming<'_>) -> Reply {
    let id = template_id(world, call)?;
    let data = call.params.group("LaunchTemplateData");
    if data.is_empty() {
        return Err(missing("LaunchTemplateData"));
    }
    if call.params.get("VersionDescription").is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        return Err(invalid(format!("The version description must have at most {LONGEST_DESCRIPTION} characters.")));
    }
    if let Some(number) = repeated(world, call, &id)? {
        return Ok(answer(world, &id, number));
    }
    let latest = world.ec2.templates[&id].images.len();
    let (mut image, mut base) = (String::new(), Params::default());
    if let Some(source) = call.params.get("SourceVersion") {
        let number = match source {
            "$Latest" => Some(latest),
            "$Default" => Some(default_version(world, &id)),
            number => number.parse().ok(),
        };
        let number = number.filter(|number| (1..=latest).contains(number)).ok_or_else(|| no_version(&id, source))?;
        image = world.ec2.templates[&id].images[number - 1].clone();
        base = world.ec2.template_versions.get(&(id.clone(), number)).map(|made| made.data.clone()).unwrap_or_default();
    }
    image = data.get("ImageId").map_or(image, str::to_owned);
    let all = data.without(&["ImageId"]).over(&base);
    let token = call.params.get("ClientToken").map(|token| (token.to_owned(), call.params.without(&["ClientToken"])));
    let visible = world.visible_at(call.now);
    let made = made(call, all, token, visible);
    world.ec2.templates.entry(id.clone()).and_modify(|template| template.images.push(image));
    world.ec2.template_versions.insert((id.clone(), latest + 1), made);
    Ok(answer(world, &id, latest + 1))
}

fn made(call: &Incoming<'_>, data: Params, token: Option<(String, Params)>, visible: Instant) -> Made {
    let description = call.params.get("VersionDescription").map(str::to_owned);
    Made { description, by: call.caller.credential.arn.clone(), at: call.now, visible, data, token }
}

/// What was given, as EC2 gives it back: names begin small, and lists are sets of items.
pub(super) fn given_back(data: &Params) -> Vec<Xml> {
    let tops: BTreeSet<&str> = data.names().map(|name| name.split('.').next().unwrap_or(name)).collect();
    let row = |top: &str| {
        let name = format!("{}{}", top[..1].to_lowercase(), &top[1..]);
        if let Some(value) = data.raw(top) {
            return text(&name, value);
        }
        let (members, values) = (data.members(top), data.list(top));
        match (values.is_empty(), members.is_empty()) {
            (false, _) => text_items(&format!("{name}Set"), values),
            (_, false) => items(&format!("{name}Set"), members.iter().map(given_back)),
            _ => node(&name, given_back(&data.group(top))),
        }
    };
    tops.into_iter().map(row).collect()
}

fn answer(world: &World, id: &str, number: usize) -> Done {
    let image = &world.ec2.templates[id].images[number - 1];
    let out: Vec<Xml> = version(world, id, number - 1, image);
    Done::xml(vec![node("launchTemplateVersion", out)]).made([format!("{id}:{number}")])
}

/// The version that an earlier call with the same token has made.
fn repeated(world: &World, call: &Incoming<'_>, id: &str) -> Result<Option<usize>, Failure> {
    let Some(token) = call.params.get("ClientToken") else { return Ok(None) };
    if token.len() > 128 {
        return Err(invalid("ClientToken has more than 128 characters.".to_owned()));
    }
    let params = call.params.without(&["ClientToken"]);
    for ((_, number), made) in world.ec2.template_versions.iter().filter(|((template, _), _)| template == id) {
        match &made.token {
            Some((other, same)) if other == token && *same == params => return Ok(Some(*number)),
            Some((other, _)) if other == token => {
                let message = "The client token was used with other parameters.";
                return Err(Failure::bad("IdempotentParameterMismatch", message));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// A template by its id or its name.
fn template_id(world: &World, call: &Incoming<'_>) -> Result<String, Failure> {
    let home = Home::of(call.caller);
    let ours = |id: &str| world.ec2.templates.get(id).is_some_and(|template| template.home == home);
    match (call.params.get("LaunchTemplateId"), call.params.get("LaunchTemplateName")) {
        (Some(id), _) if ours(id) => Ok(id.to_owned()),
        (Some(id), _) => Err(Failure::bad(
            "InvalidLaunchTemplateId.NotFound",
            format!("The specified launch template, with template ID {id}, does not exist."),
        )),
        (None, Some(name)) => world.ec2.template_named(&home, name).ok_or_else(|| {
            Failure::bad(
                "InvalidLaunchTemplateName.NotFoundException",
                format!("The specified launch template, with template name {name}, does not exist."),
            )
        }),
        (None, None) => Err(missing("LaunchTemplateId")),
    }
}

pub(super) fn no_version(id: &str, number: &str) -> Failure {
    let message = format!("Could not find launch template version(s) '{number}' for launch template with ID '{id}'.");
    Failure::bad("InvalidLaunchTemplateId.VersionNotFound", message)
}
