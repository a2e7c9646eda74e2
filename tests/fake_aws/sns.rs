//! SNS: topics, and what is written to them. The query protocol, version 2010-03-31. Nobody subscribes: tests look at what
//! was written.

use super::World;
use super::params::Params;
use super::reply::{Done, Failure, Incoming, Reply};
use super::throttle::Limit;
use super::xml::text;
use std::collections::BTreeMap;

/// The longest message, in bytes (API reference, `Publish`).
const MESSAGE: usize = 262_144;

/// Topics by their ARNs.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub topics: BTreeMap<String, Vec<Message>>,
}

/// What was written to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub subject: String,
    pub body: String,
}

pub fn handle(world: &mut World, call: &Incoming<'_>) -> Reply {
    match call.action {
        "CreateTopic" => create_topic(world, call),
        "DeleteTopic" => {
            let arn = required(call.params, "TopicArn")?;
            world.sns.topics.remove(arn);
            Ok(Done::xml(Vec::new()))
        }
        "Publish" => publish(world, call),
        _ => Err(Failure::unknown("InvalidAction", call.action)),
    }
}

/// 30,000 messages a second in the largest regions, 300 in the smallest; 30 topics a second (SNS quotas).
pub fn limit(action: &str) -> Limit {
    match action {
        "Publish" => Limit { bucket: "", size: 300.0, refill: 300.0 },
        _ => Limit { bucket: "", size: 30.0, refill: 30.0 },
    }
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::bad("InvalidParameter", message)
}

fn required<'p>(params: &'p Params, name: &str) -> Result<&'p str, Failure> {
    params.get(name).ok_or_else(|| {
        Failure::bad(
            "ValidationError",
            format!("1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"),
        )
    })
}

/// A topic that is there is no mistake.
fn create_topic(world: &mut World, call: &Incoming<'_>) -> Reply {
    let name = required(call.params, "Name")?;
    if name.len() > 256 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
        return Err(invalid("Invalid parameter: Topic Name"));
    }
    let arn = format!("arn:aws:sns:{}:{}:{name}", call.caller.region, call.caller.account());
    world.sns.topics.entry(arn.clone()).or_default();
    Ok(Done::xml(vec![text("TopicArn", &arn)]).made([arn]))
}

fn publish(world: &mut World, call: &Incoming<'_>) -> Reply {
    let arn = call
        .params
        .get("TopicArn")
        .ok_or_else(|| invalid("Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"))?;
    let message = call.params.get("Message").ok_or_else(|| invalid("Invalid parameter: Empty message"))?;
    // A topic is known in its own region alone.
    if arn.split(':').nth(3) != Some(call.caller.region.as_str()) {
        return Err(invalid("Invalid parameter: TopicArn"));
    }
    if message.len() > MESSAGE {
        return Err(invalid("Invalid parameter: Message too long"));
    }
    let subject = call.params.raw("Subject");
    if let Some(subject) = subject {
        let first = subject.chars().next();
        let begins = first.is_some_and(|c| c.is_ascii_alphanumeric() || c.is_ascii_punctuation());
        if !begins || subject.chars().count() >= 100 || subject.chars().any(|c| !c.is_ascii() || c.is_ascii_control()) {
            return Err(invalid("Invalid parameter: Subject"));
        }
    }
    let written = Message { subject: subject.unwrap_or_default().to_owned(), body: message.to_owned() };
    let topic = world.sns.topics.get_mut(arn);
    topic.ok_or_else(|| Failure::new(404, "NotFound", "Topic does not exist"))?.push(written);
    let id = world.uuid();
    Ok(Done::xml(vec![text("MessageId", id)]).made([arn]))
}
