//! Values in controls: text that may name parameters, and how an observed value is compared with it.

use crate::recipe::ParameterValue;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// Text with parameters in braces: `{password_max_days}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Parameter(String),
}

/// Text whose braces do not name parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// A brace that is never closed, or closes nothing.
    #[error("a brace without its partner: parameters are written `{{name}}`")]
    Unbalanced,
    /// What stands between the braces is no name.
    #[error("`{{{0}}}` is not a parameter: names are lower-case letters, digits and underscores")]
    Name(String),
}

/// The values of all parameters.
pub type Values = BTreeMap<String, ParameterValue>;

impl Value {
    /// The names of the parameters in it.
    pub fn parameters(&self) -> BTreeSet<&str> {
        self.0
            .iter()
            .filter_map(|part| if let Part::Parameter(name) = part { Some(name.as_str()) } else { None })
            .collect()
    }

    /// The text with its parameters filled in. That all of them exist was checked when the library was read.
    pub fn resolve(&self, values: &Values) -> String {
        self.0.iter().fold(String::new(), |mut text, part| {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Parameter(name) => {
                    if let Some(value) = values.get(name) {
                        text.push_str(&value.to_string());
                    }
                }
            }
            text
        })
    }
}

impl FromStr for Value {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            let inner = from.strip_prefix('{').ok_or(ValueError::Unbalanced)?;
            let (name, after) = inner.split_once('}').ok_or(ValueError::Unbalanced)?;
            if !is_parameter_name(name) {
                return Err(ValueError::Name(name.to_owned()));
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Parameter(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Value(parts))
    }
}

/// Lower-case letters, digits and underscores, starting with a letter.
pub(super) fn is_parameter_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 63
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// How an observed value is compared with the expected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Exactly this; `a|b` in a place that takes words means either.
    Equals,
    /// One of several words, `a|b`; the first is what apply sets.
    OneOf,
    /// A number that is not smaller.
    AtLeast,
    /// A number from 1 up to this: 0 switches such settings off.
    AtMost,
    /// A number from 0 up to this.
    UpTo,
}

impl Compare {
    /// All of them.
    pub const ALL: [Compare; 5] = [Compare::Equals, Compare::OneOf, Compare::AtLeast, Compare::AtMost, Compare::UpTo];

    /// The word for it in files and in the shell library.
    pub const fn as_str(self) -> &'static str {
        match self {
            Compare::Equals => "equals",
            Compare::OneOf => "one-of",
            Compare::AtLeast => "at-least",
            Compare::AtMost => "at-most",
            Compare::UpTo => "up-to",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Compare::Equals => "",
            Compare::OneOf => "one of ",
            Compare::AtLeast => "at least ",
            Compare::AtMost => "at most ",
            Compare::UpTo => "up to ",
        }
    }
}

/// A value that something should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// How it is compared.
    pub compare: Compare,
    /// With what.
    pub value: Value,
}

impl Expected {
    /// For people: `at most 365`.
    pub fn describe(&self, values: &Values) -> String {
        format!("{}{}", self.compare.words(), self.value.resolve(values))
    }
}

impl fmt::Display for Compare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_filled_in() {
        let value: Value = "wheel:{group}, {days}".parse().unwrap();
        assert_eq!(value.parameters().into_iter().collect::<Vec<_>>(), ["days", "group"]);
        let values = Values::from([
            ("group".to_owned(), ParameterValue::Text("{days}".to_owned())),
            ("days".to_owned(), ParameterValue::Integer(9)),
        ]);
        assert_eq!(value.resolve(&values), "wheel:{days}, 9");
    }

    #[test]
    fn braces_that_name_nothing_are_refused() {
        for text in ["{", "}", "a{b", "{}", "{A}", "{a b}", "{{a}}", "}{"] {
            assert!(text.parse::<Value>().is_err(), "{text}");
        }
    }
}
