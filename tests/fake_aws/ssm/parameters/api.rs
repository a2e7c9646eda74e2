//! Parameter Store's operations, as JSON in and JSON out.

use super::super::arguments::{Arguments, constraint, page};
use super::super::refusal::{Answer, Refusal};
use super::labels::{not_found, version_not_found};
use super::names::{Selector, is_below, split};
use super::{Kind, Parameter, Put, Store, Version, filters, tags};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// What an operation needs to know of the world around the store.
pub struct Scene<'a> {
    pub now: Instant,
    /// Seconds since 1970, as these protocols tell time.
    pub stamp: &'a dyn Fn(Instant) -> f64,
    pub account: &'a str,
    pub region: &'a str,
    pub caller: &'a str,
    pub may_describe_images: bool,
    /// How long looking up an image takes.
    pub validation: Duration,
    /// AWS's own parameters.
    pub public: &'a BTreeMap<String, Parameter>,
}

/// Answers one operation; none where it is not one of Parameter Store's.
pub fn call(action: &str, arguments: &Arguments, store: &mut Store, scene: &Scene<'_>) -> Option<Answer> {
    Some(match action {
        "GetParameter" => get_parameter(arguments, store, scene),
        "GetParameters" => get_parameters(arguments, store, scene),
        "GetParametersByPath" => by_path(arguments, store, scene),
        "GetParameterHistory" => history(arguments, store, scene),
        "DescribeParameters" => describe(arguments, store, scene),
        "PutParameter" => put(arguments, store, scene),
        "DeleteParameter" => delete(arguments, store),
        "DeleteParameters" => delete_several(arguments, store),
        "LabelParameterVersion" => label(arguments, store),
        "UnlabelParameterVersion" => unlabel(arguments, store),
        "AddTagsToResource" => add_tags(arguments, store),
        "RemoveTagsFromResource" => remove_tags(arguments, store),
        "ListTagsForResource" => list_tags(arguments, store),
        _ => return None,
    })
}

fn find<'a>(name: &str, store: &'a Store, scene: &'a Scene<'_>) -> Option<&'a Parameter> {
    store.get(name).or_else(|| scene.public.get(name))
}

fn arn(name: &str, scene: &Scene<'_>) -> String {
    let account = if scene.public.contains_key(name) { "" } else { scene.account };
    format!("arn:aws:ssm:{}:{account}:parameter/{}", scene.region, name.trim_start_matches('/'))
}

/// A secret's value, where nobody asked for it in clear: something that is not the value.
fn shown(parameter: &Parameter, version: &Version, decrypt: bool) -> String {
    if parameter.kind != Kind::SecureString || decrypt {
        return version.value.clone();
    }
    let digest = <sha2::Sha256 as sha2::Digest>::digest(version.value.as_bytes());
    digest.iter().fold("AQICAHencrypted".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn parameter(
    name: &str,
    found: &Parameter,
    version: &Version,
    selector: &Selector,
    decrypt: bool,
    scene: &Scene<'_>,
) -> Value {
    let mut value = json!({
        "Name": name,
        "Type": found.kind.name(),
        "Value": shown(found, version, decrypt),
        "Version": version.number,
        "LastModifiedDate": (scene.stamp)(version.at),
        "ARN": arn(name, scene),
        "DataType": found.data_type,
    });
    if let Some(selector) = selector.shown() {
        value["Selector"] = json!(selector);
    }
    value
}

fn get_parameter(arguments: &Arguments, store: &Store, scene: &Scene<'_>) -> Answer {
    let (name, selector) = split(arguments.required("Name")?);
    let found = find(&name, store, scene).ok_or_else(not_found)?;
    let version = found.select(&selector).ok_or_else(|| {
        let shown = selector.shown().unwrap_or_default();
        version_not_found(&name, shown.trim_start_matches(':'))
    })?;
    let decrypt = arguments.flag("WithDecryption")?;
    Ok(json!({ "Parameter": parameter(&name, found, version, &selector, decrypt, scene) }))
}

fn get_parameters(arguments: &Arguments, store: &Store, scene: &Scene<'_>) -> Answer {
    let names = arguments.some_texts("Names", 10)?;
    // Systems Manager API reference, `GetParameters`: a name has at most 2048 characters.
    if names.iter().any(|name| name.len() > 2048) {
        return Err(Refusal::validation(
            "Value at 'names' failed to satisfy constraint: Member must have length less than or equal to 2048",
        ));
    }
    let decrypt = arguments.flag("WithDecryption")?;
    let (mut there, mut invalid) = (Vec::new(), Vec::new());
    let different: BTreeSet<&String> = names.iter().collect();
    for text in different {
        let (name, selector) = split(text);
        match find(&name, store, scene).and_then(|found| Some((found, found.select(&selector)?))) {
            Some((found, version)) => there.push(parameter(&name, found, version, &selector, decrypt, scene)),
            None => invalid.push(text.clone()),
        }
    }
    Ok(json!({ "Parameters": there, "InvalidParameters": invalid }))
}

fn by_path(arguments: &Arguments, store: &Store, scene: &Scene<'_>) -> Answer {
    let path = arguments.required("Path")?;
    if !path.starts_with('/') {
        return Err(Refusal::validation(
            "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward \
             slash \"/\".",
        ));
    }
    let recursive = arguments.flag("Recursive")?;
    let decrypt = arguments.flag("WithDecryption")?;
    let size = arguments.bounded("MaxResults", 1, 10)?.unwrap_or(10) as usize;
    let filters = filters::read(arguments, &["Type", "KeyId", "Label", "DataType"])?;
    let below = store.iter().chain(scene.public.iter()).filter(|(name, found)| {
        is_below(name, path, recursive) && filters.iter().all(|filter| filter.admits(name, found))
    });
    let all: Vec<_> = below.filter_map(|(name, found)| Some((name, found, found.newest()?))).collect();
    let (page, next) = page(all, arguments.text("NextToken")?, size)?;
    let shown = page
        .into_iter()
        .map(|(name, found, version)| parameter(name, found, version, &Selector::Newest, decrypt, scene));
    Ok(with_token(json!({ "Parameters": shown.collect::<Vec<_>>() }), next))
}

fn with_token(mut answer: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    answer
}

/// What `DescribeParameters` and `GetParameterHistory` both tell of a version.
fn metadata(name: &str, found: &Parameter, version: &Version, scene: &Scene<'_>) -> Value {
    let mut value = json!({
        "Name": name,
        "Type": found.kind.name(),
        "LastModifiedDate": (scene.stamp)(version.at),
        "LastModifiedUser": version.by,
        "Version": version.number,
        "Tier": "Standard",
        "Policies": [],
        "DataType": found.data_type,
    });
    if !version.description.is_empty() {
        value["Description"] = json!(version.description);
    }
    if found.kind == Kind::SecureString {
        value["KeyId"] = json!("alias/aws/ssm");
    }
    value
}

fn history(arguments: &Arguments, store: &Store, scene: &Scene<'_>) -> Answer {
    let (name, _) = split(arguments.required("Name")?);
    let found = store.get(&name).ok_or_else(not_found)?;
    let decrypt = arguments.flag("WithDecryption")?;
    let size = arguments.bounded("MaxResults", 1, 50)?.unwrap_or(50) as usize;
    let (page, next) = page(found.versions.iter().collect(), arguments.text("NextToken")?, size)?;
    let shown = page.into_iter().map(|version| {
        let mut value = metadata(&name, found, version, scene);
        value["Value"] = json!(shown(found, version, decrypt));
        value["Labels"] = json!(version.labels);
        value
    });
    Ok(with_token(json!({ "Parameters": shown.collect::<Vec<_>>() }), next))
}

fn describe(arguments: &Arguments, store: &Store, scene: &Scene<'_>) -> Answer {
    let size = arguments.bounded("MaxResults", 1, 50)?.unwrap_or(50) as usize;
    let filters = filters::read(arguments, &["Name", "Path", "Type", "KeyId", "Tier", "DataType", "tag"])?;
    if !arguments.structures("Filters")?.is_empty() {
        return Err(Refusal::validation("This fake knows ParameterFilters, not the older Filters."));
    }
    let admitted = store.iter().filter(|(name, found)| filters.iter().all(|filter| filter.admits(name, found)));
    let all: Vec<_> = admitted.filter_map(|(name, found)| Some((name, found, found.newest()?))).collect();
    let (page, next) = page(all, arguments.text("NextToken")?, size)?;
    let shown = page.into_iter().map(|(name, found, version)| {
        let mut value = metadata(name, found, version, scene);
        value["ARN"] = json!(arn(name, scene));
        value
    });
    Ok(with_token(json!({ "Parameters": shown.collect::<Vec<_>>() }), next))
}

fn put(arguments: &Arguments, store: &mut Store, scene: &Scene<'_>) -> Answer {
    let kind = match arguments.text("Type")? {
        None => None,
        Some("String") => Some(Kind::String),
        Some("StringList") => Some(Kind::StringList),
        Some("SecureString") => Some(Kind::SecureString),
        Some(other) => {
            let rule = "Member must satisfy enum value set: [SecureString, StringList, String]";
            return Err(constraint(other, "Type", rule));
        }
    };
    match arguments.text("Tier")? {
        None | Some("Standard" | "Intelligent-Tiering") => {}
        Some(tier) => return Err(Refusal::validation(format!("This fake has no parameters of tier {tier}."))),
    }
    let data_type = arguments.text("DataType")?.map(str::to_owned);
    if !matches!(data_type.as_deref(), None | Some("text" | super::IMAGE | "aws:ssm:integration")) {
        return Err(Refusal::validation(
            "The following data type is not supported. Supported data types: text, aws:ec2:image, aws:ssm:integration.",
        ));
    }
    if arguments.text("Policies")?.is_some_and(|policies| !policies.is_empty()) {
        let why = "You specified invalid keys or values in the Policies attribute for Expiration: this fake has none.";
        return Err(Refusal::new("InvalidPolicyTypeException", why));
    }
    let put = Put {
        name: arguments.required("Name")?.to_owned(),
        value: arguments.required("Value")?.to_owned(),
        kind,
        data_type,
        description: arguments.text("Description")?.unwrap_or_default().to_owned(),
        allowed_pattern: arguments.text("AllowedPattern")?.unwrap_or_default().to_owned(),
        tags: arguments.tags("Tags")?.into_iter().collect(),
        overwrite: arguments.flag("Overwrite")?,
        by: scene.caller.to_owned(),
        may_describe_images: scene.may_describe_images,
    };
    if put.description.chars().count() > 1024 {
        return Err(constraint(&put.description, "Description", "Member must have length less than or equal to 1024"));
    }
    let version = store.put(put, scene.now, scene.validation)?;
    Ok(json!({ "Version": version, "Tier": "Standard" }))
}

fn delete(arguments: &Arguments, store: &mut Store) -> Answer {
    let (name, _) = split(arguments.required("Name")?);
    if store.delete(&name) { Ok(json!({})) } else { Err(not_found()) }
}

fn delete_several(arguments: &Arguments, store: &mut Store) -> Answer {
    let names = arguments.some_texts("Names", 10)?;
    let (deleted, invalid): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| store.delete(&split(name).0));
    Ok(json!({ "DeletedParameters": deleted, "InvalidParameters": invalid }))
}

fn label(arguments: &Arguments, store: &mut Store) -> Answer {
    let (name, _) = split(arguments.required("Name")?);
    let version = arguments.bounded("ParameterVersion", 1, i64::MAX)?.map(i64::unsigned_abs);
    let labelled = store.label(&name, version, &arguments.some_texts("Labels", 10)?)?;
    Ok(json!({ "InvalidLabels": labelled.invalid, "ParameterVersion": labelled.version }))
}

fn unlabel(arguments: &Arguments, store: &mut Store) -> Answer {
    let (name, _) = split(arguments.required("Name")?);
    let version = arguments.bounded("ParameterVersion", 1, i64::MAX)?;
    let version = version.ok_or_else(|| constraint("null", "ParameterVersion", "Member must not be null"))?;
    let (removed, invalid) = store.unlabel(&name, version.unsigned_abs(), &arguments.some_texts("Labels", 10)?)?;
    Ok(json!({ "RemovedLabels": removed, "InvalidLabels": invalid }))
}

/// The parameter whose tags a request is about.
fn tagged<'a>(arguments: &Arguments, store: &'a mut Store) -> Result<&'a mut BTreeMap<String, String>, Refusal> {
    let kind = arguments.required("ResourceType")?;
    if kind != "Parameter" {
        return Err(Refusal::new("InvalidResourceType", format!("This fake tags parameters only, not {kind}.")));
    }
    let (name, _) = split(arguments.required("ResourceId")?);
    let found = store.parameters.get_mut(&name);
    let missing = || Refusal::new("InvalidResourceId", format!("The resource ID \"{name}\" is not valid."));
    found.map(|found| &mut found.tags).ok_or_else(missing)
}

fn add_tags(arguments: &Arguments, store: &mut Store) -> Answer {
    let new: BTreeMap<String, String> = arguments.tags("Tags")?.into_iter().collect();
    let there = tagged(arguments, store)?;
    tags::check(there, &new)?;
    there.extend(new);
    Ok(json!({}))
}

fn remove_tags(arguments: &Arguments, store: &mut Store) -> Answer {
    let keys = arguments.texts("TagKeys")?;
    let there = tagged(arguments, store)?;
    there.retain(|key, _| !keys.contains(key));
    Ok(json!({}))
}

fn list_tags(arguments: &Arguments, store: &mut Store) -> Answer {
    let there = tagged(arguments, store)?;
    let tags = there.iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
    Ok(json!({ "TagList": tags.collect::<Vec<_>>() }))
}
