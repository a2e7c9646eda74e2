//! ListImages, ListImageBuildVersions.

use super::super::super::World;
use super::super::super::ec2::Home;
use super::super::super::reply::{Incoming, Reply};
use super::super::args::Args;
use super::super::arn::{Arn, Kind};
use super::super::page::{Filters, reply};
use super::super::parent::MANAGED;
use super::super::refusal::combination;
use super::super::rules::IMAGE_VERSION;
use super::super::store::only;
use super::Image;
use super::show::common;
use serde_json::{Value, json};
use tokio::time::Instant;

/// The caller's own, oldest first.
pub fn all<'a>(world: &'a World, call: &Incoming<'_>) -> Vec<&'a Image> {
    let home = Home::of(call.caller);
    let own = |image: &&Image| image.home == home && image.visible <= call.now;
    let mut all: Vec<&Image> = world.imagebuilder.images.values().filter(own).collect();
    all.sort_by_key(|image| image.serial);
    all
}

/// What lists of builds show.
pub fn summary(world: &World, image: &Image, seen: Instant) -> Value {
    let mut shown = common(world, image, seen);
    shown["owner"] = json!(image.home.account);
    shown["loggingConfiguration"] = json!({ "logGroupName": image.log_group });
    shown
}

pub fn list(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let owner = args.one_of("owner", &["Self", "Shared", "Amazon", "ThirdParty", "AWSMarketplace"])?;
    let filters = Filters::read(&args, &["name", "osVersion", "platform", "type", "version"])?;
    args.flag("includeDeprecated")?;
    let by_name = args.flag("byName")?.unwrap_or(false);
    if by_name && filters.names("version") {
        return Err(combination("'byName' can't be combined with the filter 'version'."));
    }
    let found = match owner {
        None | Some("Self") => versions(world, call, by_name),
        Some("Amazon") => managed(world, call),
        Some(_) => Vec::new(),
    };
    reply(call, &args, "imageVersionList", found.into_iter().filter(|shown| filters.pass(shown)).collect())
}

/// One entry for each version, or for each name.
fn versions(world: &World, call: &Incoming<'_>, by_name: bool) -> Vec<Value> {
    let mut newest: Vec<&Image> = Vec::new();
    for image in all(world, call) {
        let same = |other: &&Image| other.name == image.name && (by_name || other.version == image.version);
        newest.retain(|other| !same(other) || (other.version, other.build) > (image.version, image.build));
        if !newest.iter().any(same) {
            newest.push(image);
        }
    }
    let one = |image: &Image| {
        let names = ["name", "type", "platform", "osVersion", "dateCreated", "buildType", "imageSource"];
        let mut shown = only(&common(world, image, call.now), &names);
        shown["owner"] = json!(image.home.account);
        shown["version"] = json!(image.version.to_string());
        shown["arn"] = match by_name {
            false => json!(image.version_arn()),
            true => json!(format!("{}/x.x.x", Kind::Image.arn(&image.home, &image.name))),
        };
        shown
    };
    newest.into_iter().map(one).collect()
}

/// Images of Amazon's own: the newest Amazon Linux of each architecture, by its date.
fn managed(world: &World, call: &Incoming<'_>) -> Vec<Value> {
    let one = |(name, architecture): (&str, &str)| {
        let id = world.ec2.latest_al2023(&call.caller.region, architecture)?;
        let made = world.ec2.images.get(&id)?.created;
        let version = format!("{}.{}.{}", made.year(), u8::from(made.month()), made.day());
        Some(json!({
            "arn": format!("arn:aws:imagebuilder:{}:aws:image/{name}/{version}", call.caller.region),
            "name": name,
            "type": "AMI",
            "version": version,
            "platform": "Linux",
            "osVersion": "Amazon Linux 2023",
            "owner": "Amazon",
            "dateCreated": super::super::super::clock::iso(made),
            "imageSource": "AMAZON_MANAGED",
        }))
    };
    MANAGED.into_iter().filter_map(one).collect()
}

pub fn list_builds(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let filters = Filters::read(&args, &["name", "osVersion", "platform", "type", "version"])?;
    let arn = args.text("imageVersionArn", &IMAGE_VERSION)?;
    let wanted = arn.and_then(Arn::parse);
    let meant = |image: &&Image| arn.is_none_or(|arn| image.version_arn() == arn) && wanted.is_some() == arn.is_some();
    let seen = world.seen_at(call.now);
    let shown = all(world, call).into_iter().filter(meant).map(|image| summary(world, image, seen));
    reply(call, &args, "imageSummaryList", shown.filter(|shown| filters.pass(shown)).collect())
}
