//! A control's audits before and after, put side by side.

use super::page::{key, mark};
use crate::hardening::{Audit, AuditKind, Check, ControlEvidence, Status};
use crate::report::wording;
use serde::Serialize;

/// One thing that was looked at, before and after.
#[derive(Serialize)]
pub(super) struct Look {
    what: String,
    kind: &'static str,
    expected: String,
    before: Option<Seen>,
    after: Option<Seen>,
}

/// What was seen.
#[derive(Serialize)]
struct Seen {
    observed: String,
    key: &'static str,
    word: &'static str,
    mark: &'static str,
}

/// One audit that was run.
#[derive(Serialize)]
pub(super) struct Run {
    when: &'static str,
    ran: String,
    kind: &'static str,
    word: &'static str,
    output: Option<String>,
}

fn kind(kind: AuditKind) -> &'static str {
    match kind {
        AuditKind::Persisted => "at rest",
        AuditKind::Runtime => "running",
    }
}

fn seen(check: &Check) -> Seen {
    Seen {
        observed: if check.observed.is_empty() { "(nothing)".to_owned() } else { check.observed.clone() },
        key: key(check.status),
        word: wording::status(check.status),
        mark: mark(check.status),
    }
}

/// All looks in the order of the audits after; what was only looked at before comes last.
pub(super) fn looks(control: &ControlEvidence) -> Vec<Look> {
    let flat = |audits: &[Audit]| -> Vec<(AuditKind, Check)> {
        audits.iter().flat_map(|audit| audit.checks.iter().map(|check| (audit.kind, check.clone()))).collect()
    };
    let mut before = flat(&control.before);
    let mut looks = Vec::new();
    for (at, check) in flat(&control.after) {
        let same = |(other, was): &(AuditKind, Check)| {
            *other == at && was.what == check.what && was.expected == check.expected
        };
        let was = before.iter().position(same).map(|position| before.remove(position).1);
        looks.push(Look {
            kind: kind(at),
            before: was.as_ref().map(seen),
            after: Some(seen(&check)),
            what: check.what,
            expected: check.expected,
        });
    }
    looks.extend(before.into_iter().map(|(at, check)| Look {
        kind: kind(at),
        before: Some(seen(&check)),
        after: None,
        what: check.what,
        expected: check.expected,
    }));
    looks
}

/// All audits that were run.
pub(super) fn runs(control: &ControlEvidence) -> Vec<Run> {
    let run = |when, audit: &Audit| Run {
        when,
        ran: audit.ran.clone(),
        kind: kind(audit.kind),
        word: wording::status(audit.status),
        output: Some(audit.output.clone()).filter(|output| !output.trim().is_empty()),
    };
    let before = control.before.iter().map(|audit| run("before", audit));
    before.chain(control.after.iter().map(|audit| run("after", audit))).collect()
}

/// The audits' outcome as a whole: pass only where all that apply pass.
/// What a control was before, where that is another than what it is now. Where only the running system is looked at now
/// and was not then, that says nothing: what was looked at both times is compared.
pub(super) fn was(control: &ControlEvidence) -> Option<Status> {
    let before = worst(&control.before)?;
    let same = |audit: &&Audit| control.before.iter().any(|earlier| earlier.kind == audit.kind);
    let comparable: Vec<Audit> = control.after.iter().filter(same).cloned().collect();
    let now = match comparable.len() == control.after.len() {
        true => control.status,
        false => worst(&comparable).unwrap_or(control.status),
    };
    (before != now).then_some(before)
}

fn worst(audits: &[Audit]) -> Option<Status> {
    [Status::Error, Status::Fail, Status::Unknown, Status::Manual, Status::Pass, Status::NotApplicable]
        .into_iter()
        .find(|status| audits.iter().any(|audit| audit.status == *status))
}
