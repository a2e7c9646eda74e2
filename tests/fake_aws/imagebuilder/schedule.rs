//! Schedules of pipelines: `cron(0 0 * * ? *)`, `rate(1 day)`.

use super::super::reply::Failure;
use super::args::Args;
use super::refusal::invalid;
use super::rules::{SOME, TIMEZONE};
use serde_json::{Value, json};

/// A schedule with its defaults.
pub fn read(args: &Args) -> Result<Value, Failure> {
    let mut schedule = Value::Object(args.kept(&["timezone", "autoDisablePolicy"]));
    if let Some(expression) = args.text("scheduleExpression", &SOME)? {
        if !is_cron(expression) && !is_rate(expression) {
            let why = format!("'{expression}' is no valid cron or rate expression.");
            return Err(invalid(&args.at("scheduleExpression"), why));
        }
        schedule["scheduleExpression"] = json!(expression);
    }
    args.text("timezone", &TIMEZONE)?;
    let conditions = ["EXPRESSION_MATCH_ONLY", "EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE"];
    let condition = args.one_of("pipelineExecutionStartCondition", &conditions)?.unwrap_or(conditions[1]);
    schedule["pipelineExecutionStartCondition"] = json!(condition);
    if let Some(policy) = args.structure("autoDisablePolicy")? {
        policy.number("failureCount", 1, 10)?.ok_or_else(|| policy.missing("failureCount"))?;
    }
    Ok(schedule)
}

fn is_rate(text: &str) -> bool {
    let Some(inner) = text.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')')) else { return false };
    match inner.split_whitespace().collect::<Vec<_>>().as_slice() {
        // One of a unit is written in the singular.
        [number, unit] => match number.parse::<u32>() {
            Ok(0) | Err(_) => false,
            Ok(1) => ["minute", "hour", "day"].contains(unit),
            Ok(_) => ["minutes", "hours", "days"].contains(unit),
        },
        _ => false,
    }
}

/// Minutes, hours, day of the month, month, day of the week, and a year that may be missing. One of the two days is `?`.
fn is_cron(text: &str) -> bool {
    let Some(inner) = text.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')')) else { return false };
    let fields: Vec<&str> = inner.split_whitespace().collect();
    let known = |field: &&str| field.chars().all(|c| c.is_ascii_alphanumeric() || "*?,-/#".contains(c));
    matches!(fields.len(), 5 | 6) && fields.iter().all(known) && (fields[2] == "?") != (fields[4] == "?")
}
