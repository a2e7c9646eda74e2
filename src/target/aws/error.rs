//! From a call that had no success to what people are told.

use super::api::{CallError, Class};
use crate::target::TargetError;
use crate::target::error::AGAIN;

impl From<CallError> for TargetError {
    fn from(error: CallError) -> TargetError {
        let CallError { action, resource, class, code, message, attempts, seconds } = error;
        match class {
            Class::Denied => {
                let (action, message) = match missing(&message) {
                    // What is encoded says no more than that.
                    Some(named) => (named, message.split(" Encoded authorization").next().unwrap_or_default()),
                    None => (action, message.as_str()),
                };
                TargetError::Denied { action: action.to_owned(), resource, message: message.to_owned() }
            }
            Class::Expired | Class::Credentials => {
                TargetError::Credentials { what: format!("{action}: {message} ({code}){}", not_enabled(&code)) }
            }
            Class::Throttle | Class::Transient => {
                TargetError::GaveUp { call: action.into(), resource, attempts, seconds, last: said(&code, &message) }
            }
            Class::Eventual => TargetError::NotFound {
                what: format!(
                    "{resource} (asked {attempts} times in {seconds} s; {action} says {})",
                    said(&code, &message)
                ),
            },
            Class::Permanent => {
                TargetError::Service { call: action.into(), resource, said: said(&code, &message), help: help(&code) }
            }
        }
    }
}

/// The action that IAM itself names: a launch can lack `iam:PassRole` or `ec2:CreateTags`.
fn missing(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    let action = rest.split_whitespace().next()?.trim_end_matches(['.', ',']);
    action.contains(':').then_some(action)
}

/// What a region answers with to whom it is not open. One that was never enabled knows no credentials of the account.
fn not_enabled(code: &str) -> &'static str {
    match code {
        "AuthFailure" | "UnrecognizedClientException" | "InvalidClientTokenId" | "OptInRequired" => {
            ". Where they are good in other regions, this one may not be enabled in the account: aws ec2 describe-regions \
             --all-regions says so"
        }
        _ => "",
    }
}

fn said(code: &str, message: &str) -> String {
    if code.is_empty() { message.to_owned() } else { format!("{message} ({code})") }
}

/// What to do about refusals that people meet often.
fn help(code: &str) -> String {
    let known = match code {
        "InvalidParameterValue" | "InvalidIamInstanceProfile.NotFound" | "InvalidParameterCombination" => {
            "correct the aws: section of amifactory.yaml or of the recipe; amifactory doctor checks it"
        }
        "NoSuchBucket" => "make the bucket, or correct component_bucket in the aws: section of amifactory.yaml",
        // A bucket of another region.
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => {
            "component_bucket in the aws: section of amifactory.yaml has to be in the region of the builds"
        }
        "InvalidSubnetID.NotFound" | "InvalidGroup.NotFound" | "InvalidSubnet" => {
            "correct subnet or security_groups in the aws: section of amifactory.yaml; amifactory doctor checks them"
        }
        "VPCIdNotSpecified" | "MissingInput" => {
            "the region has no default VPC: give a subnet in the aws: section of amifactory.yaml"
        }
        "VcpuLimitExceeded" | "InstanceLimitExceeded" | "MaxSpotInstanceCountExceeded" => {
            "ask for a higher quota (Service Quotas, Amazon EC2), or give smaller instance_types"
        }
        "NotFound" | "InvalidParameter" => {
            "correct the topic's ARN under fleet: notify: in amifactory.yaml, or make the topic"
        }
        "TagLimitExceeded" | "InvalidTagKey.Malformed" => "correct tags in the aws: section of amifactory.yaml",
        "ParameterLimitExceeded" => "the region has 10,000 standard parameters: delete those that nobody reads",
        _ => return format!("amifactory doctor checks the account; then {AGAIN}"),
    };
    known.to_owned()
}
