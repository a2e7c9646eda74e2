//! Parameters that hold a document of ours: locks of moves, pins, and what is known of images on their way out.

use super::api::{Api, CallError, op};
use super::clock;
use crate::target::{Pin, PointerName, Slot, TargetError};
use aws_sdk_ssm::types::{Parameter, ParameterType};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Parameters per page (Systems Manager API reference, `GetParametersByPath`).
const PAGE: i32 = 10;

/// The longest value of a standard parameter, in bytes (Systems Manager quotas).
pub const LONGEST: usize = 4096;

/// A document, and when the service has written it.
pub struct Plain<T> {
    /// What it holds.
    pub value: T,
    /// When, RFC 3339.
    pub written_at: String,
}

/// JSON as a parameter's value: two braces in a row would name another parameter, and stand only in text.
fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default().replace("{{", "{\\u007b")
}

/// The document in a parameter.
pub(super) fn read<T: DeserializeOwned>(name: &str, parameter: &Parameter) -> Result<Plain<T>, TargetError> {
    let value = serde_json::from_str(parameter.value().unwrap_or_default()).map_err(|error| TargetError::Damaged {
        what: format!("parameter {name}"),
        why: error.to_string(),
        help: format!("someone wrote it by hand: delete it (aws ssm delete-parameter --name {name})"),
    })?;
    Ok(Plain { value, written_at: parameter.last_modified_date().map(clock::rfc3339_ms).unwrap_or_default() })
}

/// Reads one; none where it does not exist.
pub async fn get<T: DeserializeOwned>(api: &Api, name: &str) -> Result<Option<Plain<T>>, TargetError> {
    let ask = || api.ssm.get_parameters().names(name).send();
    let answer = api.caller.call(op::GET_PARAMETERS, name, ask).await?;
    answer.parameters().first().map(|parameter| read(name, parameter)).transpose()
}

/// All below a path, one level deep.
pub async fn below<T: DeserializeOwned>(api: &Api, path: &str) -> Result<Vec<(String, Plain<T>)>, TargetError> {
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let ask = || {
            let request = api.ssm.get_parameters_by_path().path(path).max_results(PAGE);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::LIST_PARAMETERS, path, ask).await?;
        for parameter in answer.parameters() {
            let name = parameter.name().unwrap_or_default();
            found.push((name.to_owned(), read(name, parameter)?));
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

/// Makes one that must not exist.
pub async fn create<T: Serialize>(api: &Api, name: &str, value: &T) -> Result<(), CallError> {
    put(api, name, value, false).await
}

async fn put<T: Serialize>(api: &Api, name: &str, value: &T, overwrite: bool) -> Result<(), CallError> {
    let value = json(value);
    let request = || {
        let request = api.ssm.put_parameter().name(name).value(&value).r#type(ParameterType::String);
        request.overwrite(overwrite).send()
    };
    api.caller.call(op::PUT_PARAMETER, name, request).await.map(drop)
}

/// Writes one, over what is there.
pub async fn replace<T: Serialize>(api: &Api, name: &str, value: &T) -> Result<(), CallError> {
    put(api, name, value, true).await
}

/// Removes one; one that is gone is fine.
pub async fn delete(api: &Api, name: &str) -> Result<(), TargetError> {
    let request = || api.ssm.delete_parameter().name(name).send();
    match api.caller.call(op::DELETE_PARAMETER, name, request).await {
        Err(error) if !error.is("ParameterNotFound") => Err(error.into()),
        _ => Ok(()),
    }
}

/// `/amifactory/<recipe>/<arch>/pins/<channel>`
pub fn pin_name(name: &PointerName) -> Option<String> {
    let Slot::Channel(channel) = &name.slot else { return None };
    Some(format!("/amifactory/{}/{}/pins/{channel}", name.recipe, name.arch))
}

/// The pin in a parameter.
pub fn read_pin(parameter: &Parameter) -> Result<Pin, TargetError> {
    Ok(read::<Pin>(parameter.name().unwrap_or_default(), parameter)?.value)
}

/// The pin of a channel.
pub async fn pin(api: &Api, name: &PointerName) -> Result<Option<Pin>, TargetError> {
    let Some(name) = pin_name(name) else { return Ok(None) };
    Ok(get::<Pin>(api, &name).await?.map(|found| found.value))
}

/// Replaces the pin of a channel. One that was lifted stays, so that it can be told when the channel was held.
pub async fn put_pin(api: &Api, name: &PointerName, pin: &Pin) -> Result<(), TargetError> {
    let Some(name) = pin_name(name) else { return Ok(()) };
    Ok(replace(api, &name, pin).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_never_names_another_parameter() {
        let text = json(&("{{ssm:x}}", "{{{{"));
        assert!(!text.contains("{{"), "{text}");
        assert_eq!(serde_json::from_str::<(String, String)>(&text).unwrap(), ("{{ssm:x}}".into(), "{{{{".into()));
    }
}
