//! Parameters that hold a document of ours: locks of moves, pins, and what is known of images that are revoked or on
//! their way out.

use super::api::{Api, CallError, Class, op};
use super::{clock, revoked};
use crate::identity::ImageId;
use crate::target::{Pin, PointerName, Slot, TargetError};
use aws_sdk_ssm::operation::get_parameters::GetParametersOutput;
use aws_sdk_ssm::types::{Parameter, ParameterType};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// Parameters per page (Systems Manager API reference, `GetParametersByPath`).
const PAGE: i32 = 10;
/// Names per call (the same, `GetParameters`).
const NAMES: usize = 10;

/// The longest value of a standard parameter, in bytes (Systems Manager quotas).
pub const LONGEST: usize = 4096;

/// What a parameter holds; none where it does not exist.
pub type Value = Result<Option<String>, CallError>;

/// A document, and when the service has written it.
#[derive(Debug)]
pub struct Plain<T> {
    /// What it holds.
    pub value: T,
    /// When, RFC 3339.
    pub written_at: String,
    /// The number of the write.
    pub revision: u64,
}

/// JSON as a parameter's value: two braces in a row would name another parameter, and stand only in text.
fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default().replace("{{", "{\\u007b")
}

/// What clears a document that can't be read.
fn way_out(name: &str) -> String {
    let mut parts = name.trim_start_matches("/amifactory/").split('/');
    let (recipe, kind, channel) = (parts.next(), parts.nth(1), parts.next());
    match (recipe, kind, channel) {
        (Some(recipe), Some("pins"), Some(channel)) => {
            format!("someone wrote it by hand, and it holds nobody: amifactory unpin {recipe} --channel {channel}")
        }
        (Some(_), Some("moves"), Some(channel)) => {
            format!(
                "someone wrote it by hand, and it moves nothing: the next move of {channel} removes it, and so does amifactory resume"
            )
        }
        (Some(recipe), Some("revoked"), Some(version)) => format!(
            "someone wrote it by hand, and it revokes nothing: delete it (aws ssm delete-parameter --name {name}); then \
             amifactory revoke {recipe}@{version} --reason TEXT writes it anew, while the image is there"
        ),
        _ => format!("someone wrote it by hand: delete it (aws ssm delete-parameter --name {name})"),
    }
}

/// That a document can be parsed, and is none of ours.
pub(super) fn damaged(name: &str, why: String) -> TargetError {
    TargetError::Damaged { what: format!("parameter {name}"), why, help: way_out(name) }
}

/// Reads a document that is kept beside the pointers.
pub(super) fn read<T: DeserializeOwned>(name: &str, parameter: &Parameter) -> Result<Plain<T>, TargetError> {
    let value = serde_json::from_str(parameter.value().unwrap_or_default())
        .map_err(|error| damaged(name, error.to_string()))?;
    let written_at = parameter.last_modified_date().map(clock::rfc3339_ms).unwrap_or_default();
    Ok(Plain { value, written_at, revision: u64::try_from(parameter.version()).unwrap_or_default() })
}

/// Reads one; none where it does not exist.
pub async fn get<T: DeserializeOwned>(api: &Api, name: &str) -> Result<Option<Plain<T>>, TargetError> {
    let ask = || api.ssm.get_parameters().names(name).send();
    let answer = api.caller.call(op::GET_PARAMETERS, name, ask).await?;
    answer.parameters().first().map(|parameter| read(name, parameter)).transpose()
}

/// The values of parameters as something else names them: by a name with a version or a label or without, or by an ARN. Each
/// has its own answer: what it holds, none where it does not exist, or why it could not be read. An error: nothing can be read.
pub async fn values(api: &Api, wanted: &BTreeSet<String>) -> Result<BTreeMap<String, Value>, CallError> {
    let mut values = BTreeMap::new();
    for some in batches(wanted) {
        let ask = || api.ssm.get_parameters().set_names(Some(some.clone())).send();
        match api.caller.call(op::GET_PARAMETERS, &some.join(", "), ask).await {
            Ok(answer) => {
                values.extend(some.iter().filter_map(|asked| Some((asked.clone(), Ok(told(&answer, asked)?)))))
            }
            Err(error) if error.is_credentials() => return Err(error),
            // One that may not be read makes no other unreadable.
            Err(error) if matches!(error.class, Class::Denied | Class::Permanent) => {}
            Err(error) => values.extend(some.iter().map(|asked| (asked.clone(), Err(error.clone())))),
        }
    }
    // What an answer to several did not tell, and ARNs.
    for asked in wanted.iter().filter(|asked| !values.contains_key(*asked)).cloned().collect::<Vec<_>>() {
        let ask = || api.ssm.get_parameters().names(&asked).send();
        let value = match api.caller.call(op::GET_PARAMETERS, &asked, ask).await {
            Err(error) if error.is_credentials() => return Err(error),
            answer => answer.map(|answer| Some(answer.parameters().first()?.value()?.to_owned())),
        };
        values.insert(asked, value);
    }
    Ok(values)
}

/// What an answer to several names says of one: what it holds, or that it does not exist; none where it says nothing of it.
fn told(answer: &GetParametersOutput, asked: &str) -> Option<Option<String>> {
    let (name, selector) = asked.split_once(':').unwrap_or((asked, ""));
    let its = |found: &Parameter| found.selector().unwrap_or_default().trim_start_matches(':') == selector;
    let found = answer.parameters().iter().find(|found| found.name() == Some(name) && its(found));
    let is_missing = answer.invalid_parameters().iter().any(|missing| missing == asked);
    found.map(|found| found.value().map(str::to_owned)).or(is_missing.then_some(None))
}

/// As few calls as can be. An answer does not say by which of the ways to write a name it was asked: ARNs stand in none, and
/// a parameter stands in each once.
fn batches(wanted: &BTreeSet<String>) -> Vec<Vec<String>> {
    let mut rounds: Vec<Vec<String>> = Vec::new();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for name in wanted.iter().filter(|name| !name.starts_with("arn:")) {
        let round = times.entry(name.split(':').next().unwrap_or_default()).or_default();
        if rounds.len() <= *round {
            rounds.push(Vec::new());
        }
        rounds[*round].push(name.clone());
        *round += 1;
    }
    rounds.iter().flat_map(|round| round.chunks(NAMES).map(<[String]>::to_vec)).collect()
}

/// All parameters below a path, in its folders too where it is `recursive`.
pub(super) async fn list(api: &Api, path: &str, recursive: bool) -> Result<Vec<Parameter>, CallError> {
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let ask = || {
            let request = api.ssm.get_parameters_by_path().path(path).recursive(recursive).max_results(PAGE);
            request.set_next_token(page.clone()).send()
        };
        let mut answer = api.caller.call(op::LIST_PARAMETERS, path, ask).await?;
        found.extend(answer.parameters.take().unwrap_or_default());
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

/// Makes one that must not exist.
pub async fn create<T: Serialize>(api: &Api, name: &str, value: &T) -> Result<(), CallError> {
    put(api, name, value, false).await.map(drop)
}

/// One version of a parameter, as it was written.
pub struct Written {
    /// What it holds.
    pub value: String,
    /// When, RFC 3339.
    pub at: String,
    /// The number of the write.
    pub revision: u64,
    /// Who wrote it, as the service knows.
    pub by: Option<String>,
}

/// The versions of one, oldest first; none where it does not exist.
pub async fn written(api: &Api, name: &str) -> Result<Vec<Written>, TargetError> {
    let mut found: Vec<Written> = Vec::new();
    let mut page = None;
    loop {
        let ask = || api.ssm.get_parameter_history().name(name).set_next_token(page.clone()).send();
        let answer = match api.caller.call(op::PARAMETER_HISTORY, name, ask).await {
            Err(error) if error.is("ParameterNotFound") => return Ok(found),
            answer => answer?,
        };
        found.extend(answer.parameters().iter().map(|version| Written {
            value: version.value().unwrap_or_default().to_owned(),
            at: version.last_modified_date().map(clock::rfc3339_ms).unwrap_or_default(),
            revision: u64::try_from(version.version()).unwrap_or_default(),
            by: version.last_modified_user().map(str::to_owned),
        }));
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            found.sort_by_key(|found| found.revision);
            return Ok(found);
        }
    }
}

/// The versions of one, oldest first; those that can't be read are left out.
pub async fn versions<T: DeserializeOwned>(api: &Api, name: &str) -> Result<Vec<Plain<T>>, TargetError> {
    let read = |version: Written| {
        let value = serde_json::from_str(&version.value).ok()?;
        Some(Plain { value, written_at: version.at, revision: version.revision })
    };
    Ok(written(api, name).await?.into_iter().filter_map(read).collect())
}

/// Answers with the number of the write.
async fn put<T: Serialize>(api: &Api, name: &str, value: &T, overwrite: bool) -> Result<u64, CallError> {
    let value = json(value);
    let request = || {
        let request = api.ssm.put_parameter().name(name).value(&value).r#type(ParameterType::String);
        request.overwrite(overwrite).send()
    };
    let answer = api.caller.call(op::PUT_PARAMETER, name, request).await?;
    Ok(u64::try_from(answer.version).unwrap_or_default())
}

/// Writes one, over what is there.
pub async fn replace<T: Serialize>(api: &Api, name: &str, value: &T) -> Result<(), CallError> {
    put(api, name, value, true).await.map(drop)
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

/// The pin of a channel.
pub async fn pin(api: &Api, name: &PointerName) -> Result<Option<Pin>, TargetError> {
    let Some(name) = pin_name(name) else { return Ok(None) };
    Ok(get::<Pin>(api, &name).await?.map(|found| found.value))
}

/// The pin of a channel, and why the image that it is to name is revoked, as the mark of its version says: in one call.
pub async fn pin_and_reason(
    api: &Api,
    name: &PointerName,
    version: Option<&PointerName>,
    image: &ImageId,
) -> Result<(Option<Pin>, Option<String>), TargetError> {
    let (pin, mark) = (pin_name(name), version.and_then(revoked::parameter));
    let names: Vec<String> = pin.iter().chain(&mark).cloned().collect();
    if names.is_empty() {
        return Ok((None, None));
    }
    let ask = || api.ssm.get_parameters().set_names(Some(names.clone())).send();
    let answer = api.caller.call(op::GET_PARAMETERS, &names.join(" "), ask).await?;
    let found = |text: &Option<String>| {
        answer.parameters().iter().find(|found| text.is_some() && found.name() == text.as_deref())
    };
    let pin = found(&pin).map(|found| read::<Pin>(found.name().unwrap_or_default(), found)).transpose()?;
    // One that nobody can read says nothing.
    let mark = found(&mark).and_then(|found| revoked::read(found.name().unwrap_or_default(), found).ok());
    Ok((pin.map(|pin| pin.value), mark.filter(|mark| mark.image == *image).map(|mark| mark.reason)))
}

/// Holds a channel that nobody holds. A parameter is created only once; where one was left that holds no more, the revision
/// tells who was first, and whoever came second puts that back.
pub async fn take_pin(api: &Api, name: &PointerName, wanted: &Pin) -> Result<(), TargetError> {
    let Some(parameter) = pin_name(name) else { return Ok(()) };
    let held = |pin: Pin| TargetError::Held { what: name.to_string(), by: pin.by, why: pin.why };
    let created = put(api, &parameter, wanted, false).await;
    match created {
        Err(error) if error.is("ParameterAlreadyExists") => {}
        created => return Ok(created.map(drop)?),
    }
    let before = match get::<Pin>(api, &parameter).await {
        // What someone wrote by hand holds nobody.
        Err(TargetError::Damaged { .. }) => None,
        found => found?.map(|found| (found.value, found.revision)),
    };
    if let Some((pin, _)) = &before {
        // The reply to one's own was lost, and it was made again.
        if pin == wanted {
            return Ok(());
        }
        if pin.holds(api.clock.now()) {
            return Err(held(pin.clone()));
        }
    }
    let revision = put(api, &parameter, wanted, true).await?;
    let Some((_, follows)) = before.filter(|(_, follows)| revision > follows + 1) else { return Ok(()) };
    for found in versions::<Pin>(api, &parameter).await?.into_iter().filter(|found| found.revision > follows) {
        let Plain { value, revision: first, .. } = found;
        if first == revision || value == *wanted {
            return Ok(());
        }
        if value.holds(api.clock.now()) {
            put(api, &parameter, &value, true).await?;
            return Err(held(value));
        }
    }
    Ok(())
}

/// A pin that holds garbage, and whose it is.
pub(super) fn damaged_pin(text: &str, parameter: &Parameter) -> Option<(crate::identity::RecipeName, TargetError)> {
    let mut parts = text.strip_prefix("/amifactory/")?.split('/');
    let (recipe, pins) = (parts.next()?.parse().ok()?, parts.nth(1)?);
    (pins == "pins").then_some(())?;
    Some((recipe, read::<Pin>(text, parameter).err()?))
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

    #[test]
    fn ten_names_stand_in_a_call_and_no_parameter_twice() {
        let mut wanted: BTreeSet<String> = (0..21).map(|n| format!("/golden/{n:02}")).collect();
        wanted.extend(["/golden/00:3", "/golden/00:prod", "arn:aws:ssm:us-east-1:1:parameter/x"].map(str::to_owned));
        let all = batches(&wanted);
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 1, 1, 1]);
        assert_eq!((all[3][0].as_str(), all[4][0].as_str()), ("/golden/00:3", "/golden/00:prod"));
        let answer = GetParametersOutput::builder()
            .parameters(Parameter::builder().name("/a").value("ami-1").version(7).build())
            .parameters(Parameter::builder().name("/b").selector(":3").value("ami-2").version(3).build())
            .invalid_parameters("/c:prod")
            .build();
        assert_eq!(told(&answer, "/a"), Some(Some("ami-1".into())));
        assert_eq!(told(&answer, "/b:3"), Some(Some("ami-2".into())));
        assert_eq!(told(&answer, "/c:prod"), Some(None));
        // Neither what it holds nor that it does not exist is said of these.
        assert_eq!((told(&answer, "/a:7"), told(&answer, "/b"), told(&answer, "/c")), (None, None, None));
    }
}
