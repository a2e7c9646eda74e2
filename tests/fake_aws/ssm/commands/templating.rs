//! `{{ }}` in the values of a document's parameters, which the service takes for references.

use super::super::parameters::{Kind, Parameter, split};
use super::super::refusal::Refusal;

/// Puts parameters' values in the place of `{{ssm:name}}`. Everything else between double braces is refused: this is
/// how `docker inspect -f '{{.State}}'` fails over Run Command.
pub fn resolve<'a>(text: &str, find: &dyn Fn(&str) -> Option<&'a Parameter>) -> Result<String, Refusal> {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        resolved.push_str(before);
        let Some((reference, after)) = after.split_once("}}") else { return Err(unknown(after)) };
        let Some(name) = reference.trim().strip_prefix("ssm:") else { return Err(unknown(reference)) };
        resolved.push_str(&value(name, find)?);
        rest = after;
    }
    resolved.push_str(rest);
    Ok(resolved)
}

fn value<'a>(text: &str, find: &dyn Fn(&str) -> Option<&'a Parameter>) -> Result<String, Refusal> {
    let (name, selector) = split(text);
    let missing = || {
        Refusal::new("InvalidParameters", format!("Parameters [{text}] referenced in the request could not be found."))
    };
    let parameter = find(&name).ok_or_else(missing)?;
    if parameter.kind == Kind::SecureString {
        return Err(Refusal::new(
            "InvalidParameters",
            format!("Parameters of type SecureString are not supported: {text}."),
        ));
    }
    Ok(parameter.select(&selector).ok_or_else(missing)?.value.clone())
}

fn unknown(reference: &str) -> Refusal {
    let shown: String = reference.trim().chars().take(60).collect();
    Refusal::new("InvalidParameters", format!("Parameter \"{shown}\" is not defined in the document."))
}
