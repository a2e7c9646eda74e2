//! Parameters anywhere in the account and region that hold an image's id: as their value, or in a version with a label.

use super::super::api::{Api, CallError, op};
use super::{Found, Whose, ids_in};
use aws_sdk_ssm::types::{ParameterMetadata, ParameterType};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Parameters per page (Systems Manager API reference, `DescribeParameters`).
const PAGE: i32 = 50;
/// Names per call (Systems Manager API reference, `GetParameters`).
const NAMES: usize = 10;
/// Versions per page (Systems Manager API reference, `GetParameterHistory`).
const HISTORY: i32 = 50;
/// The data type of parameters that hold images.
const IMAGE: &str = "aws:ec2:image";
const KIND: &str = "parameter";

/// What histories said, and of which write each was the newest: where nothing was written since, and no image that is asked
/// for stands in any version, labels change nothing. A history is a call by itself, and a large factory has thousands.
#[derive(Default)]
pub struct Known(Mutex<BTreeMap<String, (Mark, BTreeSet<String>)>>);

/// A write: its version, and when it was, in milliseconds since 1970. A parameter that was made anew begins with 1 again.
type Mark = (i64, i64);

fn mark(parameter: &ParameterMetadata) -> Option<Mark> {
    Some((parameter.version(), parameter.last_modified_date()?.to_millis().ok()?))
}

impl Known {
    fn is_free_of(&self, found: &Found, name: &str, mark: Option<Mark>) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = known.get(name).filter(|(known, _)| Some(*known) == mark);
        same.is_some_and(|(_, images)| !images.iter().any(|image| found.wanted.contains_key(image)))
    }

    fn keep(&self, name: &str, mark: Mark, images: BTreeSet<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), (mark, images));
    }
}

/// All of them. A secret's value is nothing that EC2 launches from, and is not read.
pub async fn read(api: &Api, found: &mut Found, whose: Whose, known: &Known) -> Result<(), CallError> {
    // With labels: those that hold images, and our own channels, whose values are known already.
    let (mut plain, mut labelled, mut marks) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut page = None;
    loop {
        let ask = || api.ssm.describe_parameters().max_results(PAGE).set_next_token(page.clone()).send();
        let answer = api.caller.call(op::DESCRIBE_PARAMETERS, "parameters", ask).await?;
        for parameter in answer.parameters() {
            let name = parameter.name().unwrap_or_default();
            marks.extend(mark(parameter).map(|mark| (name.to_owned(), mark)));
            match own(name) {
                Some("channels") => {
                    labelled.push(name.to_owned());
                    if whose == Whose::Others {
                        plain.push(name.to_owned());
                    }
                }
                Some("versions" | "moves" | "pins" | "retired" | "revoked") => {}
                _ if parameter.r#type() == Some(&ParameterType::SecureString) => {}
                _ => {
                    plain.push(name.to_owned());
                    if parameter.data_type() == Some(IMAGE) {
                        labelled.push(name.to_owned());
                    }
                }
            }
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            break;
        }
    }
    for names in plain.chunks(NAMES) {
        let ask = || api.ssm.get_parameters().set_names(Some(names.to_vec())).send();
        let answer = api.caller.call(op::GET_PARAMETERS, &names.join(" "), ask).await?;
        for parameter in answer.parameters() {
            let (name, value) = (parameter.name().unwrap_or_default(), parameter.value().unwrap_or_default());
            let shown = parameter.arn().unwrap_or(name);
            let mut holds = false;
            for image in ids_in(value) {
                holds = true;
                found.uses(image, KIND, shown);
            }
            if holds && !labelled.iter().any(|other| other == name) {
                labelled.push(name.to_owned());
            }
        }
    }
    for name in labelled {
        let mark = marks.get(&name).copied();
        if known.is_free_of(found, &name, mark) {
            continue;
        }
        let images = labels(api, found, &name).await?;
        if let Some(mark) = mark {
            known.keep(&name, mark, images);
        }
    }
    Ok(())
}

/// What kind of our own parameters it is: `/amifactory/<recipe>/<arch>/<kind>/<name>`.
fn own(name: &str) -> Option<&str> {
    let parts: Vec<&str> = name.split('/').collect();
    match parts.as_slice() {
        ["", "amifactory", _, _, kind, _] => Some(kind),
        _ => None,
    }
}

/// Notes what has a label; gives all images that any version holds.
async fn labels(api: &Api, found: &mut Found, name: &str) -> Result<BTreeSet<String>, CallError> {
    let (mut images, mut page) = (BTreeSet::new(), None);
    loop {
        let ask = || {
            let request = api.ssm.get_parameter_history().name(name).max_results(HISTORY);
            request.set_next_token(page.clone()).send()
        };
        let answer = match api.caller.call(op::PARAMETER_HISTORY, name, ask).await {
            Err(error) if error.is("ParameterNotFound") => return Ok(images),
            answer => answer?,
        };
        for version in answer.parameters() {
            for image in ids_in(version.value().unwrap_or_default()) {
                images.insert(image.to_owned());
                for label in version.labels() {
                    let arn = found.place.parameter(name);
                    found.uses(image, KIND, format!("{arn}:{label}"));
                }
            }
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(images);
        }
    }
}
