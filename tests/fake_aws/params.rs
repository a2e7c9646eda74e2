//! Parameters of the query protocol: `Filter.1.Value.2=x`.

use super::reply::Failure;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Parameters of a call, or of one member of a list in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    /// From a form body or a query.
    pub fn parse(form: &[u8]) -> Params {
        Params(form_urlencoded::parse(form).map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A value; an empty one counts as not given, as it does for EC2.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A value, even an empty one.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn required(&self, name: &str) -> Result<&str, Failure> {
        self.get(name)
            .ok_or_else(|| Failure::bad("MissingParameter", format!("The request must contain the parameter {name}")))
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some("true" | "True" | "1") => Ok(Some(true)),
            Some("false" | "False" | "0") => Ok(Some(false)),
            Some(other) => Err(Failure::bad(
                "InvalidParameterValue",
                format!("Value ({other}) for parameter {name} is invalid. Invalid boolean value"),
            )),
        }
    }

    pub fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        self.get(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    Failure::bad(
                        "InvalidParameterValue",
                        format!("Value ({text}) for parameter {name} is invalid. Expected a number"),
                    )
                })
            })
            .transpose()
    }

    /// `Name.1`, `Name.2`, … in the order of their numbers.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.members(name).into_iter().filter_map(|member| member.0.get("").cloned()).collect()
    }

    /// What is below `Name.`: `MetadataOptions.HttpTokens` → `HttpTokens`.
    pub fn group(&self, name: &str) -> Params {
        let below = |key: &str| key.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')).map(str::to_owned);
        Params(self.0.iter().filter_map(|(key, value)| Some((below(key)?, value.clone()))).collect())
    }

    /// The members of a list, in the order of their numbers.
    pub fn members(&self, name: &str) -> Vec<Params> {
        let mut members: BTreeMap<u64, Params> = BTreeMap::new();
        for (key, value) in self.group(name).0 {
            let (number, rest) = key.split_once('.').unwrap_or((key.as_str(), ""));
            if let Ok(number) = number.parse() {
                members.entry(number).or_default().0.insert(rest.to_owned(), value);
            }
        }
        members.into_values().collect()
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The same without these: what decides whether two calls with one token are the same.
    pub fn without(&self, names: &[&str]) -> Params {
        Params(
            self.0
                .iter()
                .filter(|(key, _)| !names.contains(&key.as_str()))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
        )
    }

    /// This, and what it does not name at all from another.
    pub fn over(mut self, base: &Params) -> Params {
        let top = |key: &str| key.split('.').next().unwrap_or(key).to_owned();
        let own: Vec<String> = self.0.keys().map(|key| top(key)).collect();
        let more = base.0.iter().filter(|(key, _)| !own.contains(&top(key)));
        self.0.extend(more.map(|(key, value)| (key.clone(), value.clone())));
        self
    }

    pub fn to_json(&self) -> Value {
        Value::Object(
            self.0.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect::<Map<_, _>>(),
        )
    }
}
