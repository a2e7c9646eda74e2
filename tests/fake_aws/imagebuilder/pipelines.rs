//! Image pipelines: an order for images that is kept, and started by hand. A schedule is checked, kept
//! and says when it comes next; nothing starts by it.

use super::super::ec2::Home;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::{Fake, World};
use super::args::Args;
use super::arn::Kind;
use super::images::{self, Order};
use super::once::once;
use super::page::{Filters, reply};
use super::refusal::exists;
use super::rules::{NAME, PIPELINE_ARN, SOME};
use super::store::{self, Resource};
use super::{permissions, schedule};
use serde_json::{Map, Value, json};

const MEMBERS: [&str; 10] = [
    "description",
    "imageRecipeArn",
    "infrastructureConfigurationArn",
    "distributionConfigurationArn",
    "schedule",
    "imageTags",
    "executionRole",
    "workflows",
    "loggingConfiguration",
    "status",
];

/// All that is in a pipeline.
fn body(world: &World, call: &Incoming<'_>, args: &Args) -> Result<Map<String, Value>, Failure> {
    args.text("description", &SOME)?;
    args.one_of("status", &["ENABLED", "DISABLED"])?;
    args.tags("imageTags", 50)?;
    let order = images::order(args, "imageLogGroupName")?;
    store::newest(world, call, &order.recipe)?;
    store::get(world, call, &order.infrastructure)?;
    if let Some(distribution) = &order.distribution {
        store::get(world, call, distribution)?;
    }
    let mut body = args.kept(&MEMBERS);
    if let Some(given) = args.structure("schedule")? {
        body.insert("schedule".to_owned(), schedule::read(&given)?);
    }
    body.entry("status").or_insert(json!("ENABLED"));
    body.insert("platform".to_owned(), json!("Linux"));
    body.insert("imageTestsConfiguration".to_owned(), order.tests);
    body.insert("enhancedImageMetadataEnabled".to_owned(), json!(order.metadata));
    Ok(body)
}

pub fn create(world: &mut World, call: &Incoming<'_>) -> Reply {
    let needs = permissions::with_tags(call, images::NEEDS);
    permissions::check(call, &needs)?;
    let args = Args::of(call)?;
    let reply = once(world, call, &args, |world| {
        let name = args.required("name", &NAME)?.to_owned();
        let tags = args.tags("tags", 50)?.unwrap_or_default();
        let body = body(world, call, &args)?;
        let arn = Kind::Pipeline.arn(&Home::of(call.caller), &name);
        if world.imagebuilder.resources.contains_key(&arn) {
            return Err(exists(Kind::Pipeline, &arn));
        }
        let mut resource = Resource::new(world, call, Kind::Pipeline, &name, arn.clone());
        (resource.body, resource.tags) = (body, tags);
        world.imagebuilder.resources.insert(arn.clone(), resource);
        Ok((json!({ "imagePipelineArn": arn }), arn))
    });
    permissions::record(reply, &needs)
}

/// "The request replaces the entire pipeline configuration."
pub fn update(world: &mut World, call: &Incoming<'_>) -> Reply {
    permissions::check(call, images::NEEDS)?;
    let args = Args::of(call)?;
    let reply = once(world, call, &args, |world| {
        let arn = args.required("imagePipelineArn", &PIPELINE_ARN)?.to_owned();
        store::get(world, call, &arn)?;
        let body = body(world, call, &args)?;
        if let Some(found) = world.imagebuilder.resources.get_mut(&arn) {
            (found.body, found.updated) = (body, Some(call.now));
        }
        Ok((json!({ "imagePipelineArn": arn }), arn))
    });
    permissions::record(reply, images::NEEDS)
}

/// As the service shows it, with what became of its last image.
fn shown(world: &World, call: &Incoming<'_>, found: &Resource) -> Value {
    let mut shown = found.shown(world);
    let made = images::all(world, call).into_iter().filter(|image| image.pipeline.as_deref() == Some(&found.arn));
    let made: Vec<_> = made.collect();
    if let Some(last) = made.last() {
        shown["dateLastRun"] = json!(world.clock.iso(last.created));
        shown["lastRunStatus"] = json!(last.state.at(call.now).status);
    }
    let is_on = found.body.get("status") == Some(&json!("ENABLED"));
    let schedule = found.body.get("schedule").filter(|_| is_on);
    if let Some(next) = schedule.and_then(|schedule| schedule::next(schedule, world.clock.wall(call.now))) {
        shown["dateNextRun"] = json!(super::super::clock::iso(next));
    }
    let failures = made.iter().rev().take_while(|image| image.state.at(call.now).status == "FAILED").count();
    shown["consecutiveFailures"] = json!(failures);
    shown
}

pub fn get(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let found = store::get(world, call, args.required("imagePipelineArn", &PIPELINE_ARN)?)?;
    let shown = shown(world, call, found);
    Ok(Done::json(json!({ "requestId": call.request_id, "imagePipeline": shown })))
}

pub fn list(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let known = [
        "description",
        "distributionConfigurationArn",
        "imageRecipeArn",
        "infrastructureConfigurationArn",
        "name",
        "status",
    ];
    let filters = Filters::read(&args, &known)?;
    let all = store::all(world, call, Kind::Pipeline).into_iter().map(|found| shown(world, call, found));
    reply(call, &args, "imagePipelineList", all.filter(|shown| filters.pass(shown)).collect())
}

/// "You can delete a pipeline while a build that it started is still running."
pub fn delete(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let arn = args.required("imagePipelineArn", &PIPELINE_ARN)?.to_owned();
    store::get(world, call, &arn)?;
    world.imagebuilder.resources.remove(&arn);
    Ok(Done::json(json!({ "requestId": call.request_id, "imagePipelineArn": arn })).made([arn]))
}

/// "You can start a build this way whether the pipeline is enabled or disabled."
pub fn start(fake: &Fake, world: &mut World, call: &Incoming<'_>) -> Reply {
    let needs = permissions::with_tags(call, images::NEEDS);
    permissions::check(call, &needs)?;
    let args = Args::of(call)?;
    let reply = once(world, call, &args, |world| {
        let arn = args.required("imagePipelineArn", &PIPELINE_ARN)?.to_owned();
        let body = store::get(world, call, &arn)?.body.clone();
        let tags = args.tags("tags", 50)?.unwrap_or_default();
        let order = images::order(&Args::stored(body), "imageLogGroupName")?;
        let mut answer = images::begin(fake, world, call, Order { pipeline: Some(arn), tags, ..order })?;
        let made = answer["imageBuildVersionArn"].as_str().unwrap_or_default().to_owned();
        if let Some(members) = answer.as_object_mut() {
            members.remove("latestVersionReferences");
        }
        Ok((answer, made))
    });
    permissions::record(reply, &needs)
}

/// A pipeline that is not there has no images.
pub fn list_images(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let arn = args.required("imagePipelineArn", &PIPELINE_ARN)?;
    let filters = Filters::read(&args, &["name", "version"])?;
    let seen = world.seen_at(call.now);
    let made = images::all(world, call).into_iter().filter(|image| image.pipeline.as_deref() == Some(arn));
    let shown = made.map(|image| images::summary(world, image, seen)).filter(|shown| filters.pass(shown));
    reply(call, &args, "imageSummaryList", shown.collect())
}
