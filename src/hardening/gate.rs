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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Waiver;
    use std::collections::BTreeMap;
    use time::macros::date;

    fn control(slug: &str, status: Status) -> ControlEvidence {
        ControlEvidence {
            slug: slug.parse().unwrap(),
            title: slug.into(),
            rationale: String::new(),
            ids: BTreeMap::new(),
            level: 1,
            section: 1,
            breaks: Vec::new(),
            required: false,
            status,
            reason: None,
            waiver: None,
            applied_below: Vec::new(),
            before: Vec::new(),
            apply: None,
            after: Vec::new(),
        }
    }

    const TODAY: Date = date!(2026 - 03 - 01);

    #[test]
    fn the_score_has_to_reach_the_minimum() {
        let evidence = [control("a", Status::Pass), control("b", Status::Fail), control("c", Status::Unknown)];
        let gate = |minimum| Gate { minimum_score: Some(minimum), required: Vec::new() };
        assert!(judge(&gate(50.0), &evidence, TODAY).is_empty());
        assert_eq!(judge(&gate(50.1), &evidence, TODAY), ["the score is 50.0, the recipe asks for 50.1"]);
        assert_eq!(judge(&gate(0.0), &[control("c", Status::Unknown)], TODAY).len(), 1);
    }

    #[test]
    fn a_required_control_passes_or_is_waived() {
        let gate = Gate { minimum_score: None, required: vec!["a".parse().unwrap()] };
        for (status, unmet) in [
            (Status::Pass, 0),
            (Status::Waived, 0),
            (Status::Fail, 1),
            (Status::Error, 1),
            (Status::Unknown, 1),
            (Status::NotApplicable, 1),
            (Status::Manual, 1),
        ] {
            assert_eq!(judge(&gate, &[control("a", status)], TODAY).len(), unmet, "{status:?}");
        }
        assert_eq!(judge(&gate, &[], TODAY).len(), 1);
    }

    #[test]
    fn a_waiver_holds_on_its_last_day_and_not_after_it() {
        let mut waived = control("a", Status::Waived);
        let waiver = |expires| Waiver {
            control: "a".parse().unwrap(),
            reason: "r".into(),
            owner: "o".into(),
            ticket: None,
            expires,
        };
        waived.waiver = Some(waiver(TODAY));
        assert!(judge(&Gate::default(), &[waived.clone()], TODAY).is_empty());
        waived.waiver = Some(waiver(date!(2026 - 02 - 28)));
        assert_eq!(judge(&Gate::default(), &[waived], TODAY).len(), 1);
    }
}
