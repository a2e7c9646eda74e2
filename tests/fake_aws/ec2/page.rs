//! `MaxResults` and `NextToken`.

use super::super::params::Params;
use super::super::reply::Failure;
use super::super::xml::{Xml, text};
use super::errors::{combination, invalid};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// What a call may return without asking for pages, and the most it may ask for.
const MOST: u64 = 1000;

/// One page, and how to get the next.
pub struct Page<T> {
    pub items: Vec<T>,
    next: Option<String>,
}

impl<T> Page<T> {
    /// `<nextToken>`, where there is more.
    pub fn next(&self) -> Option<Xml> {
        self.next.as_ref().map(|token| text("nextToken", token))
    }
}

/// Cuts the page that the call asks for. `ids`: the parameter with ids, which can't go with `MaxResults`.
pub fn page<T>(items: Vec<T>, params: &Params, ids: &str, key: impl Fn(&T) -> String) -> Result<Page<T>, Failure> {
    let size = params.number("MaxResults")?;
    if let Some(size) = size {
        if !(5..=MOST).contains(&size) {
            return Err(invalid(format!(
                "Value ( {size} ) for parameter maxResults is invalid. Expecting a value between 5 and {MOST}."
            )));
        }
        if !ids.is_empty() && !params.list(ids).is_empty() {
            return Err(combination(format!("The parameter {ids} cannot be used with the parameter maxResults")));
        }
    }
    let size = usize::try_from(size.unwrap_or(MOST)).unwrap_or(usize::MAX);
    let start = match params.get("NextToken") {
        None => 0,
        Some(token) => {
            let last = read(token).ok_or_else(|| Failure::bad("InvalidNextToken", "The token is not valid."))?;
            items.iter().position(|item| key(item) > last).unwrap_or(items.len())
        }
    };
    let more = items.len() > start + size;
    let items: Vec<T> = items.into_iter().skip(start).take(size).collect();
    let next = items.last().filter(|_| more).map(|last| BASE64_STANDARD.encode(format!("after:{}", key(last))));
    Ok(Page { items, next })
}

fn read(token: &str) -> Option<String> {
    let bytes = BASE64_STANDARD.decode(token).ok()?;
    String::from_utf8(bytes).ok()?.strip_prefix("after:").map(str::to_owned)
}
