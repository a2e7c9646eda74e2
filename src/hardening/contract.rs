//! The contract of a control, as it was found on one root: its audit changes nothing, apply mends, a second apply
//! changes not one byte, whatever undoes it is noticed, and an empty root does not pass.

use super::evidence::{AuditKind, ControlEvidence, Status};
use crate::identity::{OsFamily, Slug};
use serde::Serialize;

/// One clause of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The audit of the root as it is works, and changes nothing.
    Audit,
    /// Applying it ends well.
    Apply,
    /// After that the audit passes.
    AuditAfter,
    /// Applying it again leaves an identical tree.
    ApplyAgain,
    /// Undoing it is noticed.
    Mutation,
    /// An empty root does not pass.
    EmptyRoot,
}

impl Part {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Part::Audit => "audit",
            Part::Apply => "apply",
            Part::AuditAfter => "audit after",
            Part::ApplyAgain => "apply again",
            Part::Mutation => "mutation",
            Part::EmptyRoot => "empty root",
        }
    }
}

/// Whether a clause is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is.
    Kept,
    /// It is not.
    Broken,
    /// This root can't show it.
    NotShown,
}

/// What one clause came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which clause.
    pub part: Part,
    /// Whether it is kept.
    pub outcome: Outcome,
    /// What was done or seen.
    pub said: String,
}

/// A control's contract on one root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contract {
    /// Which control.
    pub control: Slug,
    /// What the root is.
    pub family: OsFamily,
    /// Of all clauses together.
    pub outcome: Outcome,
    /// Each clause, in the order in which they were tried.
    pub findings: Vec<Finding>,
}

impl Contract {
    /// From what was found: broken where one clause is; kept where the audit came to pass and noticed every mutation.
    pub fn of(control: Slug, family: OsFamily, findings: Vec<Finding>) -> Contract {
        let is = |part: Part, outcome: Outcome| findings.iter().any(|f| f.part == part && f.outcome == outcome);
        let outcome = if findings.iter().any(|finding| finding.outcome == Outcome::Broken) {
            Outcome::Broken
        } else if is(Part::AuditAfter, Outcome::Kept)
            && is(Part::Mutation, Outcome::Kept)
            && !is(Part::Mutation, Outcome::NotShown)
        {
            Outcome::Kept
        } else {
            Outcome::NotShown
        };
        Contract { control, family, outcome, findings }
    }
}

/// What an audit saw, for people: its status and each look that did not pass.
pub fn seen(evidence: &ControlEvidence) -> String {
    let mut text = evidence.status.words().to_owned();
    // A throw-away root has no running system that could be looked at.
    for audit in evidence.after.iter().filter(|audit| audit.kind == AuditKind::Persisted) {
        for check in audit.checks.iter().filter(|check| check.status != Status::Pass) {
            text.push_str(&format!("; {}: {} (expected {})", check.what, check.observed, check.expected));
        }
        if !audit.output.trim().is_empty() {
            text.push_str(&format!("; it said: {}", audit.output.trim()));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(findings: &[(Part, Outcome)]) -> Outcome {
        let findings =
            findings.iter().map(|(part, outcome)| Finding { part: *part, outcome: *outcome, said: String::new() });
        Contract::of("a-b".parse().unwrap(), OsFamily::Debian12, findings.collect()).outcome
    }

    #[test]
    fn a_contract_is_kept_only_where_a_mutation_was_noticed_and_nothing_is_broken() {
        let passes = (Part::AuditAfter, Outcome::Kept);
        assert_eq!(outcome(&[passes, (Part::Mutation, Outcome::Kept)]), Outcome::Kept);
        let one_of_two = [passes, (Part::Mutation, Outcome::Kept), (Part::Mutation, Outcome::NotShown)];
        assert_eq!(outcome(&one_of_two), Outcome::NotShown);
        assert_eq!(outcome(&[passes]), Outcome::NotShown);
        assert_eq!(outcome(&[passes, (Part::Mutation, Outcome::NotShown)]), Outcome::NotShown);
        assert_eq!(outcome(&[(Part::Mutation, Outcome::Kept)]), Outcome::NotShown);
        assert_eq!(
            outcome(&[passes, (Part::Mutation, Outcome::Kept), (Part::EmptyRoot, Outcome::Broken)]),
            Outcome::Broken
        );
        assert_eq!(outcome(&[]), Outcome::NotShown);
    }
}
