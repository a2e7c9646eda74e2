//! Pointers in Parameter Store. A write of `aws:ec2:image` that was accepted is not yet a write: the image is looked at
//! later, and a value that fails is dropped without a word. So the engine reads back, and reading back waits.

use super::api::{Api, EVENTUAL, op};
use super::clock;
use crate::identity::{Arch, Channel, ImageId, RecipeName, Version};
use crate::target::{Pointer, PointerName, Slot, TargetError};
use aws_sdk_ssm::types::{Parameter, ParameterType};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Names per call (Systems Manager API reference, `GetParameters`).
const NAMES: usize = 10;
/// Parameters per page (Systems Manager API reference, `GetParametersByPath`).
const PAGE: i32 = 10;
/// The data type that has the image checked.
const DATA_TYPE: &str = "aws:ec2:image";

/// What several pointers name now.
pub async fn read(api: &Api, names: &[PointerName]) -> Result<Vec<Pointer>, TargetError> {
    let mut found = Vec::new();
    for some in names.chunks(NAMES) {
        let texts: Vec<String> = some.iter().map(ToString::to_string).collect();
        let ask = || api.ssm.get_parameters().set_names(Some(texts.clone())).send();
        let answer = api.caller.call(op::GET_PARAMETERS, &texts.join(" "), ask).await?;
        for parameter in answer.parameters() {
            if let Some(name) = some.iter().find(|name| parameter.name() == Some(&name.to_string())) {
                found.push(pointer(parameter, name.clone())?);
            }
        }
    }
    Ok(found)
}

/// All pointers of a recipe.
pub async fn of_recipe(api: &Api, recipe: &RecipeName) -> Result<Vec<Pointer>, TargetError> {
    let path = format!("/amifactory/{recipe}");
    let mut found = Vec::new();
    let mut page = None;
    loop {
        let ask = || {
            let request = api.ssm.get_parameters_by_path().path(&path).recursive(true).max_results(PAGE);
            request.set_next_token(page.clone()).send()
        };
        let answer = api.caller.call(op::LIST_PARAMETERS, &path, ask).await?;
        for parameter in answer.parameters() {
            // What else someone keeps under the same path is not ours.
            if let Some(name) = parameter.name().and_then(parse) {
                found.push(pointer(parameter, name)?);
            }
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(found);
        }
    }
}

/// `/amifactory/<recipe>/<arch>/versions/<version>` or `…/channels/<channel>`.
fn parse(text: &str) -> Option<PointerName> {
    let mut parts = text.strip_prefix("/amifactory/")?.split('/');
    let recipe = parts.next()?.parse().ok()?;
    let arch: Arch = parts.next()?.parse().ok()?;
    let slot = match parts.next()? {
        "versions" => Slot::Version(parts.next()?.parse::<Version>().ok()?),
        "channels" => Slot::Channel(parts.next()?.parse::<Channel>().ok()?),
        _ => return None,
    };
    parts.next().is_none().then_some(PointerName { recipe, arch, slot })
}

fn pointer(parameter: &Parameter, name: PointerName) -> Result<Pointer, TargetError> {
    let value = parameter.value().unwrap_or_default();
    let image: ImageId = value.parse().map_err(|error| TargetError::Damaged {
        what: format!("pointer {name}"),
        why: format!("{error}"),
        help: format!(
            "someone wrote it by hand: put an image's id there, or delete it (aws ssm delete-parameter --name {name})"
        ),
    })?;
    Ok(Pointer {
        image,
        revision: u64::try_from(parameter.version()).unwrap_or_default(),
        written_at: parameter.last_modified_date().map(clock::rfc3339_ms).unwrap_or_default(),
        name,
    })
}

/// Writes a pointer that must not exist; one that names this image already is success.
pub async fn create(api: &Api, name: &PointerName, image: &ImageId) -> Result<(), TargetError> {
    match put(api, name, image, false).await {
        Err(error) if error.is("ParameterAlreadyExists") => {
            match read(api, std::slice::from_ref(name)).await?.pop() {
                Some(there) if there.image == *image => Ok(()),
                Some(there) => Err(TargetError::Conflict { what: name.to_string(), found: there.image.to_string() }),
                // Accepted, not yet looked at: it is read back in any case.
                None => Ok(()),
            }
        }
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

/// Moves a pointer. Parameter Store has no compare-and-set: the engine has read it just before, and the revision that
/// the write got tells whether someone may have come between. A write that was made again after a lost reply counts
/// twice, and looks the same: whoever is told of a conflict reads what is there.
pub async fn replace(
    api: &Api,
    name: &PointerName,
    expected: Option<&Pointer>,
    image: &ImageId,
) -> Result<(), TargetError> {
    let Some(before) = expected else { return create(api, name, image).await };
    let revision = put(api, name, image, true).await.map_err(TargetError::from)?;
    let next = before.revision + 1;
    if revision > next {
        return Err(TargetError::Conflict {
            what: name.to_string(),
            found: format!("a value that someone else wrote meanwhile (revision {revision}, expected {next})"),
        });
    }
    Ok(())
}

async fn put(api: &Api, name: &PointerName, image: &ImageId, overwrite: bool) -> Result<u64, super::api::CallError> {
    let text = name.to_string();
    let request = || {
        api.ssm
            .put_parameter()
            .name(&text)
            .value(image.as_str())
            .r#type(ParameterType::String)
            .data_type(DATA_TYPE)
            .overwrite(overwrite)
            .send()
    };
    let answer = api.caller.call(op::PUT_PARAMETER, &text, request).await?;
    Ok(u64::try_from(answer.version).unwrap_or_default())
}

/// Reads pointers until each names this image, or until it is certain that the write was dropped.
pub async fn read_back(api: &Api, names: &[PointerName], image: &ImageId) -> Result<Vec<Pointer>, TargetError> {
    let began = Instant::now();
    loop {
        let found = read(api, names).await?;
        let all = names.iter().all(|name| found.iter().any(|p| p.name == *name && p.image == *image));
        // A version that names another image is never written again.
        let lost = found.iter().any(|p| matches!(p.name.slot, Slot::Version(_)) && p.image != *image);
        if all || lost || began.elapsed() > EVENTUAL {
            return Ok(found);
        }
        sleep(Duration::from_secs(1)).await;
    }
}
