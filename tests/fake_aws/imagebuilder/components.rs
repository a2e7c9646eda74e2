//! Components: their versions are as they were made; another document under a version makes another build of it.

use super::super::World;
use super::super::ec2::Home;
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::super::s3;
use super::args::Args;
use super::arn::{Kind, Pattern, Version};
use super::document::{self, Document};
use super::once::once;
use super::page::{Filters, reply};
use super::refusal::{combination, depended_on, exists, invalid, version};
use super::rules::{ANY, COMPONENT_ARN, COMPONENT_BUILD, COMPONENT_VERSION, DATA, NAME, SOME, VERSION};
use super::store::{self, Resource, only, references};
use super::{permissions, recipes};
use serde_json::{Value, json};

/// "64 KB", of which nobody says which: the smaller ones.
const MOST_STORED: usize = 64_000;

/// The version that a request gives.
pub fn version_of(args: &Args) -> Result<Version, Failure> {
    let text = args.required("semanticVersion", &VERSION)?;
    let exact = Pattern::parse(text).and_then(|pattern| pattern.exact());
    exact.ok_or_else(|| version(format!("Version '{text}' is out of bounds: a node is {} at most.", Version::MOST)))
}

pub fn create(world: &mut World, call: &Incoming<'_>) -> Reply {
    let reads: &[&str] = if call.json["uri"].is_string() { &["s3:GetObject"] } else { &[] };
    let needs = permissions::with_tags(call, reads);
    permissions::check(call, &needs)?;
    let args = Args::of(call)?;
    let reply = once(world, call, &args, |world| {
        let name = args.required("name", &NAME)?.to_owned();
        let version = version_of(&args)?;
        for text in ["description", "changeDescription", "kmsKeyId"] {
            args.text(text, &SOME)?;
        }
        args.one_of("platform", &["Windows", "Linux", "macOS"])?.ok_or_else(|| args.missing("platform"))?;
        args.texts("supportedOsVersions", 1, 25, &SOME)?;
        let tags = args.tags("tags", 50)?.unwrap_or_default();
        let data = data_of(world, call, &args)?;
        let document = document::read(&data).map_err(|why| invalid("data", why))?;
        let home = Home::of(call.caller);
        let of_version = format!("{}/{version}", Kind::Component.arn(&home, &name));
        let mut body = args.kept(&["description", "changeDescription", "platform", "supportedOsVersions", "kmsKeyId"]);
        body.insert("data".to_owned(), json!(data));
        describe(&mut body, &document);
        // "If the content is also identical to the latest build version, the request fails."
        let own = world.imagebuilder.resources.values();
        let builds = own.filter(|found| found.arn.strip_prefix(&of_version).is_some_and(|end| end.starts_with('/')));
        if let Some(last) = builds.max_by_key(|found| found.build)
            && last.body == body
        {
            let refused = exists(Kind::Component, &last.arn);
            return Err(match world.imagebuilder.pokes.exists_code {
                Some(code) => Failure::bad(code, refused.message),
                None => refused,
            });
        }
        let build = world.imagebuilder.next_build(&of_version);
        let arn = format!("{of_version}/{build}");
        let mut resource = Resource::new(world, call, Kind::Component, &name, arn.clone());
        (resource.version, resource.build) = (Some(version), Some(build));
        (resource.body, resource.tags) = (body, tags);
        world.imagebuilder.resources.insert(arn.clone(), resource);
        let answer = json!({
            "componentBuildVersionArn": arn,
            "latestVersionReferences": references(Kind::Component, &home, &name, version),
        });
        Ok((answer, arn))
    });
    permissions::record(reply, &needs)
}

/// The document, from the request or from S3.
fn data_of(world: &World, call: &Incoming<'_>, args: &Args) -> Result<String, Failure> {
    match (args.text("data", &DATA)?, args.text("uri", &ANY)?) {
        (Some(data), None) => Ok(data.to_owned()),
        (None, Some(uri)) => {
            let bytes = s3::read(world, call, uri).map_err(|why| invalid("uri", why))?;
            if bytes.len() > MOST_STORED {
                return Err(invalid("uri", format!("The document has more than {MOST_STORED} bytes.")));
            }
            String::from_utf8(bytes).map_err(|_| invalid("uri", "The document is no UTF-8."))
        }
        _ => Err(combination("Exactly one of 'data' and 'uri' must be given.")),
    }
}

/// What the service reads from the document.
fn describe(body: &mut serde_json::Map<String, Value>, document: &Document) {
    body.insert("type".to_owned(), json!(document.kind()));
    let parameters: Vec<Value> = document
        .parameters
        .iter()
        .map(|parameter| {
            let mut shown = json!({ "name": parameter.name, "type": parameter.kind });
            if let Some(default) = &parameter.default {
                shown["defaultValue"] = json!([default]);
            }
            if let Some(description) = &parameter.description {
                shown["description"] = json!(description);
            }
            shown
        })
        .collect();
    if !parameters.is_empty() {
        body.insert("parameters".to_owned(), json!(parameters));
    }
}

fn shown(world: &World, found: &Resource) -> Value {
    let mut shown = found.shown(world);
    shown["owner"] = json!(found.home.account);
    shown["encrypted"] = json!(true);
    shown["state"] = json!({ "status": "ACTIVE" });
    shown["obfuscate"] = json!(false);
    shown
}

pub fn get(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let arn = args.required("componentBuildVersionArn", &COMPONENT_ARN)?;
    let found = store::newest(world, call, arn)?;
    let Some(version) = found.version else { return Err(super::refusal::not_found(arn)) };
    Ok(Done::json(json!({
        "requestId": call.request_id,
        "component": shown(world, found),
        "latestVersionReferences": references(Kind::Component, &found.home, &found.name, version),
    })))
}

/// What a list shows of a version: its newest build stands for it.
fn in_list(world: &World, found: &Resource, name_alone: bool) -> Value {
    let names = ["name", "version", "description", "platform", "supportedOsVersions", "type", "owner", "dateCreated"];
    let mut shown = only(&shown(world, found), &names);
    let base = Kind::Component.arn(&found.home, &found.name);
    shown["status"] = json!("ACTIVE");
    shown["arn"] = match (name_alone, found.version) {
        (false, Some(version)) => json!(format!("{base}/{version}")),
        _ => json!(format!("{base}/x.x.x")),
    };
    shown
}

pub fn list(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let owner = args.one_of("owner", &["Self", "Shared", "Amazon", "ThirdParty", "AWSMarketplace"])?;
    let known = ["description", "name", "platform", "status", "supportedOsVersion", "type", "version"];
    let filters = Filters::read(&args, &known)?;
    let by_name = args.flag("byName")?.unwrap_or(false);
    if by_name && filters.names("version") {
        return Err(combination("'byName' can't be combined with the filter 'version'."));
    }
    let mut newest: Vec<&Resource> = Vec::new();
    for found in store::all(world, call, Kind::Component) {
        let same = |other: &&Resource| other.name == found.name && (by_name || other.version == found.version);
        newest.retain(|other| !same(other) || (other.version, other.build) > (found.version, found.build));
        if !newest.iter().any(same) {
            newest.push(found);
        }
    }
    // Components of Amazon's own are not here.
    let own = matches!(owner, None | Some("Self"));
    let shown = newest.into_iter().filter(|_| own).map(|found| in_list(world, found, by_name));
    let shown = shown.filter(|shown| filters.pass(shown)).collect();
    reply(call, &args, "componentVersionList", shown)
}

pub fn list_builds(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let arn = args.text("componentVersionArn", &COMPONENT_VERSION)?;
    let names = [
        "arn",
        "name",
        "version",
        "platform",
        "supportedOsVersions",
        "state",
        "type",
        "owner",
        "description",
        "changeDescription",
        "dateCreated",
        "tags",
        "obfuscate",
    ];
    let builds = store::all(world, call, Kind::Component).into_iter();
    let builds = builds.filter(|found| arn.is_none_or(|arn| store::means(arn, found)));
    let shown = builds.map(|found| only(&shown(world, found), &names)).collect();
    reply(call, &args, "componentSummaryList", shown)
}

pub fn delete(world: &mut World, call: &Incoming<'_>) -> Reply {
    let args = Args::of(call)?;
    let arn = args.required("componentBuildVersionArn", &COMPONENT_BUILD)?.to_owned();
    let found = store::get(world, call, &arn)?;
    let uses = |recipe: &Resource| recipes::components(recipe).any(|used| store::means(used, found));
    if store::all(world, call, Kind::Recipe).into_iter().any(uses) {
        return Err(depended_on(&arn));
    }
    world.imagebuilder.resources.remove(&arn);
    Ok(Done::json(json!({ "requestId": call.request_id, "componentBuildVersionArn": arn })).made([arn]))
}
