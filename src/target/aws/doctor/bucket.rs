//! The bucket that large components of EC2 Image Builder go through: whether it is there, ours, and in this region.

use super::facts::Asked;
use super::gather;
use crate::target::aws::api::{Api, op};
use crate::target::aws::imagebuilder::{ELSEWHERE, UNDER};
use crate::target::finding::Finding;

/// Asks for what is in it, as `sweep` does.
pub async fn ask(api: &Api, bucket: &str, account: &str) -> Asked<()> {
    let send = || {
        let request = api.s3.list_objects_v2().bucket(bucket).prefix(UNDER).max_keys(1);
        request.expected_bucket_owner(account).send()
    };
    gather::ask(api, op::LIST_OBJECTS, bucket, send).await.map(drop)
}

/// Judges it.
pub fn judge(bucket: &str, region: &str, found: Asked<()>) -> Finding {
    let check = format!("component bucket {bucket}");
    let refused = match found {
        Ok(()) => {
            return Finding::pass(
                check,
                "it is there; whether documents can be put into it, the first large component shows",
            );
        }
        Err(refused) => refused,
    };
    match refused.code.as_str() {
        "NoSuchBucket" => Finding::fail(
            check,
            "there is no such bucket",
            format!("make it in {region}, or correct component_bucket in amifactory.yaml"),
        ),
        code if ELSEWHERE.contains(&code) => Finding::fail(
            check,
            format!("it is not in {region}"),
            format!("name a bucket in {region}: component_bucket in amifactory.yaml, or in the recipes of each region"),
        ),
        _ if refused.denied => Finding::fail(
            check,
            format!("{refused}: it may not be asked for, or is another account's"),
            "amifactory iam-policy --target imagebuilder prints what is needed; otherwise correct component_bucket",
        ),
        _ => Finding::unknown(check, refused.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::Refused;
    use super::*;
    use crate::target::finding::Severity;

    #[test]
    fn each_refusal_says_what_to_do() {
        let refused = |code: &str, denied| {
            Err(Refused { action: "s3:ListBucket", code: code.into(), message: "no".into(), denied })
        };
        assert_eq!(judge("b", "eu-west-1", Ok(())).severity, Severity::Pass);
        for (code, denied) in [("NoSuchBucket", false), ("PermanentRedirect", false), ("AccessDenied", true)] {
            let finding = judge("b", "eu-west-1", refused(code, denied));
            assert!(finding.severity == Severity::Fail && finding.mend.is_some(), "{finding:?}");
        }
        assert_eq!(judge("b", "eu-west-1", refused("", false)).severity, Severity::Unknown);
    }
}
