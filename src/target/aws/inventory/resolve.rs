//! Parameters that launch templates name their images by: what each gives now.

use super::super::api::{Api, CallError};
use super::super::parameters;
use super::strangers::is_id;
use crate::target::TargetError;
use std::collections::{BTreeMap, BTreeSet};

/// What parameters give: an image, or why that can't be told.
#[derive(Debug, Default)]
pub struct Resolved(BTreeMap<String, Result<String, String>>);

impl Resolved {
    /// The image that a parameter gives, with its version or label where it has one.
    pub fn image(&self, parameter: &str) -> Result<String, String> {
        let unread = || Err(format!("the parameter {parameter} was not read"));
        self.0.get(parameter).cloned().unwrap_or_else(unread)
    }
}

/// Reads them all.
pub async fn all(api: &Api, wanted: BTreeSet<String>) -> Result<Resolved, TargetError> {
    let image = |(parameter, value): (String, parameters::Value)| {
        let image = match value {
            Err(error) => Err(unreadable(&parameter, error)),
            Ok(Some(value)) if is_id(value.trim()) => Ok(value.trim().to_owned()),
            Ok(Some(_)) => Err(format!("the parameter {parameter} holds no image")),
            Ok(None) => Err(format!("the parameter {parameter} does not exist, or is not seen from here")),
        };
        (parameter, image)
    };
    Ok(Resolved(parameters::values(api, &wanted).await?.into_iter().map(image).collect()))
}

fn unreadable(parameter: &str, error: CallError) -> String {
    let why = TargetError::from(error).to_string();
    format!("the parameter {parameter} could not be read: {}", why.lines().next().unwrap_or_default())
}
