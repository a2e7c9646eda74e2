//! Errors, in the service's own words where they are known from public reports.

use super::super::reply::Failure;
use super::arn::Kind;
use std::fmt::Display;

/// A parameter has a value that it can't have.
pub fn invalid(parameter: &str, why: impl Display) -> Failure {
    let message = format!("The value supplied for parameter '{parameter}' is not valid. {why}");
    Failure::bad("InvalidParameterValueException", message)
}

/// The real service can do it, this fake can't: told loudly, so that nobody takes it for done.
pub fn not_here(parameter: &str, what: impl Display) -> Failure {
    invalid(parameter, format!("This fake does not have {what}."))
}

pub fn combination(message: impl Into<String>) -> Failure {
    Failure::bad("InvalidParameterCombinationException", message)
}

pub fn request(message: impl Into<String>) -> Failure {
    Failure::bad("InvalidRequestException", message)
}

pub fn version(message: impl Into<String>) -> Failure {
    Failure::bad("InvalidVersionNumberException", message)
}

pub fn quota(message: impl Into<String>) -> Failure {
    Failure::new(402, "ServiceQuotaExceededException", message)
}

pub fn exists(kind: Kind, arn: &str) -> Failure {
    let message = format!("The following resource '{}' already exists: '{arn}'.", kind.title());
    Failure::bad("ResourceAlreadyExistsException", message)
}

pub fn not_found(arn: &str) -> Failure {
    Failure::new(404, "ResourceNotFoundException", format!("The resource '{arn}' does not exist."))
}

pub fn depended_on(arn: &str) -> Failure {
    let message = format!("Resource dependency error: The resource ARN '{arn}' has other resources depended on it.");
    Failure::bad("ResourceDependencyException", message)
}
