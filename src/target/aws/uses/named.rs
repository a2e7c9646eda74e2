//! Parameters anywhere in the account and region that hold an image's id: as their value, or in a version with a label.

use super::super::api::{Api, CallError, op};
use super::{Found, Whose, ids_in};
use aws_sdk_ssm::types::ParameterType;

/// Parameters per page (Systems Manager API reference, `DescribeParameters`).
const PAGE: i32 = 50;
/// Names per call (Systems Manager API reference, `GetParameters`).
const NAMES: usize = 10;
/// Versions per page (Systems Manager API reference, `GetParameterHistory`).
const HISTORY: i32 = 50;
/// The data type of parameters that hold images.
const IMAGE: &str = "aws:ec2:image";
const KIND: &str = "parameter";

/// All of them. A secret's value is nothing that EC2 launches from, and is not read.
pub async fn read(api: &Api, found: &mut Found, whose: Whose) -> Result<(), CallError> {
    // With labels: those that hold images, and our own channels, whose values are known already.
    let (mut plain, mut labelled) = (Vec::new(), Vec::new());
    let mut page = None;
    loop {
        let ask = || api.ssm.describe_parameters().max_results(PAGE).set_next_token(page.clone()).send();
        let answer = api.caller.call(op::DESCRIBE_PARAMETERS, "parameters", ask).await?;
        for parameter in answer.parameters() {
            let name = parameter.name().unwrap_or_default();
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
        labels(api, found, &name).await?;
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

async fn labels(api: &Api, found: &mut Found, name: &str) -> Result<(), CallError> {
    let mut page = None;
    loop {
        let ask = || {
            let request = api.ssm.get_parameter_history().name(name).max_results(HISTORY);
            request.set_next_token(page.clone()).send()
        };
        let answer = match api.caller.call(op::PARAMETER_HISTORY, name, ask).await {
            Err(error) if error.is("ParameterNotFound") => return Ok(()),
            answer => answer?,
        };
        for version in answer.parameters() {
            for image in ids_in(version.value().unwrap_or_default()) {
                for label in version.labels() {
                    let arn = found.place.parameter(name);
                    found.uses(image, KIND, format!("{arn}:{label}"));
                }
            }
        }
        page = answer.next_token;
        if page.as_deref().is_none_or(str::is_empty) {
            return Ok(());
        }
    }
}
