//! Infrastructure configurations: on what instances images are built and tested.

use super::super::World;
use super::super::ec2::Home;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::args::Args;
use super::arn::Kind;
use super::once::once;
use super::page::{Filters, reply};
use super::refusal::{combination, depended_on, exists, invalid, not_here};
use super::rules::{ANY, INFRASTRUCTURE_ARN, NAME, PROFILE, SOME, TOPIC};
use super::store::{self, Resource, only};
use super::{permissions, pipelines_of};
use serde_json::{Map, Value, json};

/// Tag keys that the service gives itself.
const RESERVED: [&str; 4] = ["CreatedBy", "Ec2ImageBuilderArn", "Name", "Tags"];

const MEMBERS: [&str; 12] = [
    "description",
    "instanceTypes",
    "instanceProfileName",
    "securityGroupIds",
    "subnetId",
    "logging",
    "keyPair",
    "terminateInstanceOnFailure",
    "terminateInstanceOnCompletion",
    "snsTopicArn",
    "resourceTags",
    "instanceMetadataOptions",
];

/// All that is in a configuration.
fn body(world: &World, call: &Incoming<'_>, args: &Args) -> Result<Map<String, Value>, Failure> {
    for text in ["description", "keyPair"] {
        args.text(text, &SOME)?;
    }
    args.texts("instanceTypes", 0, usize::MAX, &ANY)?;
    let profile = args.required("instanceProfileName", &PROFILE)?;
    let account = call.caller.account();
    if !world.ec2.profiles.values().any(|found| found.account == account && found.name == profile) {
        return Err(invalid(
            "instanceProfileName",
            format!("The provided instance profile does not exist: '{profile}'. Please specify a different one."),
        ));
    }
    let groups = args.texts("securityGroupIds", 0, usize::MAX, &SOME)?.unwrap_or_default();
    if args.text("subnetId", &SOME)?.is_some() && groups.is_empty() {
        return Err(combination("With 'subnetId', 'securityGroupIds' must have one member or more."));
    }
    check_topic(world, args)?;
    for flag in ["terminateInstanceOnFailure", "terminateInstanceOnCompletion"] {
        args.flag(flag)?;
    }
    for key in args.tags("resourceTags", 30)?.unwrap_or_default().keys() {
        if RESERVED.contains(&key.as_str()) {
            return Err(invalid("resourceTags", format!("The tag key '{key}' is reserved.")));
        }
    }
    if let Some(options) = args.structure("instanceMetadataOptions")? {
        options.one_of("httpTokens", &["optional", "required"])?;
        options.number("httpPutResponseHopLimit", 1, 64)?;
    }
    if let Some(bucket) = args.structure("logging")?.map(|logging| logging.structure("s3Logs")).transpose()?.flatten() {
        bucket.text("s3BucketName", &SOME)?;
        bucket.text("s3KeyPrefix", &SOME)?;
    }
    if args.has("parentInstance") {
        return Err(not_here("parentInstance", "builds on instances of Auto Scaling groups"));
    }
    let mut kept = args.kept(&MEMBERS);
    if let Some(placement) = args.structure("placement")? {
        placement.text("availabilityZone", &SOME)?;
        if placement.one_of("tenancy", &["default", "dedicated", "host"])?.is_some_and(|tenancy| tenancy != "default") {
            return Err(not_here("placement.tenancy", "dedicated hosts and instances"));
        }
        kept.extend(args.kept(&["placement"]));
    }
    kept.entry("terminateInstanceOnFailure").or_insert(json!(true));
    Ok(kept)
}

/// "Image Builder validates the topic when you create or update the configuration."
fn check_topic(world: &World, args: &Args) -> Result<(), Failure> {
    match args.text("snsTopicArn", &TOPIC)? {
        Some(topic) if !world.sns.topics.contains_key(topic) => {
            Err(invalid("snsTopicArn", format!("The SNS topic '{topic}' does not exist, or can't be published to.")))
        }
        _ => Ok(()),
    }
}

pub fn create(world: &mut World, call: &Incoming<'_>) -> Reply {
    let needs = permissions::with_tags(call, &["iam:PassRole"]);
    permissions::check(call, &needs)?;
    let args = Args::of(call)?;
    let reply = once(world, call, &args, |world| {
        let name = args.required("name", &NAME)?.to_owned();
        let tags = args.tags("tags", 50)?.unwrap_or_default();
        let body = body(world, call, &args)?;
        let arn = Kind::Infrastructure.arn(&Home::of(call.caller), &name);
        if world.imagebuilder.resources.contains_key(&arn) {
            return Err(exists(Kind::Infrastructure, &arn));
        }
        let mut resource = Resource::new(world, call, Kind::Infrastructure, &name, arn.clone());
        (resource.body, resource.tags) = (body, tags);
        world.imagebuilder.resources.insert(arn.clone(), resource);
        Ok((json!({ "infrastructureConfigurationArn": arn }), arn))
    });
    permissions::record(reply, &needs)
}

pub fn get(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let found = store::get(world, call, args.required("infrastructureConfigurationArn", &INFRASTRUCTURE_ARN)?)?;
    let shown = found.shown(world);
    Ok(Done::json(json!({ "requestId": call.request_id, "infrastructureConfiguration": shown })))
}

/// "The request replaces the entire infrastructure configuration."
pub fn update(world: &mut World, call: &Incoming<'_>) -> Reply {
    permissions::check(call, &["iam:PassRole"])?;
    let args = Args::of(call)?;
    let reply = once(world, call, &args, |world| {
        let arn = args.required("infrastructureConfigurationArn", &INFRASTRUCTURE_ARN)?.to_owned();
        store::get(world, call, &arn)?;
        let body = body(world, call, &args)?;
        if let Some(found) = world.imagebuilder.resources.get_mut(&arn) {
            (found.body, found.updated) = (body, Some(call.now));
        }
        Ok((json!({ "infrastructureConfigurationArn": arn }), arn))
    });
    permissions::record(reply, &["iam:PassRole"])
}

pub fn list(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let filters = Filters::read(&args, &["name"])?;
    let names = [
        "arn",
        "name",
        "description",
        "dateCreated",
        "dateUpdated",
        "resourceTags",
        "tags",
        "instanceTypes",
        "instanceProfileName",
        "placement",
    ];
    let all = store::all(world, call, Kind::Infrastructure).into_iter();
    let shown = all.map(|found| only(&found.shown(world), &names)).filter(|shown| filters.pass(shown)).collect();
    reply(call, &args, "infrastructureConfigurationSummaryList", shown)
}

pub fn delete(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let arn = args.required("infrastructureConfigurationArn", &INFRASTRUCTURE_ARN)?.to_owned();
    store::get(world, call, &arn)?;
    if pipelines_of(world, call, "infrastructureConfigurationArn", &arn) {
        return Err(depended_on(&arn));
    }
    world.imagebuilder.resources.remove(&arn);
    Ok(Done::json(json!({ "requestId": call.request_id, "infrastructureConfigurationArn": arn })).made([arn]))
}
