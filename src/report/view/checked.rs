//! What `doctor` has found.

use super::super::{Style, visible};
use crate::target::finding::{Finding, Severity};
use serde::Serialize;

/// All checks.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    /// Nothing fails.
    pub ok: bool,
    checks: Vec<Check>,
}

#[derive(Debug, Clone, Serialize)]
struct Check {
    #[serde(flatten)]
    finding: Finding,
    ok: bool,
}

impl Checked {
    /// Of these findings.
    pub fn new(findings: Vec<Finding>) -> Checked {
        let check = |finding: Finding| Check { ok: finding.severity != Severity::Fail, finding };
        let checks: Vec<Check> = findings.into_iter().map(check).collect();
        Checked { ok: checks.iter().all(|check| check.ok), checks }
    }
}

/// As text: a line for each, and under it what to do.
pub fn checked(checked: &Checked, style: Style) -> String {
    let mut text = String::new();
    for Check { finding, .. } in &checked.checks {
        let mark = match finding.severity {
            Severity::Pass => style.green("✓"),
            Severity::Unknown => style.dim("?"),
            Severity::Warn => style.yellow("!"),
            Severity::Fail => style.red("✗"),
        };
        let (check, detail) = (visible::line(&finding.check), visible::block(&finding.detail));
        text.push_str(&format!("{mark} {check}: {detail}\n"));
        if let Some(mend) = &finding.mend {
            text.push_str(&format!("  {}\n", visible::block(mend)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mark_says_how_it_stands() {
        let shown = Checked::new(vec![
            Finding::pass("factory", "3 recipes are valid"),
            Finding::unknown("clock", "no answer carried a time"),
            Finding::warn("log group /af", "it is not there", "make it"),
            Finding::fail("region", "EC2 knows no region x", "correct AWS_REGION"),
        ]);
        insta::assert_snapshot!(checked(&shown, Style::PLAIN), @r"
        ✓ factory: 3 recipes are valid
        ? clock: no answer carried a time
        ! log group /af: it is not there
          make it
        ✗ region: EC2 knows no region x
          correct AWS_REGION
        ");
        assert!(!shown.ok);
        let json = serde_json::to_value(&shown).unwrap();
        assert_eq!(json["checks"][2]["severity"], "warn");
        assert_eq!(json["checks"][2]["ok"], true);
        assert_eq!(json["checks"][3]["mend"], "correct AWS_REGION");
        assert_eq!(json["checks"][0]["mend"], serde_json::Value::Null);
    }

    #[test]
    fn what_can_not_be_known_is_no_failure() {
        assert!(Checked::new(vec![Finding::unknown("clock", ""), Finding::warn("a", "b", "c")]).ok);
    }
}
