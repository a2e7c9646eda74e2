//! OpsCenter: OpsItems. Those of one source with the same dedup string are one while it is open. Related items, change
//! requests and other accounts are left out.

use super::arguments::{Arguments, constraint, page};
use super::refusal::{Answer, Refusal};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tokio::time::Instant;

/// The longest operational data of one key, in bytes (API reference, `CreateOpsItem`: 20 KB).
const DATA: usize = 20 * 1024;

#[derive(Debug, Clone)]
pub struct OpsItem {
    pub source: String,
    pub title: String,
    pub description: String,
    pub status: String,
    pub severity: String,
    /// Key → value, and whether it can be searched for.
    pub data: BTreeMap<String, (String, bool)>,
    pub made_at: Instant,
    /// From when on it is in lists.
    pub visible: Instant,
    pub version: u32,
}

impl OpsItem {
    pub fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "Open" | "InProgress")
    }

    fn dedup(&self) -> Option<String> {
        let value: Value = serde_json::from_str(&self.data.get("/aws/dedup")?.0).ok()?;
        Some(value["dedupString"].as_str()?.to_owned())
    }
}

pub type Items = BTreeMap<String, OpsItem>;

pub struct Scene<'a> {
    pub now: Instant,
    pub visible: Instant,
    pub id: String,
    pub stamp: &'a dyn Fn(Instant) -> f64,
    pub caller: &'a str,
}

/// Answers one operation; none where it is not one of OpsCenter's.
pub fn call(
    action: &str,
    arguments: &Arguments,
    items: &mut Items,
    scene: &Scene<'_>,
) -> Option<Result<Value, Problem>> {
    Some(match action {
        "CreateOpsItem" => create(arguments, items, scene),
        "UpdateOpsItem" => update(arguments, items).map_err(Problem::from),
        "GetOpsItem" => get(arguments, items, scene).map_err(Problem::from),
        "DescribeOpsItems" => describe(arguments, items, scene).map_err(Problem::from),
        _ => return None,
    })
}

/// An item of this dedup string is open, by its id; or another refusal.
pub enum Problem {
    Exists(String),
    Refused(Refusal),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        Problem::Refused(refusal)
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("OpsItemInvalidParameterException", message)
}

/// A text of so many characters.
fn bounded(arguments: &Arguments, name: &str, most: usize) -> Result<Option<String>, Refusal> {
    let Some(text) = arguments.text(name)? else { return Ok(None) };
    let length = text.chars().count();
    if length == 0 || length > most {
        let rule = match length {
            0 => "Member must have length greater than or equal to 1".to_owned(),
            _ => format!("Member must have length less than or equal to {most}"),
        };
        return Err(constraint(text, name, &rule));
    }
    Ok(Some(text.to_owned()))
}

fn required(arguments: &Arguments, name: &str, most: usize) -> Result<String, Refusal> {
    arguments.required(name)?;
    Ok(bounded(arguments, name, most)?.unwrap_or_default())
}

fn severity(arguments: &Arguments) -> Result<Option<String>, Refusal> {
    let severity = bounded(arguments, "Severity", 64)?;
    match severity.as_deref() {
        None | Some("1" | "2" | "3" | "4") => Ok(severity),
        Some(_) => Err(invalid("Severity must be one of 1, 2, 3, 4")),
    }
}

fn data(arguments: &Arguments) -> Result<BTreeMap<String, (String, bool)>, Refusal> {
    let Some(map) = arguments.structure("OperationalData")? else { return Ok(BTreeMap::new()) };
    let mut all = BTreeMap::new();
    for key in map.names() {
        let own = ["/aws/dedup", "/aws/resources", "/aws/automations"].contains(&key.as_str());
        let reserved = ["amazon", "aws", "amzn", "ssm"];
        if !own && reserved.iter().any(|word| key.trim_start_matches('/').starts_with(word)) || key.len() > 128 {
            return Err(invalid(format!("The operational data key {key} is not valid")));
        }
        let value = map.structure(&key)?.unwrap_or(Arguments::of(&json!({}))?);
        let text = value.text("Value")?.unwrap_or_default().to_owned();
        if text.len() > DATA {
            return Err(Refusal::new("OpsItemLimitExceededException", "Operational data is too long"));
        }
        if own {
            let parsed: Result<Value, _> = serde_json::from_str(&text);
            let fits = parsed.is_ok_and(|parsed| match key.as_str() {
                "/aws/dedup" => parsed["dedupString"].is_string(),
                "/aws/resources" => parsed.as_array().is_some_and(|all| all.iter().all(|one| one["arn"].is_string())),
                _ => true,
            });
            if !fits {
                return Err(invalid(format!("The value of {key} is not valid")));
            }
        }
        all.insert(key, (text, value.text("Type")? == Some("SearchableString")));
    }
    Ok(all)
}

fn create(arguments: &Arguments, items: &mut Items, scene: &Scene<'_>) -> Result<Value, Problem> {
    let source = required(arguments, "Source", 128)?;
    if ["aws", "amazon", "amzn"].iter().any(|word| source.to_lowercase().contains(word)) {
        return Err(invalid("Source can't contain aws, amazon, amzn").into());
    }
    let item = OpsItem {
        source,
        title: required(arguments, "Title", 1024)?,
        description: required(arguments, "Description", 2048)?,
        status: "Open".to_owned(),
        severity: severity(arguments)?.unwrap_or_default(),
        data: data(arguments)?,
        made_at: scene.now,
        visible: scene.visible,
        version: 1,
    };
    let dedup = item.dedup();
    let same = |other: &OpsItem| other.is_open() && other.source == item.source && other.dedup() == dedup;
    if dedup.is_some()
        && let Some((id, _)) = items.iter().find(|(_, other)| same(other))
    {
        return Err(Problem::Exists(id.clone()));
    }
    items.insert(scene.id.clone(), item);
    Ok(json!({ "OpsItemId": scene.id }))
}

fn not_found(id: &str) -> Refusal {
    Refusal::new("OpsItemNotFoundException", format!("The OpsItem {id} does not exist"))
}

fn update(arguments: &Arguments, items: &mut Items) -> Answer {
    let id = arguments.required("OpsItemId")?;
    let item = items.get_mut(id).ok_or_else(|| not_found(id))?;
    let (title, description) = (bounded(arguments, "Title", 1024)?, bounded(arguments, "Description", 2048)?);
    let (severity, data) = (severity(arguments)?, data(arguments)?);
    let status = arguments.text("Status")?;
    if status.is_some_and(|status| !["Open", "InProgress", "Resolved", "Closed"].contains(&status)) {
        return Err(invalid("Status is not valid"));
    }
    item.title = title.unwrap_or_else(|| item.title.clone());
    item.description = description.unwrap_or_else(|| item.description.clone());
    item.severity = severity.unwrap_or_else(|| item.severity.clone());
    item.status = status.map_or_else(|| item.status.clone(), str::to_owned);
    item.data.extend(data);
    item.version += 1;
    Ok(json!({}))
}

fn shown(id: &str, item: &OpsItem, all: bool, scene: &Scene<'_>) -> Value {
    let data = item.data.iter().filter(|(_, (_, searchable))| all || *searchable).map(|(key, (value, searchable))| {
        let kind = if *searchable { "SearchableString" } else { "String" };
        (key.clone(), json!({ "Value": value, "Type": kind }))
    });
    let mut value = json!({
        "OpsItemId": id,
        "Source": item.source,
        "Title": item.title,
        "Status": item.status,
        "Severity": item.severity,
        "CreatedBy": scene.caller,
        "CreatedTime": (scene.stamp)(item.made_at),
        "OperationalData": data.collect::<Map<String, Value>>(),
        "OpsItemType": "/aws/issue",
    });
    if all {
        value["Description"] = json!(item.description);
        value["Version"] = json!(item.version.to_string());
    }
    value
}

fn get(arguments: &Arguments, items: &Items, scene: &Scene<'_>) -> Answer {
    let id = arguments.required("OpsItemId")?;
    let item = items.get(id).ok_or_else(|| not_found(id))?;
    Ok(json!({ "OpsItem": shown(id, item, true, scene) }))
}

fn describe(arguments: &Arguments, items: &Items, scene: &Scene<'_>) -> Answer {
    let size = arguments.bounded("MaxResults", 1, 50)?.unwrap_or(50);
    let mut found: Vec<(&String, &OpsItem)> = items.iter().filter(|(_, item)| item.visible <= scene.now).collect();
    for filter in arguments.structures("OpsItemFilters")? {
        let (key, operator) = (filter.required("Key")?.to_owned(), filter.required("Operator")?.to_owned());
        let values = filter.some_texts("Values", 200)?;
        if operator != "Equal" {
            return Err(Refusal::new(
                "OpsItemInvalidParameterException",
                format!("{key} takes the operator Equal alone here"),
            ));
        }
        found.retain(|(id, item)| match key.as_str() {
            "Source" => values.contains(&item.source),
            "Status" => values.contains(&item.status),
            "OpsItemId" => values.contains(id),
            "OperationalDataKey" => item.data.iter().any(|(key, (_, searchable))| *searchable && values.contains(key)),
            _ => false,
        });
        if !["Source", "Status", "OpsItemId", "OperationalDataKey"].contains(&key.as_str()) {
            return Err(invalid(format!("{key} is no filter here")));
        }
    }
    let token = arguments.text("NextToken")?;
    let (page, next) = page(found, token, usize::try_from(size).unwrap_or(50))?;
    let page: Vec<Value> = page.into_iter().map(|(id, item)| shown(id, item, false, scene)).collect();
    let mut answer = json!({ "OpsItemSummaries": page });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}
