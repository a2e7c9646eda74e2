//! A control's contract, clause by clause.

use crate::hardening::{Contract, Outcome};
use crate::report::{Style, visible};
use serde::Serialize;

/// The result of `controls test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TriedContract {
    /// Where it was tried.
    pub root: String,
    /// What that root calls itself.
    pub os: String,
    /// The control as it was asked for: a slug or a benchmark id.
    pub asked: String,
    /// Other controls that the id means in other benchmarks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<String>,
    /// What was found.
    #[serde(flatten)]
    pub contract: Contract,
}

/// One line per clause, and what follows from them.
pub fn contract(tried: &TriedContract, style: Style) -> String {
    let Contract { control, outcome, findings, .. } = &tried.contract;
    let place = format!("{} ({})", tried.root, tried.os);
    let mut text = format!("{}  on {}\n\n", style.bold(control.as_str()), visible::line(&place));
    for other in &tried.elsewhere {
        let asked = visible::line(&tried.asked);
        text.push_str(&format!("  `{asked}` is this control on {}; elsewhere it is {other}\n", tried.contract.family));
    }
    if !tried.elsewhere.is_empty() {
        text.push('\n');
    }
    for finding in findings {
        let word = match finding.outcome {
            Outcome::Kept => style.green("kept     "),
            Outcome::Broken => style.red("broken   "),
            Outcome::NotShown => style.dim("not shown"),
        };
        // What a mutation runs may be several lines.
        let said = finding.said.split('\n').map(str::trim).collect::<Vec<_>>().join("; ");
        text.push_str(&format!("  {word}  {:<12}  {}\n", finding.part.as_str(), visible::line(&said)));
    }
    let conclusion = match outcome {
        Outcome::Kept => "The contract is kept.",
        Outcome::Broken => "The contract is broken.",
        Outcome::NotShown => "Nothing is broken, but this root can't show all of the contract.",
    };
    text.push_str(&format!("\n{conclusion}\n"));
    text
}
