//! What a parameter may be called, and how a request names one version of it.

use super::super::refusal::Refusal;

/// Deepest hierarchy: `PutParameter` in the Systems Manager API reference.
const LEVELS: usize = 15;
/// Longest name, together with what the ARN puts before it: the same place.
const NAME_LENGTH: usize = 1011;

/// The rules for new names.
pub fn check(name: &str) -> Result<(), Refusal> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    if name.is_empty() || !name.chars().all(legal) || name.ends_with('/') || name.contains("//") {
        return Err(Refusal::validation(
            "Parameter name: can't contain spaces or characters other than a-zA-Z0-9_.- and / between levels.",
        ));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(Refusal::validation("Parameter name must be a fully qualified name."));
    }
    if name.len() > NAME_LENGTH {
        return Err(Refusal::validation(format!("Parameter name can't be longer than {NAME_LENGTH} characters.")));
    }
    let first = name.trim_start_matches('/').split('/').next().unwrap_or_default().to_ascii_lowercase();
    if name.starts_with('/') && (first == "aws" || first == "ssm") {
        return Err(Refusal::new("AccessDeniedException", format!("No access to reserved parameter name: {name}.")));
    }
    if first.starts_with("aws") || first.starts_with("ssm") {
        return Err(Refusal::validation(
            "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).",
        ));
    }
    if name.matches('/').count() > LEVELS {
        return Err(Refusal::new(
            "HierarchyLevelLimitExceededException",
            format!("A hierarchy can have a maximum of {LEVELS} levels."),
        ));
    }
    Ok(())
}

/// Which version of a parameter is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    Newest,
    Version(u64),
    Label(String),
}

impl Selector {
    /// As the answer repeats it, with its colon.
    pub fn shown(&self) -> Option<String> {
        match self {
            Selector::Newest => None,
            Selector::Version(version) => Some(format!(":{version}")),
            Selector::Label(label) => Some(format!(":{label}")),
        }
    }
}

/// Splits `name`, `name:3`, `name:label` and the same after an ARN's beginning.
pub fn split(text: &str) -> (String, Selector) {
    let text = match text.strip_prefix("arn:") {
        // arn:aws:ssm:<region>:<account>:parameter/<name>; names in a hierarchy lose none of their slashes.
        Some(arn) => match arn.split_once(":parameter/") {
            Some((_, name)) if name.contains('/') => format!("/{name}"),
            Some((_, name)) => name.to_owned(),
            None => text.to_owned(),
        },
        None => text.to_owned(),
    };
    match text.split_once(':') {
        None => (text, Selector::Newest),
        Some((name, selector)) => match selector.parse() {
            Ok(version) => (name.to_owned(), Selector::Version(version)),
            Err(_) => (name.to_owned(), Selector::Label(selector.to_owned())),
        },
    }
}

/// Whether a label may be put on a version: `LabelParameterVersion` in the API reference.
pub fn is_label(label: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let lower = label.to_ascii_lowercase();
    !label.is_empty()
        && label.len() <= 100
        && label.chars().all(legal)
        && !label.starts_with(|c: char| c.is_ascii_digit())
        && !lower.starts_with("aws")
        && !lower.starts_with("ssm")
}

/// Whether a parameter lies below a path: at once, or at any depth.
pub fn is_below(name: &str, path: &str, recursive: bool) -> bool {
    let path = path.trim_end_matches('/');
    match name.strip_prefix(path).and_then(|rest| rest.strip_prefix('/')) {
        Some(rest) => recursive || !rest.contains('/'),
        None => false,
    }
}
