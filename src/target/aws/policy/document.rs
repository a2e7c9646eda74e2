//! A policy document of IAM, and what it allows.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};

/// The longest managed policy, in characters without white space (IAM user guide, "IAM and AWS STS quotas").
pub const MANAGED_LIMIT: usize = 6_144;
/// All inline policies of one role together, in characters without white space (the same page).
pub const INLINE_LIMIT: usize = 10_240;

/// A policy document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    version: &'static str,
    /// What it allows; nothing else is in it.
    pub statement: Vec<Statement>,
}

/// Something that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its name: letters and digits.
    pub sid: &'static str,
    /// Why it is there. JSON has no comments: this is shown beside the document.
    pub reason: String,
    /// Which service, or which account by its ARN, may do it, in the trust policy of a role.
    pub principal: Option<String>,
    /// As IAM writes them: `ec2:RunInstances`.
    pub actions: Vec<String>,
    /// ARNs, or `*`. Empty in a trust policy.
    pub resources: Vec<String>,
    /// Operator, key, values.
    pub conditions: BTreeMap<&'static str, BTreeMap<String, Vec<String>>>,
}

impl Policy {
    /// A document of these statements.
    pub fn new(statement: Vec<Statement>) -> Policy {
        Policy { version: "2012-10-17", statement }
    }

    /// Whether some statement allows this action, under whatever conditions.
    pub fn allows(&self, action: &str) -> bool {
        self.patterns().any(|pattern| matches(pattern, action))
    }

    /// All actions that it allows, as they stand in it.
    pub fn actions(&self) -> BTreeSet<&str> {
        self.patterns().collect()
    }

    fn patterns(&self) -> impl Iterator<Item = &str> {
        self.statement.iter().flat_map(|statement| statement.actions.iter().map(String::as_str))
    }

    /// Why each statement is there, by its name.
    pub fn reasons(&self) -> BTreeMap<&'static str, &str> {
        self.statement.iter().map(|statement| (statement.sid, statement.reason.as_str())).collect()
    }

    /// Its length as IAM counts it: without white space.
    pub fn length(&self) -> usize {
        let text = serde_json::to_string(self).unwrap_or_default();
        text.chars().filter(|c| !c.is_whitespace()).count()
    }
}

impl Statement {
    /// Allows actions on resources, without conditions.
    pub fn allow<S: Into<String>>(sid: &'static str, actions: impl IntoIterator<Item = S>, reason: &str) -> Statement {
        Statement {
            sid,
            reason: reason.to_owned(),
            principal: None,
            actions: actions.into_iter().map(Into::into).collect(),
            resources: Vec::new(),
            conditions: BTreeMap::new(),
        }
    }

    /// On these resources.
    pub fn on(mut self, resources: impl IntoIterator<Item = String>) -> Statement {
        self.resources.extend(resources);
        self
    }

    /// Only where this condition holds too.
    pub fn only<S: Into<String>>(
        mut self,
        operator: &'static str,
        key: impl Into<String>,
        values: impl IntoIterator<Item = S>,
    ) -> Statement {
        let values = values.into_iter().map(Into::into).collect();
        self.conditions.entry(operator).or_default().insert(key.into(), values);
        self
    }

    /// Only where the request or the resource has this key at all.
    pub fn only_with(self, key: impl Into<String>) -> Statement {
        self.only("Null", key, ["false"])
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("Sid", self.sid)?;
        map.serialize_entry("Effect", "Allow")?;
        if let Some(service) = &self.principal {
            let kind = if service.starts_with("arn:") { "AWS" } else { "Service" };
            map.serialize_entry("Principal", &BTreeMap::from([(kind, service)]))?;
        }
        map.serialize_entry("Action", &one_or_many(&self.actions))?;
        if !self.resources.is_empty() {
            map.serialize_entry("Resource", &one_or_many(&self.resources))?;
        }
        if !self.conditions.is_empty() {
            let short = |keys: &BTreeMap<String, Vec<String>>| -> BTreeMap<String, serde_json::Value> {
                keys.iter().map(|(key, values)| (key.clone(), one_or_many(values))).collect()
            };
            let conditions: BTreeMap<_, _> =
                self.conditions.iter().map(|(operator, keys)| (operator, short(keys))).collect();
            map.serialize_entry("Condition", &conditions)?;
        }
        map.end()
    }
}

/// IAM takes one text for a list of one; it counts characters.
fn one_or_many(list: &[String]) -> serde_json::Value {
    match list {
        [one] => one.as_str().into(),
        many => many.into(),
    }
}

/// Whether a pattern of IAM fits: `*` stands for any characters, `?` for any one. Actions know no case.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` stands, and what of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || c.eq_ignore_ascii_case(&text[t]) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                (p, t) = (at + 1, taken + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_iam_has_them() {
        for (pattern, action, fits) in [
            ("ec2:RunInstances", "ec2:RunInstances", true),
            ("ec2:runinstances", "ec2:RunInstances", true),
            ("ec2:RunInstances", "ec2:RunInstance", false),
            ("ec2:Describe*", "ec2:DescribeImages", true),
            ("ec2:Describe*", "ec2:Describe", true),
            ("ec2:*Image*", "ec2:DeregisterImage", true),
            ("ec2:*Image", "ec2:DescribeImages", false),
            ("*", "kms:Decrypt", true),
            ("s?m:GetParameter", "ssm:GetParameter", true),
            ("s?m:GetParameter", "sm:GetParameter", false),
            ("", "ec2:X", false),
        ] {
            assert_eq!(matches(pattern, action), fits, "{pattern} {action}");
        }
    }

    #[test]
    fn a_document_is_what_iam_reads() {
        let statement = Statement::allow("One", ["ec2:A"], "why").on(["*".to_owned()]).only_with("aws:ResourceTag/x");
        let policy = Policy::new(vec![statement]);
        assert_eq!(
            serde_json::to_string(&policy).unwrap(),
            r#"{"Version":"2012-10-17","Statement":[{"Sid":"One","Effect":"Allow","Action":"ec2:A","Resource":"*","Condition":{"Null":{"aws:ResourceTag/x":"false"}}}]}"#
        );
        assert!(policy.allows("ec2:a") && !policy.allows("ec2:B"));
        assert_eq!(policy.reasons()["One"], "why");
    }
}
