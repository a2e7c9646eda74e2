//! From YAML to a document. What is not valid is told as the service tells it of `data`.

use super::{Action, Document, OnFailure, Parameter, Phase, Step};
use amifactory::source::{Diagnostics, Node, SourceFile, Value, parse};
use std::sync::Arc;
use std::time::Duration;

/// "If the timeout is not specified, it is 7,200 seconds."
const TIMEOUT: u64 = 7200;

/// Action modules that AWS TOE has and this fake does not run.
const ELSEWHERE: &[&str] = &[
    "AppendFile",
    "Assert",
    "CopyFile",
    "CopyFolder",
    "CreateFile",
    "CreateFolder",
    "CreateSymlink",
    "DeleteFile",
    "DeleteFolder",
    "ExecuteBinary",
    "ExecuteDocument",
    "ExecutePowerShell",
    "InstallMSI",
    "ListFiles",
    "MoveFile",
    "MoveFolder",
    "ReadFile",
    "S3Download",
    "S3Upload",
    "SetFileEncoding",
    "SetFileOwner",
    "SetFilePermissions",
    "SetFolderOwner",
    "SetFolderPermissions",
    "SetRegistry",
    "UninstallMSI",
    "UpdateOS",
    "WebDownload",
];

type Wrong = String;

/// Reads it; what is wrong with it, in one sentence.
pub fn read(text: &str) -> Result<Document, Wrong> {
    let file = Arc::new(SourceFile { path: "data".to_owned(), text: text.to_owned() });
    let mut diagnostics = Diagnostics::new();
    let root = parse(&file, &mut diagnostics);
    if let Some(first) = diagnostics.sorted().first() {
        return Err(format!("The document is not valid YAML: {} (line {}).", first.message, first.span.line));
    }
    let root = root.ok_or("The document is empty.")?;
    let map =
        Map::of(&root, "the document", &["name", "description", "schemaVersion", "constants", "parameters", "phases"])?;
    for name in ["name", "description"] {
        map.text(name)?;
    }
    match map.text("schemaVersion")? {
        Some("1.0" | "1") => {}
        Some(other) => return Err(format!("Schema version '{other}' is not supported. It must be 1.0.")),
        None => return Err("The document has no 'schemaVersion'.".to_owned()),
    }
    if map.get("constants").is_some() {
        return Err("This fake does not have constants in component documents.".to_owned());
    }
    let parameters = map.list("parameters")?.iter().map(parameter).collect::<Result<Vec<_>, _>>()?;
    unique(parameters.iter().map(|parameter| parameter.name.as_str()), "parameter", "the document")?;
    let phases = map.list("phases")?.iter().map(phase).collect::<Result<Vec<_>, _>>()?;
    if phases.is_empty() {
        return Err("The document must have at least one of the phases build, validate, test.".to_owned());
    }
    unique(phases.iter().map(|phase| phase.name.as_str()), "phase", "the document")?;
    Ok(Document { parameters, phases })
}

/// `- Name: { type: string, default: x }`
fn parameter(node: &Node) -> Result<Parameter, Wrong> {
    let Value::Map(entries) = &node.value else { return Err("A parameter must be a map.".to_owned()) };
    let [(key, value)] = entries.as_slice() else { return Err("A parameter must have one name.".to_owned()) };
    let known = ["type", "default", "allowedValues", "description"];
    let map = Map::of(value, &format!("parameter '{}'", key.text), &known)?;
    let kind = map.text("type")?.unwrap_or("string");
    if kind != "string" {
        return Err(format!("The type '{kind}' of parameter '{}' is not supported. It must be string.", key.text));
    }
    let allowed = map.list("allowedValues")?.iter().map(|node| scalar(node, "allowedValues").map(str::to_owned));
    Ok(Parameter {
        name: key.text.clone(),
        kind: kind.to_owned(),
        default: map.text("default")?.map(str::to_owned),
        allowed: allowed.collect::<Result<_, _>>()?,
        description: map.text("description")?.map(str::to_owned),
    })
}

fn phase(node: &Node) -> Result<Phase, Wrong> {
    let map = Map::of(node, "a phase", &["name", "steps"])?;
    let name = map.text("name")?.ok_or("A phase has no name.")?.to_owned();
    if !["build", "validate", "test"].contains(&name.as_str()) {
        return Err(format!("Invalid phase name '{name}'. It must be build, validate or test."));
    }
    let steps = map.list("steps")?.iter().map(|step_node| step(step_node, &name)).collect::<Result<Vec<_>, _>>()?;
    if steps.is_empty() {
        return Err(format!("Phase '{name}' has no steps."));
    }
    unique(steps.iter().map(|step| step.name.as_str()), "step", &format!("phase '{name}'"))?;
    Ok(Phase { name, steps })
}

fn step(node: &Node, phase: &str) -> Result<Step, Wrong> {
    let known = ["name", "action", "onFailure", "timeoutSeconds", "maxAttempts", "inputs", "if", "loop"];
    let map = Map::of(node, &format!("a step of phase '{phase}'"), &known)?;
    let name = map.text("name")?.ok_or_else(|| format!("A step of phase '{phase}' has no name."))?.to_owned();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
        return Err(format!(
            "Invalid step name '{name}' in phase '{phase}'. Allowed characters are combinations of numbers [0-9], \
             english letters [a-z,A-Z] and special characters [-_]."
        ));
    }
    let place = format!("step '{name}' in phase '{phase}'");
    for part in ["if", "loop"] {
        if map.get(part).is_some() {
            return Err(format!("This fake does not have '{part}', which is in {place}."));
        }
    }
    let on_failure = match map.text("onFailure")?.unwrap_or("Abort") {
        "Abort" => OnFailure::Abort,
        "Continue" => OnFailure::Continue,
        "Ignore" => OnFailure::Ignore,
        other => return Err(format!("Invalid onFailure '{other}' of {place}. It must be Abort, Continue or Ignore.")),
    };
    let timeout = match map.number("timeoutSeconds")?.unwrap_or(TIMEOUT as i64) {
        -1 => None,
        seconds if seconds > 0 => Some(Duration::from_secs(seconds.unsigned_abs())),
        other => return Err(format!("Invalid timeoutSeconds {other} of {place}. It must be -1 or more than 0.")),
    };
    let attempts = match map.number("maxAttempts")?.unwrap_or(1) {
        attempts if attempts > 0 => u32::try_from(attempts).unwrap_or(u32::MAX),
        other => return Err(format!("Invalid maxAttempts {other} of {place}. It must be more than 0.")),
    };
    let action = map.text("action")?.ok_or_else(|| format!("There is no action in {place}."))?;
    Ok(Step { action: act(action, map.get("inputs"), &place)?, name, on_failure, timeout, attempts })
}

fn act(action: &str, inputs: Option<&Node>, place: &str) -> Result<Action, Wrong> {
    match action {
        "ExecuteBash" => {
            let inputs = inputs.ok_or_else(|| format!("Action ExecuteBash has no inputs in {place}."))?;
            let map = Map::of(inputs, &format!("the inputs of {place}"), &["commands"])?;
            let commands = map.list("commands")?;
            let lines = commands.iter().map(|node| scalar(node, "commands").map(str::to_owned));
            let lines = lines.collect::<Result<Vec<_>, _>>()?;
            if lines.is_empty() {
                return Err(format!("Action ExecuteBash has no commands in {place}."));
            }
            Ok(Action::Bash(lines))
        }
        "Reboot" => {
            if let Some(inputs) = inputs {
                Map::of(inputs, &format!("the inputs of {place}"), &["delaySeconds"])?.number("delaySeconds")?;
            }
            Ok(Action::Reboot)
        }
        _ if ELSEWHERE.contains(&action) => {
            Err(format!("This fake runs the actions ExecuteBash and Reboot, and not {action}, which is in {place}."))
        }
        _ => Err(format!("Invalid action '{action}' in {place}.")),
    }
}

fn unique<'a>(names: impl Iterator<Item = &'a str>, what: &str, place: &str) -> Result<(), Wrong> {
    let mut seen = Vec::new();
    for name in names {
        if seen.contains(&name) {
            return Err(format!("The {what} name '{name}' is there more than once in {place}."));
        }
        seen.push(name);
    }
    Ok(())
}

fn scalar<'a>(node: &'a Node, what: &str) -> Result<&'a str, Wrong> {
    match &node.value {
        Value::Scalar { text, .. } => Ok(text),
        other => Err(format!("'{what}' must be text, not {} (line {}).", other.kind(), node.span.line)),
    }
}

/// A map with nothing in it that is not known.
struct Map<'a>(Vec<(&'a str, &'a Node)>);

impl<'a> Map<'a> {
    fn of(node: &'a Node, what: &str, known: &[&str]) -> Result<Map<'a>, Wrong> {
        let Value::Map(entries) = &node.value else { return Err(format!("Expected {what} to be a map.")) };
        match entries.iter().find(|(key, _)| !known.contains(&key.text.as_str())) {
            Some((key, _)) => Err(format!("Unknown key '{}' in {what} (line {}).", key.text, key.span.line)),
            None => Ok(Map(entries.iter().map(|(key, node)| (key.text.as_str(), node)).collect())),
        }
    }

    fn get(&self, name: &str) -> Option<&'a Node> {
        let (_, node) = self.0.iter().find(|(key, _)| *key == name)?;
        Some(*node).filter(|node| !matches!(node.value, Value::Null))
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, Wrong> {
        self.get(name).map(|node| scalar(node, name)).transpose()
    }

    fn number(&self, name: &str) -> Result<Option<i64>, Wrong> {
        let number = |text: &str| text.parse().map_err(|_| format!("'{name}' must be a whole number, not '{text}'."));
        self.text(name)?.map(number).transpose()
    }

    fn list(&self, name: &str) -> Result<&'a [Node], Wrong> {
        match self.get(name).map(|node| &node.value) {
            None => Ok(&[]),
            Some(Value::List(items)) => Ok(items),
            Some(other) => Err(format!("'{name}' must be a list, not {}.", other.kind())),
        }
    }
}
