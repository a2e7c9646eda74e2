//! The gate: what an image must reach before a pointer names it.

use super::evidence::{ControlEvidence, Status, Tally};
use crate::recipe::Gate;
use time::Date;

/// The conditions that are not met, each a sentence; empty where the gate is passed.
pub fn judge(gate: &Gate, evidence: &[ControlEvidence], today: Date) -> Vec<String> {
    let mut unmet = Vec::new();
    if let Some(minimum) = gate.minimum_score {
        match Tally::of(evidence.iter().map(|control| &control.status)).score() {
            Some(score) if score >= minimum => {}
            Some(score) => unmet.push(format!("the score is {score:.1}, the recipe asks for {minimum:.1}")),
            None => unmet.push(format!("no control passed or failed; the recipe asks for a score of {minimum:.1}")),
        }
    }
    for slug in &gate.required {
        match evidence.iter().find(|control| control.slug == *slug) {
            None => unmet.push(format!("`{slug}` is required, but it is not among the image's controls")),
            Some(control) if matches!(control.status, Status::Pass | Status::Waived) => {}
            Some(control) => unmet.push(format!("`{slug}` is required, but it {}", said(control))),
        }
    }
    for control in evidence {
        if let Some(waiver) = control.waiver.as_ref().filter(|waiver| waiver.expires < today) {
            unmet.push(format!(
                "the waiver of `{}` by {} expired on {}: meet the control or renew the waiver",
                control.slug, waiver.owner, waiver.expires
            ));
        }
    }
    unmet
}

fn said(control: &ControlEvidence) -> String {
    let word = match control.status {
        Status::Pass => "passes",
        Status::Fail => "fails",
        Status::Error => "could not be audited",
        Status::Unknown => "is unknown",
        Status::NotApplicable => "is not applicable",
        Status::Manual => "has to be looked at by a person",
        Status::Waived => "is waived",
    };
    let broken = control.after.iter().flat_map(|audit| &audit.checks);
    match broken.into_iter().find(|check| check.status == Status::Fail) {
        Some(check) => format!("{word}: {} is {}, expected {}", check.what, check.observed, check.expected),
        None => control.reason.as_ref().map_or(word.to_owned(), |reason| format!("{word}: {reason}")),
    }
}
