//! `SendCommand`: everything that is looked at before a command exists.

use super::super::arguments::{Arguments, constraint};
use super::super::parameters::Parameter;
use super::super::refusal::Refusal;
use super::{Command, DOCUMENT, Invocation, LOG_GROUP, templating};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Instances named in one call: `SendCommand` in the API reference.
const INSTANCES: usize = 50;
/// Parameters and document together: Systems Manager quotas.
const SIZE: usize = 64 << 10;
/// Bounds of `TimeoutSeconds`, and its default.
const DELIVERY: (i64, i64) = (30, 2_592_000);
const DEFAULT_TIMEOUT: u64 = 3600;
/// Most for the document's `executionTimeout`, in seconds: two days.
const EXECUTION: u64 = 172_800;

/// Which instances a command may be sent to.
pub trait Fleet {
    /// Whether it is one that the service knows and that is not stopped or gone.
    fn is_managed(&self, instance: &str) -> bool;
    /// Managed instances with a tag.
    fn tagged(&self, key: &str, values: &[String]) -> Vec<String>;
}

/// Reads and checks a request.
pub fn read<'a>(
    arguments: &Arguments,
    find: &dyn Fn(&str) -> Option<&'a Parameter>,
    fleet: &dyn Fleet,
    account: &str,
    id: String,
    now: Instant,
) -> Result<Command, Refusal> {
    let document = arguments.required("DocumentName")?;
    let instance_ids = arguments.texts("InstanceIds")?;
    if instance_ids.len() > INSTANCES {
        let rule = format!("Member must have length less than or equal to {INSTANCES}");
        return Err(constraint(&format!("[{}]", instance_ids.join(", ")), "InstanceIds", &rule));
    }
    let comment = arguments.text("Comment")?.unwrap_or_default().to_owned();
    if comment.chars().count() > 100 {
        return Err(constraint(&comment, "Comment", "Member must have length less than or equal to 100"));
    }
    let delivery = arguments.bounded("TimeoutSeconds", DELIVERY.0, DELIVERY.1)?;
    if !document.ends_with(DOCUMENT) {
        return Err(Refusal::new("InvalidDocument", format!("Document with name {document} does not exist.")));
    }
    if !matches!(arguments.text("DocumentVersion")?, None | Some("$DEFAULT" | "$LATEST" | "1")) {
        return Err(Refusal::new("InvalidDocumentVersion", "The document version is not valid or does not exist."));
    }
    if arguments.text("OutputS3BucketName")?.is_some_and(|bucket| !bucket.is_empty()) {
        return Err(Refusal::new("InvalidOutputFolder", "This fake has no S3."));
    }
    let parameters = arguments.map_of_lists("Parameters")?;
    if json!(parameters).to_string().len() > SIZE {
        return Err(Refusal::new(
            "MaxDocumentSizeExceeded",
            "The size of the document and its parameters exceeds the limit of 64 KB.",
        ));
    }
    let inputs = inputs(&parameters, find)?;
    let (instance_ids, targets) = instances(arguments, instance_ids, fleet, account)?;
    let logs = arguments.structure("CloudWatchOutputConfig")?;
    let log_group = match logs {
        Some(config) if config.flag("CloudWatchOutputEnabled")? => {
            let named = config.text("CloudWatchLogGroupName")?.filter(|name| !name.is_empty());
            Some(named.unwrap_or(LOG_GROUP).to_owned())
        }
        _ => None,
    };
    Ok(Command {
        id,
        comment,
        parameters,
        invocations: instance_ids.iter().map(|id| (id.clone(), Invocation::new())).collect(),
        instance_ids,
        targets,
        requested: now,
        visible: now,
        delivery_timeout: Duration::from_secs(delivery.map_or(DEFAULT_TIMEOUT, i64::unsigned_abs)),
        execution_timeout: inputs.execution_timeout,
        log_group,
        script: inputs.script,
        working_directory: inputs.working_directory,
    })
}

struct Inputs {
    script: String,
    working_directory: Option<String>,
    execution_timeout: Duration,
}

/// The document's parameters: `commands`, `workingDirectory`, `executionTimeout`.
fn inputs<'a>(
    parameters: &BTreeMap<String, Vec<String>>,
    find: &dyn Fn(&str) -> Option<&'a Parameter>,
) -> Result<Inputs, Refusal> {
    let invalid = |message: String| Refusal::new("InvalidParameters", message);
    for name in parameters.keys() {
        if !["commands", "workingDirectory", "executionTimeout"].contains(&name.as_str()) {
            return Err(invalid(format!("document {DOCUMENT} has no parameter {name}")));
        }
    }
    let resolved = |name: &str| -> Result<Vec<String>, Refusal> {
        let values = parameters.get(name).into_iter().flatten();
        values.map(|value| templating::resolve(value, find)).collect()
    };
    let single = |name: &str| -> Result<Option<String>, Refusal> {
        let mut values = resolved(name)?;
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(invalid(format!("parameter {name} takes one value"))),
        }
    };
    let commands = resolved("commands")?;
    if commands.is_empty() {
        return Err(invalid("parameter commands is required".to_owned()));
    }
    let timeout = match single("executionTimeout")?.filter(|text| !text.is_empty()) {
        None => DEFAULT_TIMEOUT,
        Some(text) => {
            let digits = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
            let seconds = text.parse::<u64>().ok().filter(|seconds| digits && (1..=EXECUTION).contains(seconds));
            seconds.ok_or_else(|| invalid(format!("parameter executionTimeout has an illegal value: {text}")))?
        }
    };
    Ok(Inputs {
        script: commands.join("\n") + "\n",
        working_directory: single("workingDirectory")?.filter(|folder| !folder.is_empty()),
        execution_timeout: Duration::from_secs(timeout),
    })
}

/// The instances that are meant, and `Targets` as it will be told again.
fn instances(
    arguments: &Arguments,
    instance_ids: Vec<String>,
    fleet: &dyn Fleet,
    account: &str,
) -> Result<(Vec<String>, Value), Refusal> {
    let targets = arguments.structures("Targets")?;
    if instance_ids.is_empty() == targets.is_empty() {
        return Err(Refusal::validation("Specify either InstanceIds or Targets, and not both."));
    }
    let different: BTreeSet<&String> = instance_ids.iter().collect();
    if different.len() < instance_ids.len() {
        return Err(Refusal::new("DuplicateInstanceId", "You can't specify an instance ID in more than one place."));
    }
    let unmanaged: Vec<&str> = instance_ids.iter().map(String::as_str).filter(|id| !fleet.is_managed(id)).collect();
    if !unmanaged.is_empty() {
        let message = format!("Instances [[{}]] not in a valid state for account {account}", unmanaged.join(", "));
        return Err(Refusal::new("InvalidInstanceId", message));
    }
    let mut found = instance_ids;
    let mut shown = Vec::new();
    for target in targets {
        let (key, values) = (target.required("Key")?.to_owned(), target.texts("Values")?);
        match key.strip_prefix("tag:") {
            Some(tag) => found.extend(fleet.tagged(tag, &values)),
            None if key == "InstanceIds" => found.extend(values.iter().filter(|id| fleet.is_managed(id)).cloned()),
            None => return Err(Refusal::new("InvalidTarget", format!("The target key {key} is not supported."))),
        }
        shown.push(json!({ "Key": key, "Values": values }));
    }
    found.sort();
    found.dedup();
    Ok((found, json!(shown)))
}
