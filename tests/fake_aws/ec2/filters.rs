//! `Filter.N.Name`, `Filter.N.Value.M`: values are or-ed, filters are and-ed, `*` and `?` are wildcards.

use super::super::params::Params;
use super::super::reply::Failure;
use super::errors::{invalid, missing};
use super::model::Tags;
use std::collections::HashSet;

#[derive(Debug, Clone)]
pub struct Filters(Vec<(String, Values)>);

/// Values of a filter. Most are no patterns, and 200 of them are looked up at once.
#[derive(Debug, Clone)]
struct Values {
    plain: HashSet<String>,
    patterns: Vec<String>,
}

impl Values {
    fn of(all: Vec<String>) -> Values {
        let (patterns, plain): (Vec<String>, Vec<String>) =
            all.into_iter().partition(|value| value.contains(['*', '?', '\\']));
        Values { plain: plain.into_iter().collect(), patterns }
    }

    fn admit(&self, value: &str) -> bool {
        self.plain.contains(value) || self.patterns.iter().any(|pattern| matches(pattern, value))
    }
}

impl Filters {
    /// Reads them; a name that is neither known nor about tags is an error.
    pub fn parse(params: &Params, known: &[&str]) -> Result<Filters, Failure> {
        let mut filters = Vec::new();
        for member in params.members("Filter") {
            let name = member.get("Name").ok_or_else(|| missing("Filter.Name"))?.to_owned();
            let about_tags = name.starts_with("tag:") || name == "tag-key" || name == "tag-value";
            if !about_tags && !known.contains(&name.as_str()) {
                return Err(invalid(format!("The filter '{name}' is invalid")));
            }
            let values = member.list("Value");
            if values.is_empty() {
                return Err(invalid(format!("The filter '{name}' has no value")));
            }
            if values.len() > 200 {
                return Err(Failure::bad(
                    "FilterLimitExceeded",
                    "The maximum number of filter values specified on a single call is 200",
                ));
            }
            filters.push((name, Values::of(values)));
        }
        Ok(Filters(filters))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a resource passes; `of` gives its values under a filter's name.
    pub fn pass(&self, tags: &Tags, of: impl Fn(&str) -> Vec<String>) -> bool {
        self.0.iter().all(|(name, values)| {
            let held: Vec<String> = match name.as_str() {
                "tag-key" => tags.keys().cloned().collect(),
                "tag-value" => tags.values().cloned().collect(),
                name => match name.strip_prefix("tag:") {
                    Some(key) => tags.get(key).cloned().into_iter().collect(),
                    None => of(name),
                },
            };
            held.iter().any(|value| values.admit(value))
        })
    }
}

/// `*` is any text, `?` any character; a backslash takes the next one literally.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        let literal = |at: usize| match pattern.get(at) {
            Some('\\') if at + 1 < pattern.len() => Some((pattern[at + 1], 2)),
            Some('*' | '?') | None => None,
            Some(other) => Some((*other, 1)),
        };
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&'?') {
            (p, t) = (p + 1, t + 1);
        } else if let Some((wanted, width)) = literal(p)
            && wanted == text[t]
        {
            (p, t) = (p + width, t + 1);
        } else if let Some((at, from)) = star {
            // The last star takes one character more.
            star = Some((at, from + 1));
            (p, t) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|rest| *rest == '*')
}
