//! From the answers of bundles to evidence: what each audit saw, and the status that follows.

use super::evidence::{Applied, Audit, AuditKind, Check, ControlEvidence, Status};
use super::select::{Disposition, SelectedAudit, SelectedControl};
use super::steps::{apply_id, audit_id};
use crate::plan::StepResult;
use std::collections::BTreeMap;

/// The most of an audit's other output that is kept.
const OUTPUT_CHARS: usize = 1000;

/// Evidence for every selected control. `before` are the audits before anything was applied, `applied` what applying
/// said, `after` the audits in the started image. Where the target can't see a running system its runtime audits are
/// unknown, whatever they answered.
pub fn evidence(
    selected: &[SelectedControl],
    before: &[StepResult],
    applied: &[StepResult],
    after: &[StepResult],
    can_see_runtime: bool,
) -> Vec<ControlEvidence> {
    let (before, applied, after) = (by_id(before), by_id(applied), by_id(after));
    selected
        .iter()
        .map(|selected| {
            let control = &selected.control;
            let earlier = audits(selected, &before, can_see_runtime)
                .into_iter()
                .filter(|(_, answered)| *answered)
                .map(|(audit, _)| audit)
                .collect();
            let seen = audits(selected, &after, can_see_runtime);
            let (status, reason) = judge(selected, &seen, can_see_runtime);
            ControlEvidence {
                slug: control.slug.clone(),
                title: control.title.clone(),
                rationale: control.rationale.clone(),
                ids: control.ids.clone(),
                level: control.level,
                section: control.section,
                required: selected.required,
                // Where what it is about is not there, nothing was changed.
                breaks: if status == Status::NotApplicable { Vec::new() } else { selected.can_break() },
                status,
                reason,
                waiver: if let Disposition::Waived(waiver) = &selected.disposition {
                    Some(waiver.clone())
                } else {
                    None
                },
                applied_below: selected.applied_below.clone(),
                before: earlier,
                apply: applied.get(apply_id(&control.slug).as_str()).map(|result| Applied {
                    exit: result.rc,
                    ms: result.ms,
                    output: result.out.clone(),
                }),
                after: seen.into_iter().map(|(audit, _)| audit).collect(),
            }
        })
        .collect()
}

fn by_id(results: &[StepResult]) -> BTreeMap<&str, &StepResult> {
    results.iter().map(|result| (result.step.as_str(), result)).collect()
}

/// Each audit of a control, and whether there was an answer to it.
fn audits(
    selected: &SelectedControl,
    results: &BTreeMap<&str, &StepResult>,
    can_see_runtime: bool,
) -> Vec<(Audit, bool)> {
    selected
        .audits
        .iter()
        .map(|audit| {
            if audit.kind == AuditKind::Runtime && !can_see_runtime {
                let why = "the target has no running system of its own to look at";
                return (unanswered(audit, why), false);
            }
            match results.get(audit_id(&selected.control.slug, audit.kind).as_str()) {
                Some(result) => (read(audit, result), true),
                None => (unanswered(audit, "the audit was not run, or its answer was lost"), false),
            }
        })
        .collect()
}

fn unanswered(audit: &SelectedAudit, why: &str) -> Audit {
    Audit {
        ran: audit.ran.clone(),
        kind: audit.kind,
        status: Status::Unknown,
        checks: Vec::new(),
        output: why.to_owned(),
    }
}

/// An audit step's output: its looks, and whatever else it printed.
fn read(audit: &SelectedAudit, result: &StepResult) -> Audit {
    let mut checks = Vec::new();
    let mut other = Vec::new();
    let mut counted = None;
    let mut damaged = false;
    for line in result.out.lines() {
        let Some(look) = line.strip_prefix("AF1\t") else {
            other.push(line);
            continue;
        };
        match look.split('\t').collect::<Vec<_>>()[..] {
            ["end", count] => counted = count.parse::<usize>().ok(),
            [status, what, expected, observed] => match status_of(status) {
                Some(status) => checks.push(Check {
                    what: unescape(what),
                    expected: unescape(expected),
                    observed: unescape(observed),
                    status,
                }),
                None => damaged = true,
            },
            _ => damaged = true,
        }
    }
    let mut output = other.join("\n");
    // Looks may be lost: only the last part of the output travels. A look that is not seen must not count as passed.
    let status = if checks.is_empty() || damaged || counted != Some(checks.len()) {
        let seen = checks.len();
        let said = counted.map_or("it did not come to its end".to_owned(), |count| format!("it made {count} looks"));
        output = format!("{output}\nthe audit broke (exit status {}): {said}, {seen} can be read", result.rc);
        Status::Error
    } else {
        together(checks.iter().map(|check| check.status))
    };
    let skip = output.chars().count().saturating_sub(OUTPUT_CHARS);
    let output = output.trim().chars().skip(skip).collect();
    Audit { ran: audit.ran.clone(), kind: audit.kind, status, checks, output }
}

fn status_of(word: &str) -> Option<Status> {
    match word {
        "pass" => Some(Status::Pass),
        "fail" => Some(Status::Fail),
        "error" => Some(Status::Error),
        "unknown" => Some(Status::Unknown),
        "not_applicable" => Some(Status::NotApplicable),
        _ => None,
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => {}
            },
            _ => out.push(c),
        }
    }
    out
}

/// The looks of one audit together: the worst of them; a pass only where something passed and nothing else stands
/// against it.
fn together(statuses: impl Iterator<Item = Status>) -> Status {
    let all: Vec<Status> = statuses.collect();
    [Status::Error, Status::Fail, Status::Unknown, Status::Pass, Status::NotApplicable]
        .into_iter()
        .find(|status| all.contains(status))
        .unwrap_or(Status::Unknown)
}

/// The status that counts, and why where it does not speak for itself.
fn judge(selected: &SelectedControl, seen: &[(Audit, bool)], can_see_runtime: bool) -> (Status, Option<String>) {
    match &selected.disposition {
        Disposition::Waived(waiver) => return (Status::Waived, Some(waiver.reason.clone())),
        Disposition::Implied(reason) => return (Status::Waived, Some(reason.clone())),
        Disposition::Manual(what) => return (Status::Manual, Some(what.clone())),
        Disposition::NotForFamily => {
            return (Status::NotApplicable, Some("this means nothing on this OS family".to_owned()));
        }
        Disposition::NotChosen(why) => return (Status::NotApplicable, Some(why.clone())),
        Disposition::Apply => {}
    }
    let lost = seen.iter().any(|(audit, answered)| {
        let expected = audit.kind == AuditKind::Persisted || can_see_runtime;
        expected && !answered
    });
    let worst = together(seen.iter().map(|(audit, _)| audit.status).filter(|status| *status != Status::Unknown));
    match worst {
        Status::Error | Status::Fail => (worst, None),
        _ if lost => (Status::Unknown, Some("an audit was not run, or its answer was lost".to_owned())),
        Status::Unknown => {
            let said = seen.iter().flat_map(|(audit, _)| &audit.checks).find(|check| check.status == Status::Unknown);
            let reason = match said {
                Some(check) => format!("{}: {}", check.what, check.observed),
                None => "it shows only in a running system, which this target can't look at".to_owned(),
            };
            (Status::Unknown, Some(reason))
        }
        Status::NotApplicable => {
            let said = seen.iter().flat_map(|(audit, _)| &audit.checks).next();
            (worst, said.map(|check| format!("{}: {}", check.what, check.observed)))
        }
        _ => (worst, None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Library, select};
    use super::*;
    use crate::identity::{OsFamily, Slug};
    use crate::recipe::{HardeningSpec, ImpliedException, Waiver};
    use std::collections::BTreeMap;
    use time::macros::date;

    /// `address-space-randomised` has a persisted and a runtime audit.
    const SLUG: &str = "address-space-randomised";

    fn selected(waivers: Vec<Waiver>, implied: &[ImpliedException]) -> Vec<SelectedControl> {
        let library = Library::embedded().unwrap();
        let spec = HardeningSpec {
            profile: "cis-l1-server".into(),
            parameters: BTreeMap::new(),
            add: Vec::new(),
            waivers,
            network: None,
        };
        let mut all = select(&library, &spec, OsFamily::Debian12, implied, &[]).unwrap();
        all.retain(|selected| selected.control.slug.as_str() == SLUG);
        all
    }

    fn answer(kind: &str, out: &str) -> StepResult {
        StepResult { step: format!("control/{SLUG}/audit/{kind}"), rc: 0, ms: 1, out: out.into() }
    }

    fn status(after: &[StepResult], can_see_runtime: bool) -> Status {
        evidence(&selected(Vec::new(), &[]), &[], &[], after, can_see_runtime)[0].status
    }

    const PASS: &str = "AF1\tpass\tw\te\to\nAF1\tend\t1\n";
    const FAIL: &str = "AF1\tpass\tw\te\to\nAF1\tfail\tw\te\to\nAF1\tend\t2\n";
    const UNKNOWN: &str = "AF1\tunknown\tw\te\to\nAF1\tend\t1\n";
    const ABSENT: &str = "AF1\tnot_applicable\tw\te\to\nAF1\tend\t1\n";

    #[test]
    fn the_status_is_the_worst_answer() {
        for (persisted, runtime, expected) in [
            (PASS, PASS, Status::Pass),
            (PASS, FAIL, Status::Fail),
            (FAIL, PASS, Status::Fail),
            (PASS, UNKNOWN, Status::Pass),
            (UNKNOWN, UNKNOWN, Status::Unknown),
            (ABSENT, ABSENT, Status::NotApplicable),
            (ABSENT, PASS, Status::Pass),
            (PASS, "", Status::Error),
        ] {
            let found = status(&[answer("persisted", persisted), answer("runtime", runtime)], true);
            assert_eq!(found, expected, "{persisted:?} {runtime:?}");
        }
    }

    #[test]
    fn what_can_not_be_seen_is_unknown_and_does_not_decide() {
        let found = evidence(
            &selected(Vec::new(), &[]),
            &[],
            &[],
            &[answer("persisted", PASS), answer("runtime", FAIL)],
            false,
        );
        assert_eq!(found[0].status, Status::Pass);
        let runtime = found[0].after.iter().find(|audit| audit.kind == AuditKind::Runtime).unwrap();
        assert_eq!(runtime.status, Status::Unknown);
    }

    #[test]
    fn a_lost_answer_is_never_a_pass() {
        assert_eq!(status(&[], true), Status::Unknown);
        assert_eq!(status(&[answer("runtime", PASS)], true), Status::Unknown);
        assert_eq!(status(&[answer("persisted", PASS)], true), Status::Unknown);
        assert_eq!(status(&[answer("persisted", FAIL)], true), Status::Fail);
    }

    #[test]
    fn looks_that_were_lost_or_forged_are_errors() {
        for out in [
            "AF1\tpass\tw\te\to\n",
            "AF1\tpass\tw\te\to\nAF1\tend\t2\n",
            "AF1\tpass\tw\te\to\nAF1\tpass\tw\te\to\nAF1\tend\t1\n",
            "AF1\tend\t0\n",
            "AF1\twonderful\tw\te\to\nAF1\tend\t1\n",
            "AF1\tpass\tw\nAF1\tend\t1\n",
            "AF1\tpass\tw\te\to\nAF1\tend\tmany\n",
            "no looks at all\n",
        ] {
            assert_eq!(status(&[answer("persisted", out)], false), Status::Error, "{out:?}");
        }
    }

    #[test]
    fn values_come_back_as_they_were() {
        let out = "noise\nAF1\tfail\ta\\tb\tc\\nd\te\\\\n\nAF1\tend\t1\n";
        let found = evidence(&selected(Vec::new(), &[]), &[], &[], &[answer("persisted", out)], false);
        let audit = &found[0].after[0];
        let check = &audit.checks[0];
        assert_eq!((check.what.as_str(), check.expected.as_str(), check.observed.as_str()), ("a\tb", "c\nd", "e\\n"));
        assert_eq!(audit.output, "noise");
    }

    #[test]
    fn a_waived_control_is_audited_and_not_applied() {
        let waiver = Waiver {
            control: SLUG.parse().unwrap(),
            reason: "old software".into(),
            owner: "ops".into(),
            ticket: None,
            expires: date!(2030 - 01 - 01),
        };
        let control = selected(vec![waiver.clone()], &[]);
        assert!(super::super::apply_steps(&control).is_empty());
        assert!(!super::super::audit_steps(&control, &[AuditKind::Persisted]).is_empty());
        let found = &evidence(&control, &[], &[], &[answer("persisted", FAIL)], false)[0];
        assert_eq!((found.status, found.waiver.as_ref()), (Status::Waived, Some(&waiver)));
        assert_eq!(found.after[0].status, Status::Fail);
    }

    #[test]
    fn a_group_s_exception_counts_like_a_waiver_without_an_end() {
        let slug: Slug = SLUG.parse().unwrap();
        let implied = [ImpliedException { control: slug, reason: "this is what the group is for".into() }];
        let control = selected(Vec::new(), &implied);
        assert!(super::super::apply_steps(&control).is_empty());
        let found = &evidence(&control, &[], &[], &[answer("persisted", FAIL)], false)[0];
        assert_eq!((found.status, found.waiver.as_ref()), (Status::Waived, None));
        assert_eq!(found.reason.as_deref(), Some("this is what the group is for"));
    }
}
