//! Run Command's operations, as JSON in and JSON out.

use super::super::super::clock::Clock;
use super::super::arguments::{Arguments, constraint, page};
use super::super::refusal::{Answer, Refusal};
use super::{Command, Commands, DOCUMENT, Invocation, PLUGIN, Status, filters, truncate};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Answers one of the operations that only read, or cancel; none where it is not one of them.
pub fn call(
    action: &str,
    arguments: &Arguments,
    commands: &mut Commands,
    clock: &Clock,
    now: Instant,
) -> Option<Answer> {
    Some(match action {
        "GetCommandInvocation" => get(arguments, commands, clock, now),
        "ListCommandInvocations" => list_invocations(arguments, commands, clock, now),
        "ListCommands" => list(arguments, commands, clock, now),
        "CancelCommand" => cancel(arguments, commands, now),
        _ => return None,
    })
}

/// Command ids are UUIDs; anything else is refused before it is looked up.
fn command_id(arguments: &Arguments) -> Result<&str, Refusal> {
    let id = arguments.required("CommandId")?;
    match id.len() {
        36 => Ok(id),
        _ => Err(constraint(id, "CommandId", "Member must have length equal to 36")),
    }
}

fn get(arguments: &Arguments, commands: &Commands, clock: &Clock, now: Instant) -> Answer {
    let id = command_id(arguments)?;
    let instance = arguments.required("InstanceId")?;
    if arguments.text("PluginName")?.is_some_and(|name| name != PLUGIN) {
        return Err(Refusal::new("InvalidPluginName", "The plugin name isn't valid."));
    }
    let found = commands.get(id).filter(|command| command.visible <= now);
    let found = found.and_then(|command| Some((command, command.invocations.get(instance)?)));
    let Some((command, invocation)) = found else { return Err(Refusal::new("InvocationDoesNotExist", "")) };
    let iso = |at: Option<Instant>| at.map(|at| clock.iso(at)).unwrap_or_default();
    let elapsed = match (invocation.started, invocation.ended) {
        (Some(started), Some(ended)) => format!("PT{:.3}S", (ended - started).as_secs_f64()),
        _ => String::new(),
    };
    let (stdout, stderr) = told(invocation);
    Ok(json!({
        "CommandId": command.id,
        "InstanceId": instance,
        "Comment": command.comment,
        "DocumentName": DOCUMENT,
        "DocumentVersion": "$DEFAULT",
        "PluginName": PLUGIN,
        "ResponseCode": invocation.code,
        "ExecutionStartDateTime": iso(invocation.started),
        "ExecutionElapsedTime": elapsed,
        "ExecutionEndDateTime": iso(invocation.started.and(invocation.ended)),
        "Status": invocation.status.name(),
        "StatusDetails": invocation.status.details(),
        "StandardOutputContent": truncate::content(stdout, truncate::STDOUT),
        "StandardOutputUrl": "",
        "StandardErrorContent": truncate::content(stderr, truncate::STDERR),
        "StandardErrorUrl": "",
        "CloudWatchOutputConfig": logs(command),
    }))
}

/// What is told of the output: nothing before the end, and of standard output nothing but of what ran to its end.
fn told(invocation: &Invocation) -> (&[u8], &[u8]) {
    match invocation.status {
        Status::Success | Status::Failed => (&invocation.stdout, &invocation.stderr),
        status if status.has_ended() => (&[], &invocation.stderr),
        _ => (&[], &[]),
    }
}

fn logs(command: &Command) -> Value {
    json!({
        "CloudWatchLogGroupName": command.log_group.clone().unwrap_or_default(),
        "CloudWatchOutputEnabled": command.log_group.is_some(),
    })
}

fn list_invocations(arguments: &Arguments, commands: &Commands, clock: &Clock, now: Instant) -> Answer {
    let size = arguments.bounded("MaxResults", 1, 50)?.unwrap_or(50) as usize;
    let details = arguments.flag("Details")?;
    let only = wanted(arguments, commands)?;
    let instance = arguments.text("InstanceId")?;
    let filters = filters::read(arguments)?;
    let wall = |command: &Command| clock.wall(command.requested);
    let mut found = Vec::new();
    // The newest first.
    for command in commands.all.iter().rev().filter(|command| command.visible <= now) {
        for (id, invocation) in &command.invocations {
            let admitted = only.is_none_or(|only| command.id == only)
                && instance.is_none_or(|instance| id == instance)
                && filters.iter().all(|filter| filter.admits(command, invocation.status, &wall));
            if admitted {
                found.push((command, id, invocation));
            }
        }
    }
    let (page, next) = page(found, arguments.text("NextToken")?, size)?;
    let shown = page.into_iter().map(|(command, id, invocation)| {
        let plugins = if details { vec![plugin(invocation, clock)] } else { Vec::new() };
        json!({
            "CommandId": command.id,
            "InstanceId": id,
            "InstanceName": "",
            "Comment": command.comment,
            "DocumentName": DOCUMENT,
            "DocumentVersion": "$DEFAULT",
            "RequestedDateTime": clock.epoch(command.requested),
            "Status": invocation.status.name(),
            "StatusDetails": invocation.status.details(),
            "StandardOutputUrl": "",
            "StandardErrorUrl": "",
            "CommandPlugins": plugins,
            "ServiceRole": "",
            "NotificationConfig": { "NotificationArn": "", "NotificationEvents": [], "NotificationType": "" },
            "CloudWatchOutputConfig": logs(command),
        })
    });
    let mut answer = json!({ "CommandInvocations": shown.collect::<Vec<_>>() });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

/// The command that a list is narrowed to. One that does not exist is an error; one that is not yet seen is not.
fn wanted<'a>(arguments: &'a Arguments, commands: &Commands) -> Result<Option<&'a str>, Refusal> {
    if arguments.text("CommandId")?.is_none() {
        return Ok(None);
    }
    let id = command_id(arguments)?;
    match commands.get(id) {
        Some(_) => Ok(Some(id)),
        None => Err(Refusal::new("InvalidCommandId", "")),
    }
}

fn plugin(invocation: &Invocation, clock: &Clock) -> Value {
    let (stdout, stderr) = told(invocation);
    let mut plugin = json!({
        "Name": PLUGIN,
        "Status": invocation.status.name(),
        "StatusDetails": invocation.status.details(),
        "ResponseCode": invocation.code,
        "Output": truncate::short(stdout, stderr),
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "OutputS3Region": "",
        "OutputS3BucketName": "",
        "OutputS3KeyPrefix": "",
    });
    if let Some(started) = invocation.started {
        plugin["ResponseStartDateTime"] = json!(clock.epoch(started));
        if let Some(ended) = invocation.ended {
            plugin["ResponseFinishDateTime"] = json!(clock.epoch(ended));
        }
    }
    plugin
}

fn list(arguments: &Arguments, commands: &Commands, clock: &Clock, now: Instant) -> Answer {
    let size = arguments.bounded("MaxResults", 1, 50)?.unwrap_or(50) as usize;
    let only = wanted(arguments, commands)?;
    let instance = arguments.text("InstanceId")?;
    let filters = filters::read(arguments)?;
    let wall = |command: &Command| clock.wall(command.requested);
    let found = commands.all.iter().rev().filter(|command| {
        command.visible <= now
            && only.is_none_or(|only| command.id == only)
            && instance.is_none_or(|instance| command.invocations.contains_key(instance))
            && filters.iter().all(|filter| filter.admits(command, command.status(), &wall))
    });
    let (page, next) = page(found.collect(), arguments.text("NextToken")?, size)?;
    let mut answer = json!({ "Commands": page.into_iter().map(|found| command(found, clock)).collect::<Vec<_>>() });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

/// A command as `SendCommand` and `ListCommands` tell it.
pub fn command(command: &Command, clock: &Clock) -> Value {
    let count = |test: &dyn Fn(Status) -> bool| {
        command.invocations.values().filter(|invocation| test(invocation.status)).count()
    };
    let status = command.status();
    json!({
        "CommandId": command.id,
        "DocumentName": DOCUMENT,
        "DocumentVersion": "$DEFAULT",
        "Comment": command.comment,
        "ExpiresAfter": clock.epoch(command.expires()),
        "Parameters": command.parameters,
        "InstanceIds": command.instance_ids,
        "Targets": command.targets,
        "RequestedDateTime": clock.epoch(command.requested),
        "Status": status.name(),
        "StatusDetails": status.details(),
        "OutputS3Region": "",
        "OutputS3BucketName": "",
        "OutputS3KeyPrefix": "",
        "MaxConcurrency": "50",
        "MaxErrors": "0",
        "TargetCount": command.invocations.len(),
        "CompletedCount": count(&Status::has_ended),
        "ErrorCount": count(&|status| matches!(status, Status::Failed | Status::ExecutionTimedOut)),
        "DeliveryTimedOutCount": count(&|status| status == Status::DeliveryTimedOut),
        "ServiceRole": "",
        "NotificationConfig": { "NotificationArn": "", "NotificationEvents": [], "NotificationType": "" },
        "CloudWatchOutputConfig": logs(command),
        "TimeoutSeconds": command.delivery_timeout.as_secs(),
    })
}

/// What has not begun is cancelled at once; what runs is killed.
fn cancel(arguments: &Arguments, commands: &mut Commands, now: Instant) -> Answer {
    let id = command_id(arguments)?.to_owned();
    let instances = arguments.texts("InstanceIds")?;
    let Some(command) = commands.all.iter_mut().find(|command| command.id == id) else {
        return Err(Refusal::new("InvalidCommandId", ""));
    };
    if instances.iter().any(|instance| !command.invocations.contains_key(instance)) {
        return Err(Refusal::new("InvalidInstanceId", ""));
    }
    for (instance, invocation) in &mut command.invocations {
        if !instances.is_empty() && !instances.contains(instance) {
            continue;
        }
        match invocation.status {
            Status::Pending | Status::Delayed => invocation.end(Status::Cancelled, now),
            Status::InProgress => {
                invocation.status = Status::Cancelling;
                invocation.stop.ask();
            }
            _ => {}
        }
    }
    Ok(json!({}))
}
