//! A request's members, read by the rules of the service's model.

use super::super::params::Params;
use super::super::reply::{Failure, Incoming};
use super::refusal::invalid;
use super::rules::{TAG_KEY, TAG_VALUE, Text};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A structure of a request, and where in it that is.
#[derive(Debug, Clone)]
pub struct Args {
    map: Map<String, Value>,
    at: String,
}

fn wrong_type() -> Failure {
    Failure::bad("SerializationException", "A member of the request has another type than the service expects.")
}

impl Args {
    /// The body of a call; of a call without one, the query.
    pub fn of(call: &Incoming<'_>) -> Result<Args, Failure> {
        if !call.request.body.is_empty() {
            let map = call.json.as_object().cloned().ok_or_else(wrong_type)?;
            return Ok(Args { map, at: String::new() });
        }
        let query = Params::parse(call.request.query.as_bytes());
        let map = query.names().filter_map(|name| Some((name.to_owned(), Value::from(query.raw(name)?)))).collect();
        Ok(Args { map, at: String::new() })
    }

    /// What was kept of an earlier request.
    pub fn stored(map: Map<String, Value>) -> Args {
        Args { map, at: String::new() }
    }

    /// Where a member is: `distributions[0].region`.
    pub fn at(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) }
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// These members as they were given.
    pub fn kept(&self, names: &[&str]) -> Map<String, Value> {
        names.iter().filter_map(|name| Some(((*name).to_owned(), self.value(name)?.clone()))).collect()
    }

    pub fn text(&self, name: &str, rule: &Text) -> Result<Option<&str>, Failure> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let text = value.as_str().ok_or_else(wrong_type)?;
        check(&self.at(name), text, rule)?;
        Ok(Some(text))
    }

    pub fn required(&self, name: &str, rule: &Text) -> Result<&str, Failure> {
        self.text(name, rule)?.ok_or_else(|| self.missing(name))
    }

    pub fn missing(&self, name: &str) -> Failure {
        let at = self.at(name);
        invalid(&at, format!("'{at}' must not be null."))
    }

    pub fn one_of(&self, name: &str, known: &[&str]) -> Result<Option<&str>, Failure> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let text = value.as_str().ok_or_else(wrong_type)?;
        if !known.contains(&text) {
            let at = self.at(name);
            return Err(invalid(&at, format!("'{at}' must be one of [{}].", known.join(", "))));
        }
        Ok(Some(text))
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>, Failure> {
        self.value(name).map(|value| value.as_bool().ok_or_else(wrong_type)).transpose()
    }

    pub fn number(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, Failure> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let number = value.as_i64().ok_or_else(wrong_type)?;
        if !(least..=most).contains(&number) {
            let at = self.at(name);
            return Err(invalid(&at, format!("'{at}' must be between {least} and {most}.")));
        }
        Ok(Some(number))
    }

    fn list(&self, name: &str, least: usize, most: usize) -> Result<Option<&Vec<Value>>, Failure> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let list = value.as_array().ok_or_else(wrong_type)?;
        if !(least..=most).contains(&list.len()) {
            let at = self.at(name);
            return Err(invalid(&at, format!("'{at}' must have between {least} and {most} members.")));
        }
        Ok(Some(list))
    }

    pub fn texts(&self, name: &str, least: usize, most: usize, rule: &Text) -> Result<Option<Vec<String>>, Failure> {
        let Some(list) = self.list(name, least, most)? else { return Ok(None) };
        let mut texts = Vec::new();
        for (index, value) in list.iter().enumerate() {
            let text = value.as_str().ok_or_else(wrong_type)?;
            check(&format!("{}[{index}]", self.at(name)), text, rule)?;
            texts.push(text.to_owned());
        }
        Ok(Some(texts))
    }

    pub fn structure(&self, name: &str) -> Result<Option<Args>, Failure> {
        let Some(value) = self.value(name) else { return Ok(None) };
        Ok(Some(Args { map: value.as_object().cloned().ok_or_else(wrong_type)?, at: self.at(name) }))
    }

    pub fn structures(&self, name: &str, least: usize, most: usize) -> Result<Vec<Args>, Failure> {
        let Some(list) = self.list(name, least, most)? else { return Ok(Vec::new()) };
        let one = |(index, value): (usize, &Value)| {
            let map = value.as_object().cloned().ok_or_else(wrong_type)?;
            Ok(Args { map, at: format!("{}[{index}]", self.at(name)) })
        };
        list.iter().enumerate().map(one).collect()
    }

    /// A map of tags of at most so many.
    pub fn tags(&self, name: &str, most: usize) -> Result<Option<BTreeMap<String, String>>, Failure> {
        let Some(map) = self.structure(name)? else { return Ok(None) };
        let at = self.at(name);
        if !(1..=most).contains(&map.map.len()) {
            return Err(invalid(&at, format!("'{at}' must have between 1 and {most} members.")));
        }
        let mut tags = BTreeMap::new();
        for (key, value) in &map.map {
            check(&at, key, &TAG_KEY)?;
            let value = value.as_str().ok_or_else(wrong_type)?;
            check(&at, value, &TAG_VALUE)?;
            tags.insert(key.clone(), value.to_owned());
        }
        Ok(Some(tags))
    }
}

/// A text by its rule.
pub fn check(at: &str, text: &str, rule: &Text) -> Result<(), Failure> {
    let length = text.chars().count();
    if length > rule.most {
        return Err(invalid(at, format!("'{at}' must have length less than or equal to {}.", rule.most)));
    }
    if length < rule.least {
        return Err(invalid(at, format!("'{at}' must have length greater than or equal to {}.", rule.least)));
    }
    if !(rule.fits)(text) {
        return Err(invalid(at, format!("'{at}' must match pattern {}", rule.pattern)));
    }
    Ok(())
}
