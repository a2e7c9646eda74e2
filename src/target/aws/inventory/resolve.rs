//! Parameters that launch templates name their images by: what each gives now.

use super::super::api::{Api, CallError, op};
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

/// Each is asked for alone: an answer does not say by which of the ways to write a name it was asked.
pub async fn all(api: &Api, parameters: BTreeSet<String>) -> Result<Resolved, TargetError> {
    let mut resolved = Resolved::default();
    for parameter in parameters {
        let ask = || api.ssm.get_parameters().names(&parameter).send();
        let image = match api.caller.call(op::GET_PARAMETERS, &parameter, ask).await {
            Err(error) if error.is_credentials() => return Err(error.into()),
            Err(error) => Err(unreadable(&parameter, error)),
            Ok(answer) => match answer.parameters().first().and_then(|found| found.value()) {
                Some(value) if is_id(value.trim()) => Ok(value.trim().to_owned()),
                Some(_) => Err(format!("the parameter {parameter} holds no image")),
                None => Err(format!("the parameter {parameter} does not exist, or is not seen from here")),
            },
        };
        resolved.0.insert(parameter, image);
    }
    Ok(resolved)
}

fn unreadable(parameter: &str, error: CallError) -> String {
    let why = TargetError::from(error).to_string();
    format!("the parameter {parameter} could not be read: {}", why.lines().next().unwrap_or_default())
}
