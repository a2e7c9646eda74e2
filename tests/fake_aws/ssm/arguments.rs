//! A request's JSON, read with the errors that the real services answer with.

use super::refusal::Refusal;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The members of a request, or of a structure in it.
#[derive(Debug, Clone)]
pub struct Arguments(Map<String, Value>);

impl Arguments {
    pub fn parse(body: &[u8]) -> Result<Arguments, Refusal> {
        let value = if body.is_empty() {
            Value::Object(Map::new())
        } else {
            serde_json::from_slice(body).map_err(|_| wrong())?
        };
        Arguments::of(&value)
    }

    pub fn of(value: &Value) -> Result<Arguments, Refusal> {
        value.as_object().cloned().map(Arguments).ok_or_else(wrong)
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// All names.
    pub fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    pub fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        self.value(name).map(|value| value.as_str().ok_or_else(wrong)).transpose()
    }

    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    pub fn flag(&self, name: &str) -> Result<bool, Refusal> {
        Ok(self.value(name).map(|value| value.as_bool().ok_or_else(wrong)).transpose()?.unwrap_or(false))
    }

    pub fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.value(name).map(|value| value.as_i64().ok_or_else(wrong)).transpose()
    }

    /// A number with the bounds that the service's model gives it.
    pub fn bounded(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, Refusal> {
        let number = self.number(name)?;
        match number {
            Some(number) if number < least => {
                let rule = format!("Member must have value greater than or equal to {least}");
                Err(constraint(&number.to_string(), name, &rule))
            }
            Some(number) if number > most => {
                let rule = format!("Member must have value less than or equal to {most}");
                Err(constraint(&number.to_string(), name, &rule))
            }
            number => Ok(number),
        }
    }

    pub fn texts(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let texts = value.as_array().ok_or_else(wrong)?.iter();
        texts.map(|text| text.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
    }

    /// A list of texts that must not be empty, of at most so many.
    pub fn some_texts(&self, name: &str, most: usize) -> Result<Vec<String>, Refusal> {
        if self.value(name).is_none() {
            return Err(missing(name));
        }
        let texts = self.texts(name)?;
        let shown = || format!("[{}]", texts.join(", "));
        if texts.is_empty() {
            return Err(constraint(&shown(), name, "Member must have length greater than or equal to 1"));
        }
        if texts.len() > most {
            return Err(constraint(&shown(), name, &format!("Member must have length less than or equal to {most}")));
        }
        Ok(texts)
    }

    pub fn structures(&self, name: &str) -> Result<Vec<Arguments>, Refusal> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        value.as_array().ok_or_else(wrong)?.iter().map(Arguments::of).collect()
    }

    pub fn structure(&self, name: &str) -> Result<Option<Arguments>, Refusal> {
        self.value(name).map(Arguments::of).transpose()
    }

    /// A map of lists, as documents' parameters are.
    pub fn map_of_lists(&self, name: &str) -> Result<BTreeMap<String, Vec<String>>, Refusal> {
        let Some(map) = self.structure(name)? else { return Ok(BTreeMap::new()) };
        map.0.keys().map(|key| Ok((key.clone(), map.texts(key)?))).collect()
    }

    /// `[{"Key":…,"Value":…}]`
    pub fn tags(&self, name: &str) -> Result<Vec<(String, String)>, Refusal> {
        let tag = |tag: Arguments| Ok((tag.required("Key")?.to_owned(), tag.required("Value")?.to_owned()));
        self.structures(name)?.into_iter().map(tag).collect()
    }
}

fn wrong() -> Refusal {
    Refusal::new("SerializationException", "")
}

fn missing(name: &str) -> Refusal {
    constraint("null", name, "Member must not be null").into_unquoted()
}

/// How the real services tell of a constraint of their models.
pub fn constraint(value: &str, name: &str, rule: &str) -> Refusal {
    let mut member = name.to_owned();
    if let Some(first) = member.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    Refusal::validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {rule}"
    ))
}

impl Refusal {
    fn into_unquoted(mut self) -> Refusal {
        self.message = self.message.replace("Value 'null'", "Value null");
        self
    }
}

/// One page of a list: the token is where the next one starts. Tokens are checked, as the real ones are.
pub fn page<T>(items: Vec<T>, token: Option<&str>, size: usize) -> Result<(Vec<T>, Option<String>), Refusal> {
    const MARK: &str = "page-";
    let start = match token {
        None => 0,
        Some(token) => token
            .strip_prefix(MARK)
            .and_then(|start| start.parse::<usize>().ok())
            .ok_or_else(|| Refusal::new("InvalidNextToken", "The specified token isn't valid."))?,
    };
    let total = items.len();
    let page: Vec<T> = items.into_iter().skip(start).take(size).collect();
    let end = start + page.len();
    Ok((page, (end < total).then(|| format!("{MARK}{end}"))))
}
