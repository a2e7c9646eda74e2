//! Image recipes: what an image is made of. A version of one never changes.

use super::super::World;
use super::super::ec2::Home;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::args::Args;
use super::arn::{Arn, Kind, Pattern, Version};
use super::components::version_of;
use super::once::once;
use super::page::{Filters, reply};
use super::refusal::{depended_on, exists, invalid, not_here, quota};
use super::rules::{ANY, COMPONENT_ARN, EMPTY, NAME, RECIPE_ARN, SOME, USER_DATA, WILD_VERSION};
use super::store::{self, Resource, only, references};
use super::{parent, permissions};
use serde_json::{Value, json};

/// "Components per image recipe: 20", by default.
const COMPONENTS: usize = 20;

/// The component ARNs of a recipe, as they were given.
pub fn components(recipe: &Resource) -> impl Iterator<Item = &str> {
    let list = recipe.body.get("components").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|component| component["componentArn"].as_str())
}

pub fn create(world: &mut World, call: &Incoming<'_>) -> Reply {
    let needs =
        permissions::with_tags(call, &["ec2:DescribeImages", "imagebuilder:GetComponent", "imagebuilder:GetImage"]);
    permissions::check(call, &needs)?;
    let args = Args::of(call)?;
    let reply = once(world, call, &args, |world| {
        let name = args.required("name", &NAME)?.to_owned();
        let wanted = args.required("semanticVersion", &WILD_VERSION)?;
        if Pattern::parse(wanted).is_some_and(|pattern| pattern.has_wildcards()) {
            return Err(not_here("semanticVersion", "versions that the service counts up itself"));
        }
        let version = version_of(&args)?;
        let home = Home::of(call.caller);
        check_texts(&args)?;
        let tags = args.tags("tags", 50)?.unwrap_or_default();
        args.tags("amiTags", 50)?;
        let parent = args.required("parentImage", &SOME)?.to_owned();
        parent::resolve(world, &home, &parent, call.now)?;
        check_components(world, call, &args)?;
        check_devices(&args)?;
        let arn = format!("{}/{version}", Kind::Recipe.arn(&home, &name));
        if world.imagebuilder.resources.contains_key(&arn) {
            return Err(exists(Kind::Recipe, &arn));
        }
        let mut resource = Resource::new(world, call, Kind::Recipe, &name, arn.clone());
        resource.version = Some(version);
        resource.tags = tags;
        resource.body = args.kept(&[
            "description",
            "components",
            "parentImage",
            "blockDeviceMappings",
            "workingDirectory",
            "additionalInstanceConfiguration",
            "amiTags",
        ]);
        // All AMIs of the fake are Linux.
        resource.body.insert("platform".to_owned(), json!("Linux"));
        resource.body.entry("workingDirectory").or_insert_with(|| json!("/tmp"));
        world.imagebuilder.resources.insert(arn.clone(), resource);
        let answer = json!({
            "imageRecipeArn": arn,
            "latestVersionReferences": references(Kind::Recipe, &home, &name, version),
        });
        Ok((answer, arn))
    });
    permissions::record(reply, &needs)
}

fn check_texts(args: &Args) -> Result<(), Failure> {
    args.text("description", &SOME)?;
    args.text("workingDirectory", &SOME)?;
    if args.has("amiWatermarks") {
        return Err(not_here("amiWatermarks", "watermarks"));
    }
    let Some(more) = args.structure("additionalInstanceConfiguration")? else { return Ok(()) };
    more.text("userDataOverride", &USER_DATA)?;
    if let Some(agent) = more.structure("systemsManagerAgent")? {
        agent.flag("uninstallAfterBuild")?;
    }
    Ok(())
}

fn check_components(world: &World, call: &Incoming<'_>, args: &Args) -> Result<(), Failure> {
    let list = args.structures("components", 1, usize::MAX)?;
    if list.len() > COMPONENTS {
        return Err(quota(format!("A recipe can have {COMPONENTS} components at most, not {}.", list.len())));
    }
    let mut seen: Vec<String> = Vec::new();
    for entry in list {
        let arn = entry.required("componentArn", &COMPONENT_ARN)?;
        let at = entry.at("componentArn");
        if Arn::parse(arn).is_some_and(|arn| arn.account == "aws") {
            return Err(not_here(&at, "components of Amazon's own"));
        }
        let found = store::newest(world, call, arn)
            .map_err(|_| invalid(&at, format!("The component '{arn}' does not exist.")))?;
        if found.text("platform") != Some("Linux") {
            let why = format!("The platform of the component '{arn}' is not that of the parent image.");
            return Err(invalid(&at, why));
        }
        let slug = store::slug_of(found);
        if seen.contains(&slug) {
            return Err(invalid(&at, format!("The component '{arn}' is there more than once.")));
        }
        seen.push(slug);
        check_parameters(&entry, found)?;
    }
    Ok(())
}

/// "You must supply a value for every component parameter that has no default value, and you can only supply parameters
/// that the component defines."
fn check_parameters(entry: &Args, component: &Resource) -> Result<(), Failure> {
    let defined = component.body.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut given = Vec::new();
    for parameter in entry.structures("parameters", 1, usize::MAX)? {
        let name = parameter.required("name", &SOME)?;
        parameter.texts("value", 1, 1, &ANY)?.ok_or_else(|| parameter.missing("value"))?;
        if !defined.iter().any(|known| known["name"] == name) {
            return Err(invalid(&parameter.at("name"), format!("The component does not define '{name}'.")));
        }
        given.push(name.to_owned());
    }
    let needs = |known: &&Value| {
        known.get("defaultValue").is_none() && !given.iter().any(|name| known["name"] == name.as_str())
    };
    match defined.iter().find(needs) {
        None => Ok(()),
        Some(missing) => {
            Err(invalid(&entry.at("parameters"), format!("The parameter {} has no value.", missing["name"])))
        }
    }
}

fn check_devices(args: &Args) -> Result<(), Failure> {
    for device in args.structures("blockDeviceMappings", 0, usize::MAX)? {
        device.text("deviceName", &SOME)?;
        device.text("noDevice", &EMPTY)?;
        if device.has("virtualName") {
            return Err(not_here(&device.at("virtualName"), "instance stores"));
        }
        let Some(ebs) = device.structure("ebs")? else { continue };
        ebs.flag("encrypted")?;
        ebs.flag("deleteOnTermination")?;
        ebs.number("iops", 100, 64_000)?;
        ebs.number("volumeSize", 1, 16_000)?;
        ebs.number("throughput", 125, 1000)?;
        ebs.text("kmsKeyId", &SOME)?;
        ebs.text("snapshotId", &SOME)?;
        ebs.one_of("volumeType", &["standard", "io1", "io2", "gp2", "gp3", "sc1", "st1"])?;
    }
    Ok(())
}

/// As the service shows it.
pub fn shown(world: &World, found: &Resource) -> Value {
    let mut shown = found.shown(world);
    shown["owner"] = json!(found.home.account);
    shown
}

pub fn get(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let found = store::newest(world, call, args.required("imageRecipeArn", &RECIPE_ARN)?)?;
    let version = found.version.unwrap_or(Version([0; 3]));
    Ok(Done::json(json!({
        "requestId": call.request_id,
        "imageRecipe": shown(world, found),
        "latestVersionReferences": references(Kind::Recipe, &found.home, &found.name, version),
    })))
}

pub fn list(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let owner = args.one_of("owner", &["Self", "Shared", "Amazon", "ThirdParty", "AWSMarketplace"])?;
    let own = matches!(owner, None | Some("Self"));
    let filters = Filters::read(&args, &["name", "parentImage", "platform"])?;
    let names = ["arn", "name", "platform", "owner", "parentImage", "dateCreated", "tags"];
    let all = store::all(world, call, Kind::Recipe).into_iter().filter(|_| own);
    let shown = all.map(|found| only(&shown(world, found), &names)).filter(|shown| filters.pass(shown)).collect();
    reply(call, &args, "imageRecipeSummaryList", shown)
}

pub fn delete(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let arn = args.required("imageRecipeArn", &RECIPE_ARN)?.to_owned();
    let found = store::get(world, call, &arn)?;
    let pipelines = store::all(world, call, Kind::Pipeline);
    if pipelines.iter().any(|pipeline| pipeline.text("imageRecipeArn").is_some_and(|used| store::means(used, found))) {
        return Err(depended_on(&arn));
    }
    // Images that were made by it go first.
    let made = |image: &super::Image| image.home == found.home && image.recipe["arn"] == arn.as_str();
    if world.imagebuilder.images.values().any(made) {
        return Err(depended_on(&arn));
    }
    world.imagebuilder.resources.remove(&arn);
    Ok(Done::json(json!({ "requestId": call.request_id, "imageRecipeArn": arn })).made([arn]))
}
