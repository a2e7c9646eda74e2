//! Tags of resources.

use super::super::World;
use super::super::ec2::{Home, Tags};
use super::super::reply::{Done, Failure, Incoming, Reply};
use super::args::{Args, check};
use super::arn::Arn;
use super::refusal::not_found;
use super::rules::TAG_KEY;
use serde_json::json;

/// "You can attach up to 50 tags to a resource."
const MOST: usize = 50;

fn wrong(message: impl Into<String>) -> Failure {
    Failure::bad("InvalidParameterException", message)
}

/// The ARN in the path, where it is percent-encoded.
fn named(call: &Incoming<'_>) -> Result<String, Failure> {
    let path = call.request.path.trim_start_matches('/').trim_start_matches("tags/");
    // A plus sign is no space in a path, and no ARN has one.
    let arn = form_urlencoded::parse(path.as_bytes()).next().map(|(key, _)| key.into_owned()).unwrap_or_default();
    match Arn::parse(&arn) {
        Some(_) => Ok(arn),
        None => Err(wrong(format!("The resource ARN '{arn}' is not valid."))),
    }
}

fn find<'a>(world: &'a mut World, call: &Incoming<'_>, arn: &str) -> Result<&'a mut Tags, Failure> {
    let home = Home::of(call.caller);
    let state = &mut world.imagebuilder;
    if let Some(found) = state.images.get_mut(arn).filter(|found| found.home == home && found.visible <= call.now) {
        return Ok(&mut found.tags);
    }
    let resource = state.resources.get_mut(arn).filter(|found| found.home == home && found.visible <= call.now);
    resource.map(|found| &mut found.tags).ok_or_else(|| not_found(arn))
}

pub fn tag(world: &mut World, call: &Incoming<'_>) -> Reply {
    let arn = named(call)?;
    let args = Args::of(call)?;
    let new = args.tags("tags", MOST)?.ok_or_else(|| args.missing("tags"))?;
    let tags = find(world, call, &arn)?;
    let mut all = tags.clone();
    all.extend(new);
    if all.len() > MOST {
        return Err(wrong(format!("A resource can have {MOST} tags at most.")));
    }
    *tags = all;
    Ok(Done::json(json!({})).made([arn]))
}

pub fn untag(world: &mut World, call: &Incoming<'_>) -> Reply {
    let arn = named(call)?;
    // One `tagKeys` for each key.
    let keys: Vec<String> = form_urlencoded::parse(call.request.query.as_bytes())
        .filter(|(name, _)| name == "tagKeys")
        .map(|(_, key)| key.into_owned())
        .collect();
    if !(1..=MOST).contains(&keys.len()) {
        return Err(wrong(format!("'tagKeys' must have between 1 and {MOST} members.")));
    }
    for key in &keys {
        check("tagKeys", key, &TAG_KEY)?;
    }
    find(world, call, &arn)?.retain(|key, _| !keys.contains(key));
    Ok(Done::json(json!({})).made([arn]))
}

pub fn list(world: &mut World, call: &Incoming<'_>) -> Reply {
    let arn = named(call)?;
    let tags = find(world, call, &arn)?.clone();
    Ok(Done::json(json!({ "tags": tags })))
}
