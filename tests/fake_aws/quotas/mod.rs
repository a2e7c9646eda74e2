//! Service Quotas: the vCPUs that an account may run.

use super::World;
use super::reply::{Done, Failure, Incoming, Reply};
use super::settings::Settings;
use super::ssm::arguments::{Arguments, page};
use super::ssm::refusal::{Answer, Refusal};
use super::throttle::Limit;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Code, name.
const QUOTAS: [(&str, &str); 2] = [
    ("L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"),
    ("L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests"),
];

/// The values, by code; tests may change them.
#[derive(Debug, Clone)]
pub struct State {
    pub values: BTreeMap<&'static str, f64>,
}

impl State {
    pub fn new(_settings: &Settings) -> State {
        State { values: QUOTAS.iter().map(|(code, _)| (*code, 64.0)).collect() }
    }
}

pub fn handle(world: &mut World, call: &Incoming<'_>) -> Reply {
    let answer = Arguments::parse(&call.request.body).and_then(|arguments| {
        Ok(match call.action {
            "GetServiceQuota" => Some(get(world, call, &arguments)?),
            "ListServiceQuotas" => Some(list(world, call, &arguments)?),
            _ => None,
        })
    });
    match answer {
        Ok(Some(answer)) => Ok(Done::json(answer)),
        Ok(None) => Err(Failure::unknown("UnknownOperationException", call.action)),
        Err(refusal) => Err(Failure::bad(refusal.code, refusal.message)),
    }
}

fn no_such() -> Refusal {
    Refusal::new("NoSuchResourceException", "The request failed because the specified service or quota does not exist.")
}

fn quota(world: &World, call: &Incoming<'_>, code: &str) -> Option<Value> {
    let (code, name) = QUOTAS.iter().find(|(known, _)| *known == code)?;
    let (region, account) = (&call.caller.region, call.caller.account());
    Some(json!({
        "ServiceCode": "ec2",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaArn": format!("arn:aws:servicequotas:{region}:{account}:ec2/{code}"),
        "QuotaCode": code,
        "QuotaName": name,
        "Value": world.quotas.values.get(code)?,
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": false,
        "QuotaAppliedAtLevel": "ACCOUNT",
    }))
}

fn get(world: &World, call: &Incoming<'_>, arguments: &Arguments) -> Answer {
    let (service, code) = (arguments.required("ServiceCode")?, arguments.required("QuotaCode")?);
    let found = if service == "ec2" { quota(world, call, code) } else { None };
    Ok(json!({ "Quota": found.ok_or_else(no_such)? }))
}

fn list(world: &World, call: &Incoming<'_>, arguments: &Arguments) -> Answer {
    if arguments.required("ServiceCode")? != "ec2" {
        return Err(no_such());
    }
    let size = arguments.bounded("MaxResults", 1, 100)?.unwrap_or(100) as usize;
    let only = arguments.text("QuotaCode")?;
    let codes = QUOTAS.iter().map(|(code, _)| *code).filter(|code| only.is_none_or(|only| only == *code));
    let all: Vec<Value> = codes.filter_map(|code| quota(world, call, code)).collect();
    let wrong = |_| Refusal::new("InvalidPaginationTokenException", "Invalid input was provided.");
    let (page, next) = page(all, arguments.text("NextToken")?, size).map_err(wrong)?;
    let mut answer = json!({ "Quotas": page });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

/// Service Quotas' own quotas: 5 GetServiceQuota a second with a burst of 5, 10 lists.
pub fn limit(action: &str) -> Limit {
    match action {
        "GetServiceQuota" => Limit { bucket: "", size: 5.0, refill: 5.0 },
        _ => Limit { bucket: "", size: 10.0, refill: 10.0 },
    }
}
