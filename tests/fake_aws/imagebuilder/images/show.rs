//! GetImage.

use super::super::super::World;
use super::super::super::ec2::Home;
use super::super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::args::Args;
use super::super::arn::{Arn, Kind, slug};
use super::super::refusal::{not_found, version};
use super::super::rules::IMAGE_ARN;
use super::super::store::references;
use super::create::own;
use super::{Image, State};
use serde_json::{Value, json};
use tokio::time::Instant;

pub fn state(state: &State) -> Value {
    let mut shown = json!({ "status": state.status });
    if let Some(reason) = &state.reason {
        shown["reason"] = json!(reason);
    }
    if let Some(failure) = &state.failure {
        shown["failureContext"] = failure.clone();
    }
    shown
}

/// What lists show of it too.
pub fn common(world: &World, image: &Image, seen: Instant) -> Value {
    let now = image.state.at(seen);
    let mut shown = json!({
        "arn": image.arn,
        "type": "AMI",
        "name": image.name,
        "version": format!("{}/{}", image.version, image.build),
        "platform": "Linux",
        "state": state(now),
        "dateCreated": world.clock.iso(image.created),
        "tags": image.tags,
        "buildType": "USER_INITIATED",
        "imageSource": "CUSTOM",
    });
    if let Some(os) = &image.os_version {
        shown["osVersion"] = json!(os);
    }
    let amis: Vec<Value> = image
        .amis
        .iter()
        .filter(|_| now.status == "AVAILABLE")
        .map(|ami| {
            let mut shown = json!({
                "region": ami.region,
                "image": ami.id,
                "name": ami.name,
                "accountId": image.home.account,
                "state": { "status": "AVAILABLE" },
            });
            if !ami.description.is_empty() {
                shown["description"] = json!(ami.description);
            }
            shown
        })
        .collect();
    shown["outputResources"] = json!({ "amis": amis });
    shown
}

/// All of it.
pub fn shown(world: &World, image: &Image, seen: Instant) -> Value {
    let mut shown = common(world, image, seen);
    shown["enhancedImageMetadataEnabled"] = json!(image.metadata);
    shown["imageRecipe"] = image.recipe.clone();
    shown["infrastructureConfiguration"] = image.infrastructure.clone();
    shown["imageTestsConfiguration"] = image.tests.clone();
    if let Some(distribution) = &image.distribution {
        shown["distributionConfiguration"] = distribution.clone();
    }
    if let Some(pipeline) = &image.pipeline {
        shown["sourcePipelineArn"] = json!(pipeline);
    }
    for name in ["executionRole", "workflows"] {
        if let Some(value) = image.more.get(name) {
            shown[name] = value.clone();
        }
    }
    shown["loggingConfiguration"] = json!({ "logGroupName": image.log_group });
    shown
}

/// The newest build that an ARN without a build number means: "the latest that has reached AVAILABLE".
pub fn newest<'a>(world: &'a World, home: &Home, arn: &str, now: Instant) -> Result<&'a Image, Failure> {
    let parsed = Arn::parse(arn).filter(|parsed| parsed.is_of(home) && parsed.kind == Kind::Image);
    let (parsed, pattern) =
        parsed.and_then(|parsed| Some((parsed.clone(), parsed.version?))).ok_or_else(|| not_found(arn))?;
    if !pattern.is_in_order() {
        return Err(version(format!("All nodes to the right of the first wildcard must be wildcards: '{arn}'.")));
    }
    let meant = |image: &&Image| {
        image.home == *home
            && image.visible <= now
            && slug(&image.name) == parsed.name
            && pattern.matches(image.version)
            && parsed.build.is_none_or(|build| build == image.build)
            && image.state.at(now).status == "AVAILABLE"
    };
    let found = world.imagebuilder.images.values().filter(meant).max_by_key(|image| (image.version, image.build));
    found.ok_or_else(|| not_found(arn))
}

pub fn get(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let arn = args.required("imageBuildVersionArn", &IMAGE_ARN)?;
    let seen = world.seen_at(call.now);
    let image = match Arn::parse(arn).and_then(|arn| arn.build) {
        Some(_) => own(world, call, arn)?,
        None => newest(world, &Home::of(call.caller), arn, seen)?,
    };
    Ok(Done::json(json!({
        "requestId": call.request_id,
        "image": shown(world, image, seen),
        "latestVersionReferences": references(Kind::Image, &image.home, &image.name, image.version),
    })))
}
