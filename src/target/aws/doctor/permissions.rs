//! Judging what the caller may do. EC2 says whether it would do something (`DryRun`); where it does not say so, nothing is
//! claimed.

use super::facts::{Asked, Rehearsed};
use crate::target::finding::Finding;

const POLICY: &str = "give whoever runs builds the policy of: amifactory iam-policy --for operator";
const SERVICE_POLICY: &str =
    "give whoever runs builds the policy of: amifactory iam-policy --target imagebuilder --for operator";

fn policy(by_service: bool) -> &'static str {
    if by_service { SERVICE_POLICY } else { POLICY }
}

/// A launch, as it would be made, and what it says of the instance profile.
pub fn launch(name: &str, profile: &str, answer: &Rehearsed) -> Finding {
    let check = format!("launch{name}");
    if answer.allowed() {
        return Finding::pass(check, format!("EC2 would launch a builder with the instance profile {profile}"));
    }
    let words = format!("{} ({})", answer.message, answer.code);
    if answer.denied {
        let missing = answer.missing_action();
        let mend = match missing {
            "iam:PassRole" => format!(
                "allow iam:PassRole on the role of {profile}: amifactory iam-policy --for operator, with --role where the \
                 role's name is another"
            ),
            _ => format!("allow {missing}; {POLICY}"),
        };
        return Finding::fail(check, format!("{missing} is not allowed: {words}"), mend);
    }
    if answer.message.to_ascii_lowercase().contains("iaminstanceprofile") || answer.code.contains("IamInstanceProfile")
    {
        let mend = "correct instance_profile in amifactory.yaml, or make it: amifactory iam-policy --for builder and \
                    --for trust print what its role needs";
        return Finding::fail(check, format!("there is no instance profile {profile}: {words}"), mend);
    }
    if answer.code.is_empty() {
        return Finding::unknown(check, answer.message.clone());
    }
    Finding::fail(check, words, "correct the aws: section of amifactory.yaml or of the recipe")
}

/// Mutations, each asked for something that is there or for an id that nothing has.
pub fn mutations(answers: &[Rehearsed], by_service: bool) -> Vec<Finding> {
    const CHECK: &str = "permission to change what builds make";
    let (mut seen, mut open, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for answer in answers {
        // A policy that is narrowed down by tags refuses what is not ours, so only an explicit no says something there.
        let explicit = answer.denied && answer.message.contains("explicit deny");
        if answer.allowed() {
            seen.push(answer.action);
        } else if answer.denied && (answer.on_ours || explicit) {
            refused.push(answer.missing_action());
        } else {
            open.push(answer.action);
        }
    }
    let mut findings = Vec::new();
    if !refused.is_empty() {
        findings.push(Finding::fail(CHECK, format!("not allowed: {}", refused.join(", ")), policy(by_service)));
    }
    if !seen.is_empty() {
        findings.push(Finding::pass(CHECK, format!("allowed: {}", seen.join(", "))));
    }
    if !open.is_empty() {
        let detail = format!("can't be asked without a builder or an image of ours: {}", open.join(", "));
        findings.push(Finding::unknown(CHECK, detail));
    }
    findings
}

/// Reads, each made once.
pub fn reads(answers: &[(&'static str, Asked<()>)], by_service: bool) -> Vec<Finding> {
    const CHECK: &str = "permission to look";
    let mut findings = Vec::new();
    let denied: Vec<&str> = answers
        .iter()
        .filter(|(_, answer)| answer.as_ref().is_err_and(|r| r.denied))
        .map(|(action, _)| *action)
        .collect();
    if !denied.is_empty() {
        let pointers = match denied.contains(&"ec2:DescribeImages") {
            true => "; without ec2:DescribeImages pointers are dropped after they were accepted",
            false => "",
        };
        findings.push(Finding::fail(
            CHECK,
            format!("not allowed: {}{pointers}", denied.join(", ")),
            policy(by_service),
        ));
    }
    let failed: Vec<String> = answers
        .iter()
        .filter_map(|(_, answer)| answer.as_ref().err().filter(|refused| !refused.denied).map(ToString::to_string))
        .collect();
    if !failed.is_empty() {
        findings.push(Finding::unknown(CHECK, failed.join("; ")));
    }
    let seen: Vec<&str> = answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(action, _)| *action).collect();
    if !seen.is_empty() {
        findings.push(Finding::pass(CHECK, format!("allowed: {}", seen.join(", "))));
    }
    findings
}

/// What has no way to be asked about without doing it.
pub fn unaskable(actions: &[&str]) -> Finding {
    Finding::unknown(
        "permission that only a build shows",
        format!("can't be asked without doing it: {}", actions.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::finding::Severity::{self, Fail, Pass, Unknown};

    fn answer(on_ours: bool, code: &str, message: &str) -> Rehearsed {
        let denied = code == "UnauthorizedOperation";
        Rehearsed { action: "ec2:StopInstances", on_ours, code: code.into(), message: message.into(), denied }
    }

    #[test]
    fn a_launch_names_what_is_missing() {
        let cases: [(&str, &str, Severity, &str); 5] = [
            ("DryRunOperation", "Request would have succeeded", Pass, "instance profile builders"),
            (
                "UnauthorizedOperation",
                "User: arn:aws:iam::1:user/a is not authorized to perform: iam:PassRole on resource: x",
                Fail,
                "iam:PassRole is not allowed",
            ),
            (
                "UnauthorizedOperation",
                "You are not authorized to perform this operation.",
                Fail,
                "ec2:StopInstances is not",
            ),
            (
                "InvalidParameterValue",
                "Value (builders) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
                Fail,
                "no instance profile builders",
            ),
            ("InvalidSubnetID.NotFound", "The subnet ID does not exist", Fail, "does not exist"),
        ];
        for (code, message, severity, words) in cases {
            let found = launch("", "builders", &answer(true, code, message));
            assert!(found.severity == severity && found.detail.contains(words), "{code}: {found:?}");
            assert_eq!(found.mend.is_some(), severity == Fail);
        }
        assert_eq!(launch("", "builders", &answer(true, "", "no answer")).severity, Unknown);
    }

    #[test]
    fn no_pass_is_claimed_that_was_not_seen() {
        let cases: [(bool, &str, &str, Severity); 7] = [
            (true, "DryRunOperation", "", Pass),
            (false, "DryRunOperation", "", Pass),
            (true, "UnauthorizedOperation", "no identity-based policy allows it", Fail),
            (false, "UnauthorizedOperation", "no identity-based policy allows it", Unknown),
            (false, "UnauthorizedOperation", "with an explicit deny in a service control policy", Fail),
            (false, "InvalidInstanceID.NotFound", "The instance ID does not exist", Unknown),
            (true, "", "no answer", Unknown),
        ];
        for (on_ours, code, message, severity) in cases {
            let found = mutations(&[answer(on_ours, code, message)], false);
            assert_eq!(
                found.iter().map(|finding| finding.severity).collect::<Vec<_>>(),
                [severity],
                "{code} {message}"
            );
        }
        assert!(mutations(&[], false).is_empty());
    }

    #[test]
    fn reads_that_are_refused_are_named() {
        let refused = |action, denied| {
            let code = if denied { "UnauthorizedOperation" } else { "" };
            (action, Err(super::super::facts::Refused { action, code: code.into(), message: "no".into(), denied }))
        };
        let found = [("ec2:DescribeVolumes", Ok(())), refused("ec2:DescribeImages", true), refused("ssm:X", false)];
        let (found, by_service) = (reads(&found, false), reads(&found, true));
        let severities: Vec<_> = found.iter().map(|finding| finding.severity).collect();
        assert_eq!(severities, [Fail, Unknown, Pass]);
        assert!(found[0].detail.contains("pointers are dropped"));
        let mend = |found: &[Finding]| found[0].mend.clone().unwrap();
        assert!(!mend(&found).contains("imagebuilder") && mend(&by_service).contains("--target imagebuilder"));
    }
}
