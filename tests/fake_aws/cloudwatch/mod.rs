//! CloudWatch: metrics that are put, and alarms that are declared. Smithy's RPC protocol over CBOR, or JSON. An alarm
//! rings when it is told to.

pub mod cbor;

use super::World;
use super::ec2::Home;
use super::reply::{Done, Failure, Incoming, Reply};
use super::throttle::Limit;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a request's path begins with.
pub const PATH: &str = "/service/GraniteServiceVersion20100801/operation/";

/// Metrics in a request (API reference, `PutMetricData`).
const METRICS: usize = 1000;

/// What was put where.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub points: Vec<Point>,
    pub alarms: BTreeMap<(Home, String), Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub home: Home,
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
    pub value: f64,
}

impl State {
    /// Whether it is in ALARM.
    pub fn rings(&self, home: &Home, name: &str) -> bool {
        self.alarms.get(&(home.clone(), name.to_owned())).is_some_and(|alarm| alarm["StateValue"] == "ALARM")
    }
}

pub fn handle(world: &mut World, call: &Incoming<'_>) -> Reply {
    let home = Home::of(call.caller);
    match call.action {
        "PutMetricData" => put_data(world, call.json, home),
        "PutMetricAlarm" => put_alarm(world, call, home),
        "DescribeAlarms" => describe(world, call.json, &home),
        "SetAlarmState" => set_state(world, call, home),
        "DeleteAlarms" => {
            for name in texts(call.json, "AlarmNames") {
                world.cloudwatch.alarms.remove(&(home.clone(), name));
            }
            Ok(Done::json(json!({})))
        }
        _ => Err(Failure::unknown("UnknownOperationException", call.action)),
    }
}

/// 500 PutMetricData a second, 3 PutMetricAlarm, 9 DescribeAlarms (CloudWatch quotas).
pub fn limit(action: &str) -> Limit {
    match action {
        "PutMetricData" => Limit { bucket: "", size: 500.0, refill: 500.0 },
        "DescribeAlarms" => Limit { bucket: "", size: 9.0, refill: 9.0 },
        _ => Limit { bucket: "", size: 3.0, refill: 3.0 },
    }
}

fn texts(json: &Value, name: &str) -> Vec<String> {
    json[name].as_array().into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_owned())).collect()
}

fn missing(name: &str) -> Failure {
    Failure::bad("MissingParameter", format!("The parameter {name} is required."))
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::bad("InvalidParameterValue", message)
}

fn required<'j>(json: &'j Value, name: &str, most: usize) -> Result<&'j str, Failure> {
    let text = json[name].as_str().ok_or_else(|| missing(name))?;
    if text.is_empty() || text.len() > most || !text.is_ascii() || text.chars().any(|c| c.is_ascii_control()) {
        return Err(invalid(format!("The value for parameter {name} is not valid.")));
    }
    Ok(text)
}

fn dimensions(json: &Value) -> Result<BTreeMap<String, String>, Failure> {
    let all = json["Dimensions"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.len() > 30 {
        return Err(invalid("The collection Dimensions must not have a size greater than 30."));
    }
    all.iter()
        .map(|one| Ok((required(one, "Name", 255)?.to_owned(), required(one, "Value", 1024)?.to_owned())))
        .collect()
}

fn put_data(world: &mut World, json: &Value, home: Home) -> Reply {
    let namespace = required(json, "Namespace", 255)?;
    if namespace.starts_with("AWS/") {
        return Err(invalid("The value AWS/ for parameter Namespace is invalid."));
    }
    let data = json["MetricData"].as_array().ok_or_else(|| missing("MetricData"))?;
    if data.is_empty() || data.len() > METRICS {
        return Err(invalid(format!("The collection MetricData must have a size between 1 and {METRICS}.")));
    }
    let mut points = Vec::with_capacity(data.len());
    for datum in data {
        let value = datum["Value"].as_f64().filter(|value| value.is_finite() && value.abs() <= 2_f64.powi(360));
        points.push(Point {
            home: home.clone(),
            namespace: namespace.to_owned(),
            name: required(datum, "MetricName", 255)?.to_owned(),
            dimensions: dimensions(datum)?,
            value: value.ok_or_else(|| invalid("The value for parameter MetricData.member.1.Value is invalid."))?,
        });
    }
    world.cloudwatch.points.extend(points);
    Ok(Done::json(json!({})))
}

/// How long an alarm may look back (API reference, `PutMetricAlarm`): a day, or a week where a period is an hour or more.
fn put_alarm(world: &mut World, call: &Incoming<'_>, home: Home) -> Reply {
    let json = call.json;
    let name = required(json, "AlarmName", 255)?;
    let number = |name: &str| json[name].as_i64().ok_or_else(|| missing(name));
    let (period, periods) = (number("Period")?, number("EvaluationPeriods")?);
    required(json, "ComparisonOperator", 255)?;
    required(json, "MetricName", 255)?;
    required(json, "Namespace", 255)?;
    dimensions(json)?;
    if period < 60 || period % 60 != 0 {
        return Err(invalid("The value for parameter Period is not valid."));
    }
    if periods < 1 || period * periods > if period >= 3600 { 604_800 } else { 86_400 } {
        return Err(Failure::bad("ValidationError", "Metrics cannot be checked across more than a week"));
    }
    let missing_data = json["TreatMissingData"].as_str();
    if missing_data.is_some_and(|word| !["breaching", "notBreaching", "ignore", "missing"].contains(&word)) {
        return Err(invalid("The value for parameter TreatMissingData is not valid."));
    }
    let actions = texts(json, "AlarmActions");
    let ours = |arn: &String| arn.starts_with("arn:") && arn.split(':').nth(3) == Some(home.region.as_str());
    if actions.len() > 5 || !actions.iter().all(ours) {
        return Err(Failure::bad("ValidationError", "Invalid region or ARN in AlarmActions, or more than 5"));
    }
    let mut alarm = json.clone();
    alarm["AlarmArn"] = json!(format!("arn:aws:cloudwatch:{}:{}:alarm:{name}", home.region, home.account));
    // A double, however it was written: clients that read CBOR take no other.
    alarm["Threshold"] = json!(json["Threshold"].as_f64());
    alarm["ActionsEnabled"] = json!(json["ActionsEnabled"].as_bool().unwrap_or(true));
    alarm["StateValue"] = json!("INSUFFICIENT_DATA");
    alarm["StateUpdatedTimestamp"] = json!(world.clock.epoch(call.now));
    world.cloudwatch.alarms.insert((home, name.to_owned()), alarm);
    Ok(Done::json(json!({})).made([name]))
}

fn set_state(world: &mut World, call: &Incoming<'_>, home: Home) -> Reply {
    let (name, state) = (required(call.json, "AlarmName", 255)?, required(call.json, "StateValue", 255)?);
    required(call.json, "StateReason", 1023)?;
    if !["OK", "ALARM", "INSUFFICIENT_DATA"].contains(&state) {
        return Err(invalid("The value for parameter StateValue is not valid."));
    }
    let missing = || Failure::bad("ResourceNotFound", "The named resource does not exist.");
    let alarm = world.cloudwatch.alarms.get_mut(&(home, name.to_owned())).ok_or_else(missing)?;
    alarm["StateValue"] = json!(state);
    alarm["StateUpdatedTimestamp"] = json!(world.clock.epoch(call.now));
    Ok(Done::json(json!({})))
}

fn describe(world: &World, json: &Value, home: &Home) -> Reply {
    let (names, prefix) = (texts(json, "AlarmNames"), json["AlarmNamePrefix"].as_str());
    if names.len() > 100 || !names.is_empty() && prefix.is_some() {
        return Err(Failure::bad("ValidationError", "At most 100 AlarmNames, and no AlarmNamePrefix beside them"));
    }
    let size = json["MaxRecords"].as_u64().unwrap_or(50);
    let after = json["NextToken"].as_str();
    let ours = world.cloudwatch.alarms.iter().filter(|((at, name), _)| {
        at == home
            && (names.is_empty() || names.contains(name))
            && prefix.is_none_or(|prefix| name.starts_with(prefix))
            && after.is_none_or(|after| name.as_str() > after)
    });
    let ours: Vec<(&str, &Value)> = ours.map(|((_, name), alarm)| (name.as_str(), alarm)).collect();
    let page: Vec<_> = ours.iter().take(usize::try_from(size).unwrap_or(50)).collect();
    let mut answer = json!({ "MetricAlarms": page.iter().map(|(_, alarm)| (*alarm).clone()).collect::<Vec<_>>() });
    if page.len() < ours.len() {
        answer["NextToken"] = json!(page.last().map(|(name, _)| *name));
    }
    Ok(Done::json(answer))
}
