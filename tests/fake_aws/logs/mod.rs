//! CloudWatch Logs: what Run Command writes there, and the calls that read it.

use super::World;
use super::ec2::model::Home;
use super::reply::{Done, Failure, Incoming, Reply};
use super::settings::Settings;
use super::ssm::arguments::Arguments;
use super::ssm::refusal::{Answer, Refusal};
use super::throttle::Limit;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::time::Instant;

/// Most of one event: amazon-ssm-agent sends at most that much at once.
const EVENT: usize = 200_000;

#[derive(Debug, Default)]
pub struct State {
    groups: BTreeMap<(Home, String), Group>,
}

#[derive(Debug)]
struct Group {
    created: Instant,
    streams: BTreeMap<String, Stream>,
}

#[derive(Debug)]
struct Stream {
    created: Instant,
    events: Vec<Event>,
    /// A line that has not ended.
    rest: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Event {
    at: Instant,
    /// From when on it is read. No line is read before the one that was written before it.
    seen: Instant,
    message: String,
}

impl State {
    pub fn new(_settings: &Settings) -> State {
        State::default()
    }

    fn stream(&mut self, home: &Home, group: &str, stream: &str, now: Instant) -> &mut Stream {
        let key = (home.clone(), group.to_owned());
        let group = self.groups.entry(key).or_insert_with(|| Group { created: now, streams: BTreeMap::new() });
        let new = || Stream { created: now, events: Vec::new(), rest: Vec::new() };
        group.streams.entry(stream.to_owned()).or_insert_with(new)
    }

    /// A line that is read from that moment on.
    pub fn line(&mut self, home: &Home, (group, stream): (&str, &str), line: &str, now: Instant, seen: Instant) {
        self.stream(home, group, stream, now).write(line.as_bytes(), now, seen);
    }

    /// Takes output as it comes. The agent sends whole lines, several in one event.
    pub fn append(&mut self, home: &Home, group: &str, stream: &str, bytes: &[u8], now: Instant) {
        let stream = self.stream(home, group, stream, now);
        stream.rest.extend_from_slice(bytes);
        if let Some(end) = stream.rest.iter().rposition(|byte| *byte == b'\n') {
            let rest = stream.rest.split_off(end + 1);
            let lines = std::mem::replace(&mut stream.rest, rest);
            stream.write(&lines[..end], now, now);
        }
    }

    /// The last line, which no line feed ended.
    pub fn flush(&mut self, home: &Home, group: &str, stream: &str, now: Instant) {
        if !self.groups.get(&(home.clone(), group.to_owned())).is_some_and(|group| group.streams.contains_key(stream)) {
            return;
        }
        let stream = self.stream(home, group, stream, now);
        let rest = std::mem::take(&mut stream.rest);
        stream.write(&rest, now, now);
    }
}

impl Stream {
    fn write(&mut self, bytes: &[u8], now: Instant, seen: Instant) {
        let seen = self.events.last().map_or(seen, |last| seen.max(last.seen));
        for part in bytes.chunks(EVENT) {
            self.events.push(Event { at: now, seen, message: String::from_utf8_lossy(part).into_owned() });
        }
    }
}

pub fn handle(world: &mut World, call: &Incoming<'_>) -> Reply {
    let answer = Arguments::parse(&call.request.body).and_then(|arguments| {
        let home = Home::of(call.caller);
        Ok(match call.action {
            "DescribeLogGroups" => Some(describe_groups(world, &home, &arguments)?),
            "DescribeLogStreams" => Some(describe_streams(world, &home, &arguments)?),
            "GetLogEvents" => Some(get_events(world, &home, &arguments)?),
            "FilterLogEvents" => Some(filter_events(world, &home, &arguments)?),
            _ => None,
        })
    });
    match answer {
        Ok(Some(answer)) => Ok(Done::json(answer)),
        Ok(None) => Err(Failure::unknown("UnknownOperationException", call.action)),
        Err(refusal) => Err(Failure::bad(refusal.code, refusal.message)),
    }
}

/// Milliseconds since 1970, as this service tells time.
fn stamp(world: &World, at: Instant) -> i64 {
    (world.clock.epoch(at) * 1000.0) as i64
}

fn page<T>(all: Vec<T>, arguments: &Arguments, size: &str, most: i64) -> Result<(Vec<T>, Option<String>), Refusal> {
    let size = arguments.bounded(size, 1, most)?.unwrap_or(most) as usize;
    let wrong = |_| Refusal::new("InvalidParameterException", "The specified nextToken is invalid.");
    super::ssm::arguments::page(all, arguments.text("nextToken")?, size).map_err(wrong)
}

fn listed(name: &str, list: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = json!({ name: list });
    if let Some(next) = next {
        answer["nextToken"] = json!(next);
    }
    answer
}

fn describe_groups(world: &World, home: &Home, arguments: &Arguments) -> Answer {
    let prefix = arguments.text("logGroupNamePrefix")?.unwrap_or_default();
    let found = world.logs.groups.iter().filter(|((at, name), _)| at == home && name.starts_with(prefix));
    let (page, next) = page(found.collect(), arguments, "limit", 50)?;
    let shown = page.into_iter().map(|((_, name), group)| {
        let arn = format!("arn:aws:logs:{}:{}:log-group:{name}", home.region, home.account);
        let bytes: usize =
            group.streams.values().flat_map(|stream| &stream.events).map(|event| event.message.len()).sum();
        json!({
            "logGroupName": name,
            "creationTime": stamp(world, group.created),
            "metricFilterCount": 0,
            "arn": format!("{arn}:*"),
            "logGroupArn": arn,
            "logGroupClass": "STANDARD",
            "storedBytes": bytes,
        })
    });
    Ok(listed("logGroups", shown.collect(), next))
}

fn group<'a>(world: &'a World, home: &Home, arguments: &Arguments) -> Result<(&'a Group, String), Refusal> {
    let name = match (arguments.text("logGroupName")?, arguments.text("logGroupIdentifier")?) {
        (Some(name), None) => name.to_owned(),
        (None, Some(identifier)) => match identifier.split_once(":log-group:") {
            Some((_, name)) => name.trim_end_matches(":*").to_owned(),
            None => identifier.to_owned(),
        },
        _ => {
            let why = "Exactly one of logGroupName and logGroupIdentifier must be given.";
            return Err(Refusal::new("InvalidParameterException", why));
        }
    };
    let missing = || Refusal::new("ResourceNotFoundException", "The specified log group does not exist.");
    let found = world.logs.groups.get(&(home.clone(), name.clone())).ok_or_else(missing)?;
    Ok((found, name))
}

fn describe_streams(world: &World, home: &Home, arguments: &Arguments) -> Answer {
    let (group, group_name) = group(world, home, arguments)?;
    let prefix = arguments.text("logStreamNamePrefix")?.unwrap_or_default();
    let mut found: Vec<_> = group.streams.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
    match arguments.text("orderBy")? {
        None | Some("LogStreamName") => {}
        Some("LastEventTime") if prefix.is_empty() => {
            found.sort_by_key(|(_, stream)| stream.events.last().map(|event| event.at));
        }
        Some(_) => {
            let why = "Cannot order by LastEventTime with a logStreamNamePrefix.";
            return Err(Refusal::new("InvalidParameterException", why));
        }
    }
    if arguments.flag("descending")? {
        found.reverse();
    }
    let (page, next) = page(found, arguments, "limit", 50)?;
    let shown = page.into_iter().map(|(name, stream)| {
        let mut value = json!({
            "logStreamName": name,
            "creationTime": stamp(world, stream.created),
            "arn": format!(
                "arn:aws:logs:{}:{}:log-group:{group_name}:log-stream:{name}", home.region, home.account
            ),
            "storedBytes": 0,
        });
        if let (Some(first), Some(last)) = (stream.events.first(), stream.events.last()) {
            value["firstEventTimestamp"] = json!(stamp(world, first.at));
            value["lastEventTimestamp"] = json!(stamp(world, last.at));
            value["lastIngestionTime"] = json!(stamp(world, last.at));
        }
        value
    });
    Ok(listed("logStreams", shown.collect(), next))
}

/// Whether an event is read by now, and lies between `startTime` and `endTime`.
fn in_time<'a>(world: &'a World, arguments: &Arguments) -> Result<impl Fn(&Event) -> bool + use<'a>, Refusal> {
    let (start, end) = (arguments.number("startTime")?, arguments.number("endTime")?);
    let now = world.clock.now();
    Ok(move |event: &Event| {
        if event.seen > now {
            return false;
        }
        let at = stamp(world, event.at);
        start.is_none_or(|start| at >= start) && end.is_none_or(|end| at < end)
    })
}

/// One page of a stream. The tokens never run out: at an end the same one comes back, as the real service does.
fn get_events(world: &World, home: &Home, arguments: &Arguments) -> Answer {
    let (group, _) = group(world, home, arguments)?;
    let missing = || Refusal::new("ResourceNotFoundException", "The specified log stream does not exist.");
    let stream = group.streams.get(arguments.required("logStreamName")?).ok_or_else(missing)?;
    let in_time = in_time(world, arguments)?;
    let events: Vec<&Event> = stream.events.iter().filter(|event| in_time(event)).collect();
    let size = arguments.bounded("limit", 1, 10_000)?.unwrap_or(10_000) as usize;
    let wrong = || Refusal::new("InvalidParameterException", "The specified nextToken is invalid.");
    let (start, end) = match arguments.text("nextToken")? {
        None if arguments.flag("startFromHead")? => (0, size.min(events.len())),
        None => (events.len().saturating_sub(size), events.len()),
        Some(token) => {
            let (direction, place) = token.split_once('/').ok_or_else(wrong)?;
            let place = place.parse::<usize>().map_err(|_| wrong())?.min(events.len());
            match direction {
                "f" => (place, (place + size).min(events.len())),
                "b" => (place.saturating_sub(size), place),
                _ => return Err(wrong()),
            }
        }
    };
    let shown = events[start..end].iter().map(|event| {
        let at = stamp(world, event.at);
        json!({ "timestamp": at, "message": event.message, "ingestionTime": at })
    });
    Ok(json!({
        "events": shown.collect::<Vec<_>>(),
        "nextForwardToken": format!("f/{end}"),
        "nextBackwardToken": format!("b/{start}"),
    }))
}

fn filter_events(world: &World, home: &Home, arguments: &Arguments) -> Answer {
    let (group, _) = group(world, home, arguments)?;
    let names = arguments.texts("logStreamNames")?;
    let prefix = arguments.text("logStreamNamePrefix")?;
    if !names.is_empty() && prefix.is_some() {
        let why = "logStreamNames and logStreamNamePrefix cannot both be given.";
        return Err(Refusal::new("InvalidParameterException", why));
    }
    let pattern = arguments.text("filterPattern")?.unwrap_or_default();
    if pattern.contains(['{', '[', '?', '%']) {
        return Err(Refusal::new("InvalidParameterException", "This fake knows filter patterns of plain words alone."));
    }
    let words: Vec<&str> = pattern.split_whitespace().map(|word| word.trim_matches('"')).collect();
    let in_time = in_time(world, arguments)?;
    let mut found = Vec::new();
    for (name, stream) in &group.streams {
        if (!names.is_empty() && !names.contains(name)) || prefix.is_some_and(|prefix| !name.starts_with(prefix)) {
            continue;
        }
        for (index, event) in stream.events.iter().enumerate() {
            if in_time(event) && words.iter().all(|word| event.message.contains(word)) {
                found.push((event.at, name, index, event));
            }
        }
    }
    found.sort_by_key(|(at, name, index, _)| (*at, *name, *index));
    let (page, next) = page(found, arguments, "limit", 10_000)?;
    let shown = page.into_iter().map(|(_, name, index, event)| {
        let at = stamp(world, event.at);
        json!({
            "logStreamName": name,
            "timestamp": at,
            "message": event.message,
            "ingestionTime": at,
            "eventId": format!("{at:020}{index:036}"),
        })
    });
    let mut answer = listed("events", shown.collect(), next);
    answer["searchedLogStreams"] = json!([]);
    Ok(answer)
}

/// CloudWatch Logs quotas: 25 GetLogEvents a second, 10 of each of the others.
pub fn limit(action: &str) -> Limit {
    match action {
        "GetLogEvents" => Limit { bucket: "", size: 25.0, refill: 25.0 },
        _ => Limit { bucket: "", size: 10.0, refill: 10.0 },
    }
}
