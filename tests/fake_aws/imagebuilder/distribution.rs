//! Distribution configurations: what becomes of an image in which region.

use super::super::World;
use super::super::ec2::Home;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::args::Args;
use super::arn::Kind;
use super::once::once;
use super::page::{Filters, reply};
use super::refusal::{depended_on, exists, invalid, not_here};
use super::rules::{ACCOUNT, AMI_NAME, DISTRIBUTION_ARN, NAME, ORGANIZATION, SOME, UNIT};
use super::store::{self, Resource, only};
use super::{permissions, pipelines_of};
use serde_json::{Map, Value, json};

/// Outputs that the real service has and this fake does not.
const ELSEWHERE: [(&str, &str); 6] = [
    ("containerDistributionConfiguration", "containers"),
    ("licenseConfigurationArns", "License Manager"),
    ("launchTemplateConfigurations", "launch templates that Image Builder changes"),
    ("s3ExportConfiguration", "S3"),
    ("fastLaunchConfigurations", "fast launch, which is for Windows"),
    ("ssmParameterConfigurations", "parameters that Image Builder writes"),
];

fn body(world: &World, args: &Args) -> Result<Map<String, Value>, Failure> {
    args.text("description", &SOME)?;
    if !args.has("distributions") {
        return Err(args.missing("distributions"));
    }
    let mut seen = Vec::new();
    for one in args.structures("distributions", 1, usize::MAX)? {
        let region = one.required("region", &SOME)?.to_owned();
        if !world.regions.contains(&region) {
            return Err(invalid(&one.at("region"), format!("The region '{region}' does not exist.")));
        }
        if seen.contains(&region) {
            return Err(invalid(&one.at("region"), format!("The region '{region}' is there more than once.")));
        }
        seen.push(region);
        for (member, what) in ELSEWHERE {
            if one.has(member) {
                return Err(not_here(&one.at(member), what));
            }
        }
        let Some(ami) = one.structure("amiDistributionConfiguration")? else {
            let at = one.at("region").replace(".region", "");
            let why = "One or more outputs should be provided for each region in a distribution configuration.";
            return Err(invalid(&at, why));
        };
        check_ami(&ami)?;
    }
    Ok(args.kept(&["description", "distributions"]))
}

fn check_ami(ami: &Args) -> Result<(), Failure> {
    if let Some(name) = ami.text("name", &AMI_NAME)?
        && !name.replace(' ', "").contains("{{imagebuilder:buildDate}}")
    {
        let why = "It must include {{ imagebuilder:buildDate }}, so that each build's name is its own.";
        return Err(invalid(&ami.at("name"), why));
    }
    ami.text("description", &SOME)?;
    ami.text("kmsKeyId", &SOME)?;
    ami.tags("amiTags", 50)?;
    if ami.has("targetAccountIds") {
        return Err(not_here(&ami.at("targetAccountIds"), "copies in other accounts"));
    }
    let Some(launch) = ami.structure("launchPermission")? else { return Ok(()) };
    launch.texts("userIds", 1, 1536, &ACCOUNT)?;
    launch.texts("organizationArns", 1, 25, &ORGANIZATION)?;
    launch.texts("organizationalUnitArns", 1, 25, &UNIT)?;
    let groups = launch.texts("userGroups", 0, usize::MAX, &SOME)?.unwrap_or_default();
    match groups.iter().find(|group| *group != "all") {
        None => Ok(()),
        Some(other) => Err(invalid(&launch.at("userGroups"), format!("'{other}' is not valid: 'all' alone is."))),
    }
}

pub fn create(world: &mut World, call: &Incoming<'_>) -> Reply {
    let needs = permissions::with_tags(call, &[]);
    permissions::check(call, &needs)?;
    let args = Args::of(call)?;
    let reply = once(world, call, &args, |world| {
        let name = args.required("name", &NAME)?.to_owned();
        let tags = args.tags("tags", 50)?.unwrap_or_default();
        let body = body(world, &args)?;
        let arn = Kind::Distribution.arn(&Home::of(call.caller), &name);
        if world.imagebuilder.resources.contains_key(&arn) {
            return Err(exists(Kind::Distribution, &arn));
        }
        let mut resource = Resource::new(world, call, Kind::Distribution, &name, arn.clone());
        (resource.body, resource.tags) = (body, tags);
        world.imagebuilder.resources.insert(arn.clone(), resource);
        Ok((json!({ "distributionConfigurationArn": arn }), arn))
    });
    permissions::record(reply, &needs)
}

/// As the service shows it.
pub fn shown(world: &World, found: &Resource) -> Value {
    let mut shown = found.shown(world);
    // As long as a build may wait for its copies to be there.
    shown["timeoutMinutes"] = json!(720);
    shown
}

pub fn get(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let found = store::get(world, call, args.required("distributionConfigurationArn", &DISTRIBUTION_ARN)?)?;
    let shown = shown(world, found);
    Ok(Done::json(json!({ "requestId": call.request_id, "distributionConfiguration": shown })))
}

/// "The request replaces the entire distribution configuration."
pub fn update(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    once(world, call, &args, |world| {
        let arn = args.required("distributionConfigurationArn", &DISTRIBUTION_ARN)?.to_owned();
        store::get(world, call, &arn)?;
        let body = body(world, &args)?;
        if let Some(found) = world.imagebuilder.resources.get_mut(&arn) {
            (found.body, found.updated) = (body, Some(call.now));
        }
        Ok((json!({ "distributionConfigurationArn": arn }), arn))
    })
}

pub fn list(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let filters = Filters::read(&args, &["name"])?;
    let names = ["arn", "name", "description", "dateCreated", "dateUpdated", "tags"];
    let one = |found: &Resource| {
        let mut shown = only(&found.shown(world), &names);
        let list = found.body.get("distributions").and_then(Value::as_array).cloned().unwrap_or_default();
        shown["regions"] = list.iter().map(|one| one["region"].clone()).collect();
        shown
    };
    let all = store::all(world, call, Kind::Distribution).into_iter();
    let shown = all.map(one).filter(|shown| filters.pass(shown)).collect();
    reply(call, &args, "distributionConfigurationSummaryList", shown)
}

pub fn delete(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let arn = args.required("distributionConfigurationArn", &DISTRIBUTION_ARN)?.to_owned();
    store::get(world, call, &arn)?;
    if pipelines_of(world, call, "distributionConfigurationArn", &arn) {
        return Err(depended_on(&arn));
    }
    world.imagebuilder.resources.remove(&arn);
    Ok(Done::json(json!({ "requestId": call.request_id, "distributionConfigurationArn": arn })).made([arn]))
}
