//! Keys that images in a region are encrypted with: whether they are there, enabled, and of a kind that can be shared.

use super::super::api::{Api, CallError, op};
use crate::target::finding::Finding;

/// A key, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// `Enabled`, `Disabled`, `PendingDeletion` …
    pub state: String,
    /// Whether it is one of AWS's own, whose policy nobody can change.
    pub is_aws_managed: bool,
}

/// Asks for it.
pub async fn ask(api: &Api, key: &str) -> Result<Key, CallError> {
    let ask = || api.kms.describe_key().key_id(key).send();
    let answer = api.caller.call(op::DESCRIBE_KEY, key, ask).await?;
    let found = answer.key_metadata();
    Ok(Key {
        state: found.and_then(|key| key.key_state()).map_or("unknown", |state| state.as_str()).to_owned(),
        is_aws_managed: found.and_then(|key| key.key_manager()).is_some_and(|manager| manager.as_str() == "AWS"),
    })
}

/// Judges it.
pub fn judge(key: &str, region: &str, is_shared: bool, found: Result<Key, CallError>) -> Finding {
    let check = format!("key {key} in {region}");
    match found {
        Ok(found) if found.state != "Enabled" => Finding::fail(
            check,
            format!("it is {}: nothing can be encrypted with it, and images that are can't be started", found.state),
            match found.state.as_str() {
                "PendingDeletion" => "aws kms cancel-key-deletion, and aws kms enable-key",
                _ => "aws kms enable-key, or name another key in amifactory.yaml",
            },
        ),
        Ok(found) if found.is_aws_managed && is_shared => Finding::fail(
            check,
            "it is AWS's own, which no other account can ever use",
            "make a key of your own whose policy lets those accounts use it, and name that",
        ),
        Ok(_) => Finding::pass(check, "it is there and enabled"),
        Err(error) if error.is("NotFoundException") => Finding::fail(
            check,
            "there is no such key",
            "make it there (keys are of one region, also where their aliases are alike), or name another: distribution: \
             {regions: {…: {kms_key: …}}}",
        ),
        Err(error) if error.is("AccessDeniedException") => Finding::unknown(check, error.message.clone())
            .mend("allow kms:DescribeKey to whoever runs this; amifactory iam-policy prints it"),
        Err(error) => Finding::unknown(check, error.message.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::finding::Severity;

    #[test]
    fn only_an_enabled_key_of_ones_own_is_good_for_what_is_shared() {
        let severity = |state: &str, is_aws_managed: bool, is_shared: bool| {
            let key = Key { state: state.into(), is_aws_managed };
            judge("alias/images", "eu-central-1", is_shared, Ok(key)).severity
        };
        assert_eq!(severity("Enabled", false, true), Severity::Pass);
        assert_eq!(severity("Enabled", true, false), Severity::Pass);
        for (state, is_aws_managed) in [("Disabled", false), ("PendingDeletion", false), ("Enabled", true)] {
            assert_eq!(severity(state, is_aws_managed, true), Severity::Fail, "{state}");
        }
    }
}
