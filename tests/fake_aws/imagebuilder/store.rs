//! What there is but images: kept as it was given, under its ARN.

use super::super::World;
use super::super::ec2::{Home, Tags};
use super::super::reply::{Failure, Incoming};
use super::arn::{Arn, Kind, Pattern, Version};
use super::refusal::not_found;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

/// A resource.
#[derive(Debug, Clone)]
pub struct Resource {
    pub kind: Kind,
    pub home: Home,
    pub arn: String,
    pub name: String,
    pub version: Option<Version>,
    /// Of a component.
    pub build: Option<u32>,
    /// The members that are shown as they were given.
    pub body: Map<String, Value>,
    pub tags: Tags,
    pub created: Instant,
    pub updated: Option<Instant>,
    pub visible: Instant,
    /// In which order they were made.
    pub serial: u64,
}

impl Resource {
    pub fn new(world: &mut World, call: &Incoming<'_>, kind: Kind, name: &str, arn: String) -> Resource {
        let visible = world.visible_at(call.now);
        world.imagebuilder.serial += 1;
        Resource {
            kind,
            home: Home::of(call.caller),
            arn,
            name: name.to_owned(),
            version: None,
            build: None,
            body: Map::new(),
            tags: Tags::new(),
            created: call.now,
            updated: None,
            visible,
            serial: world.imagebuilder.serial,
        }
    }

    /// A member that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name)?.as_str()
    }

    /// All of it, with what every resource has.
    pub fn shown(&self, world: &World) -> Value {
        let mut shown = self.body.clone();
        shown.insert("arn".to_owned(), json!(self.arn));
        shown.insert("name".to_owned(), json!(self.name));
        shown.insert("dateCreated".to_owned(), json!(world.clock.iso(self.created)));
        if let Some(updated) = self.updated {
            shown.insert("dateUpdated".to_owned(), json!(world.clock.iso(updated)));
        }
        if let Some(version) = self.version {
            shown.insert("version".to_owned(), json!(version.to_string()));
        }
        shown.insert("tags".to_owned(), json!(self.tags));
        Value::Object(shown)
    }
}

/// These members of what is shown.
pub fn only(shown: &Value, names: &[&str]) -> Value {
    let member = |name: &&str| Some(((*name).to_owned(), shown.get(*name)?.clone()));
    Value::Object(names.iter().filter_map(member).collect())
}

/// A resource of the caller's own, by its whole ARN.
pub fn get<'a>(world: &'a World, call: &Incoming<'_>, arn: &str) -> Result<&'a Resource, Failure> {
    let home = Home::of(call.caller);
    let found = world.imagebuilder.resources.get(arn);
    found.filter(|found| found.home == home && found.visible <= call.now).ok_or_else(|| not_found(arn))
}

/// All of a kind that the caller has and sees, oldest first.
pub fn all<'a>(world: &'a World, call: &Incoming<'_>, kind: Kind) -> Vec<&'a Resource> {
    all_of(world, &Home::of(call.caller), kind, call.now)
}

fn all_of<'a>(world: &'a World, home: &Home, kind: Kind, now: Instant) -> Vec<&'a Resource> {
    let own = |found: &&Resource| found.kind == kind && found.home == *home && found.visible <= now;
    let mut all: Vec<&Resource> = world.imagebuilder.resources.values().filter(own).collect();
    all.sort_by_key(|found| found.serial);
    all
}

/// The newest of a kind that an ARN means, wildcards and missing build numbers included.
pub fn newest<'a>(world: &'a World, call: &Incoming<'_>, arn: &str) -> Result<&'a Resource, Failure> {
    newest_of(world, &Home::of(call.caller), arn, call.now)
}

/// The same, for whoever lives there.
pub fn newest_of<'a>(world: &'a World, home: &Home, arn: &str, now: Instant) -> Result<&'a Resource, Failure> {
    let parsed = Arn::parse(arn).filter(|parsed| parsed.is_of(home)).ok_or_else(|| not_found(arn))?;
    if let (Some(pattern), None) = (parsed.version, parsed.build) {
        in_order(arn, pattern)?;
    }
    let all = all_of(world, home, parsed.kind, now).into_iter();
    all.filter(|found| means(arn, found)).max_by_key(|found| (found.version, found.build)).ok_or_else(|| not_found(arn))
}

fn in_order(arn: &str, pattern: Pattern) -> Result<(), Failure> {
    if pattern.is_in_order() {
        return Ok(());
    }
    Err(super::refusal::version(format!("All nodes to the right of the first wildcard must be wildcards: '{arn}'.")))
}

/// The name in its ARN.
pub fn slug_of(resource: &Resource) -> String {
    super::arn::slug(&resource.name)
}

/// Whether an ARN in a recipe or a pipeline, which may have wildcards, means this resource.
pub fn means(arn: &str, resource: &Resource) -> bool {
    let Some(parsed) = Arn::parse(arn) else { return false };
    parsed.is_of(&resource.home)
        && parsed.kind == resource.kind
        && parsed.name == slug_of(resource)
        && match (parsed.version, resource.version) {
            (Some(pattern), Some(version)) => pattern.matches(version),
            (wanted, _) => wanted.is_none(),
        }
        && (parsed.build.is_none() || parsed.build == resource.build)
}

/// The ARNs that stand for the newest of a version's line.
pub fn references(kind: Kind, home: &Home, name: &str, version: Version) -> Value {
    let arn = kind.arn(home, name);
    let [major, minor, _] = version.0;
    json!({
        "latestVersionArn": format!("{arn}/x.x.x"),
        "latestMajorVersionArn": format!("{arn}/{major}.x.x"),
        "latestMinorVersionArn": format!("{arn}/{major}.{minor}.x"),
        "latestPatchVersionArn": format!("{arn}/{version}"),
    })
}
