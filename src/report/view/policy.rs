//! The policies that IAM needs.

use super::super::Style;
use super::super::wrap;
use crate::target::aws::policy::Policy;
use serde::Serialize;
use std::collections::BTreeMap;

/// One of the policies.
#[derive(Debug, Clone)]
pub struct PolicyPart {
    /// `operator`, `releaser`, `distributor`, `consumer`, `retirer`, `builder` or a trust policy.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// The most characters that IAM takes.
    pub limit: Option<usize>,
    /// The policy.
    pub policy: Policy,
}

/// What `iam-policy` says.
#[derive(Debug, Clone, Serialize)]
pub struct Policies {
    /// The documents by name.
    policies: BTreeMap<&'static str, Policy>,
    /// Why each statement is there, by policy and `Sid`.
    reasons: BTreeMap<&'static str, BTreeMap<String, String>>,
    /// What else there is to know.
    notes: Vec<String>,
    #[serde(skip)]
    parts: Vec<PolicyPart>,
}

impl Policies {
    /// Of these parts.
    pub fn new(parts: Vec<PolicyPart>, spot: bool) -> Policies {
        let too_long = parts.iter().filter_map(|part| {
            let (limit, length) = (part.limit?, part.policy.length());
            (length > limit).then(|| {
                format!(
                    "the policy `{}` has {length} characters and IAM takes {limit}: split its statements between two policies",
                    part.name
                )
            })
        });
        let mut notes: Vec<String> = too_long.collect();
        if spot && parts.iter().any(|part| part.name == "operator") {
            notes.push(
                "Spot instances need the service-linked role AWSServiceRoleForEC2Spot, once in each account: aws iam \
                 create-service-linked-role --aws-service-name spot.amazonaws.com"
                    .into(),
            );
        }
        if parts.iter().any(|part| part.name == "rollout") {
            notes.push(
                "Whoever rolls out needs iam:PassRole too, on the role of each group's instance profile, which the factory \
                 does not know: {\"Effect\": \"Allow\", \"Action\": \"iam:PassRole\", \"Resource\": \
                 \"arn:aws:iam::ACCOUNT:role/ROLE\"}"
                    .into(),
            );
        }
        let reasons = |part: &PolicyPart| {
            let all = part.policy.reasons().into_iter();
            (part.name, all.map(|(sid, reason)| (sid.to_owned(), reason.to_owned())).collect())
        };
        Policies {
            policies: parts.iter().map(|part| (part.name, part.policy.clone())).collect(),
            reasons: parts.iter().map(reasons).collect(),
            notes,
            parts,
        }
    }
}

impl Policies {
    /// What should be known beside what the policies say.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// As text. One that is asked for by name stands alone, so that it can be given to IAM as it is.
pub fn policies(shown: &Policies, alone: bool, style: Style) -> String {
    let mut text = String::new();
    for part in &shown.parts {
        let json = serde_json::to_string_pretty(&part.policy).unwrap_or_default();
        if alone {
            text.push_str(&json);
            text.push('\n');
            continue;
        }
        text.push_str(&format!("{}\n\n{json}\n\n", style.bold(part.title)));
        for statement in &part.policy.statement {
            text.push_str(&reason(statement.sid, &statement.reason, style));
        }
        text.push('\n');
    }
    if alone {
        return text;
    }
    for note in &shown.notes {
        text.push_str(&reason("note", note, style));
    }
    text.push_str(&format!(
        "{} one of them alone, for a file: amifactory iam-policy --for operator\n",
        style.dim("next")
    ));
    text
}

fn reason(name: &str, text: &str, style: Style) -> String {
    let indent = 18;
    let lines = wrap::wrap(text, style.width.saturating_sub(indent).max(20));
    let mut out = String::new();
    for (number, line) in lines.iter().enumerate() {
        let head = if number == 0 { format!("{name:<width$}", width = indent - 2) } else { " ".repeat(indent - 2) };
        out.push_str(&format!("  {}{line}\n", style.cyan(&head)));
    }
    out
}
