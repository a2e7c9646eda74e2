//! Lists: filters and pages.

use super::super::reply::{Done, Failure, Incoming, Reply};
use super::args::Args;
use super::arn::Pattern;
use super::refusal::invalid;
use super::rules::{ANY, FILTER_NAME, FILTER_VALUE};
use serde_json::{Value, json};

/// "If you don't specify a value, Image Builder returns up to 25 items. The largest page size is 100."
const USUAL: usize = 25;
const MOST: i64 = 100;

/// One page under that name.
pub fn answer(call: &Incoming<'_>, args: &Args, name: &str, all: Vec<Value>) -> Result<Value, Failure> {
    let size = args.number("maxResults", 1, MOST)?.and_then(|size| usize::try_from(size).ok()).unwrap_or(USUAL);
    let mark = format!("{}/", call.action);
    let start = match args.text("nextToken", &ANY)? {
        None => 0,
        Some(token) => token.strip_prefix(&mark).and_then(|start| start.parse::<usize>().ok()).ok_or_else(|| {
            Failure::bad("InvalidPaginationTokenException", "The pagination token in the request is not valid.")
        })?,
    };
    let total = all.len();
    let page: Vec<Value> = all.into_iter().skip(start).take(size).collect();
    let end = start + page.len();
    let mut answer = json!({ "requestId": call.request_id, name: page });
    if end < total {
        answer["nextToken"] = json!(format!("{mark}{end}"));
    }
    Ok(answer)
}

pub fn reply(call: &Incoming<'_>, args: &Args, name: &str, all: Vec<Value>) -> Reply {
    Ok(Done::json(answer(call, args, name, all)?))
}

/// What a list is narrowed by: all filters, and of each any value.
pub struct Filters(Vec<(String, Vec<String>)>);

impl Filters {
    pub fn read(args: &Args, known: &[&str]) -> Result<Filters, Failure> {
        let mut filters = Vec::new();
        for filter in args.structures("filters", 1, 10)? {
            let name = filter.required("name", &FILTER_NAME)?.to_owned();
            if !known.contains(&name.as_str()) {
                let why = format!("'{name}' is not a valid filter name; valid are [{}].", known.join(", "));
                return Err(invalid(&filter.at("name"), why));
            }
            let values = filter.texts("values", 1, 10, &FILTER_VALUE)?.ok_or_else(|| filter.missing("values"))?;
            filters.push((name, values));
        }
        Ok(Filters(filters))
    }

    pub fn names(&self, name: &str) -> bool {
        self.0.iter().any(|(filter, _)| filter == name)
    }

    /// Whether a resource passes, given as the service shows it.
    pub fn pass(&self, shown: &Value) -> bool {
        self.0.iter().all(|(name, values)| {
            let actual = shown[name].as_str().unwrap_or_default();
            values.iter().any(|value| match (name.as_str(), Pattern::parse(value), Pattern::parse(actual)) {
                ("version", Some(wanted), Some(actual)) => actual.exact().is_some_and(|actual| wanted.matches(actual)),
                _ => value == actual,
            })
        })
    }
}
