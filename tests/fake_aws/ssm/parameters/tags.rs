//! Tags of parameters, with the limits of `AddTagsToResource`.

use super::super::refusal::Refusal;
use std::collections::BTreeMap;

/// Tags of one resource: "Tag naming limits and requirements" in the AWS General Reference.
const TAGS: usize = 50;

/// Whether these tags can be added to those.
pub fn check(there: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let legal = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c));
    for (key, value) in new {
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Refusal::validation("aws: prefixed tag key names are not allowed for external use."));
        }
        let lengths = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        if !lengths || !legal(key) || !legal(value) {
            return Err(Refusal::validation(format!(
                "The tag {key} does not satisfy the constraints: keys of 1 to 128 characters, values of up to 256, of \
                 letters, digits, spaces and _.:/=+-@"
            )));
        }
    }
    let more = new.keys().filter(|key| !there.contains_key(*key)).count();
    if there.len() + more > TAGS {
        return Err(Refusal::new("TooManyTagsError", "The Targets parameter includes too many tags."));
    }
    Ok(())
}
