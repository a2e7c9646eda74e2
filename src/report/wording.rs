//! The words that every report uses for the same things, and what they are careful not to claim.

use super::Style;
use crate::hardening::{Audit, AuditKind, Check, ControlEvidence, Status, Tally};
use crate::identity::{OsFamily, RecipeName, TargetKind};
use crate::target::ImageRecord;

/// Which recipes a verb looks at: by its name where it is one.
pub fn recipes(recipes: &[RecipeName]) -> String {
    match recipes {
        [recipe] => recipe.to_string(),
        recipes => format!("{} recipes", recipes.len()),
    }
}

/// The six sections of the benchmark.
pub fn section(number: u8) -> String {
    let name = match number {
        1 => "Setup",
        2 => "Services",
        3 => "Network",
        4 => "Access",
        5 => "Logging",
        6 => "Maintenance",
        _ => return format!("Section {number}"),
    };
    format!("{number} {name}")
}

/// A status as people read it.
pub fn status(status: Status) -> &'static str {
    status.words()
}

/// The benchmark id of the image's OS family, or, where that family's benchmark has none, another's, which then says
/// whose it is: `AL2023 6.2.10`. Empty where there is none at all.
pub fn id(control: &ControlEvidence, family: OsFamily) -> String {
    let own = control.ids.iter().find(|(benchmark, _)| family_of(benchmark) == Some(family));
    match (own, control.ids.iter().next()) {
        (Some((_, id)), _) => id.clone(),
        (None, Some((benchmark, id))) => match family_of(benchmark) {
            Some(OsFamily::AmazonLinux2023) => format!("AL2023 {id}"),
            Some(OsFamily::Debian12) => format!("Debian12 {id}"),
            Some(OsFamily::Ubuntu) => format!("Ubuntu {id}"),
            None => format!("{benchmark} {id}"),
        },
        (None, None) => String::new(),
    }
}

/// The OS family that a benchmark, such as `cis-al2023-1.0.0`, is written for.
fn family_of(benchmark: &str) -> Option<OsFamily> {
    let compact = benchmark.to_lowercase().replace(['-', '_', ' '], "");
    let marks = [
        ("al2023", OsFamily::AmazonLinux2023),
        ("amazonlinux2023", OsFamily::AmazonLinux2023),
        ("debian12", OsFamily::Debian12),
        ("ubuntu", OsFamily::Ubuntu),
    ];
    marks.into_iter().find(|(mark, _)| compact.contains(mark)).map(|(_, family)| family)
}

/// Where a control is waived by what is installed and not by a waiver: that, and the reason.
pub fn implied(control: &ControlEvidence) -> Option<String> {
    (control.status == Status::Waived && control.waiver.is_none()).then(|| {
        format!("implied by what is installed: {}", control.reason.as_deref().unwrap_or("no reason is on record"))
    })
}

/// Where a control is waived and a recipe below has applied it: that it stays applied.
pub fn stays_applied(control: &ControlEvidence) -> Option<String> {
    let names: Vec<&str> = control.applied_below.iter().map(|name| name.as_str()).collect();
    let which = if names.len() == 1 { "which is" } else { "which are" };
    (!names.is_empty())
        .then(|| format!("it stays applied in this image by {}, {which} below this recipe", names.join(" and ")))
}

/// Controls with what failed first: failing ones that the gate asks for, other failing ones, broken ones, the rest in
/// the order in which they were.
pub fn worst_first(controls: &[ControlEvidence]) -> Vec<&ControlEvidence> {
    let mut sorted: Vec<&ControlEvidence> = controls.iter().collect();
    sorted.sort_by_key(|control| match control.status {
        Status::Fail => (0, !control.required),
        Status::Error => (1, !control.required),
        _ => (2, false),
    });
    sorted
}

/// What was looked at, what it should be and what it was.
pub fn sentence(check: &Check) -> String {
    let observed = if check.observed.is_empty() { "nothing" } else { &check.observed };
    format!("{}: expected {}, observed {observed}", check.what, check.expected)
}

/// Why a control fails or broke: the reason that is on record, or else the first look that went wrong, or what the audit said where it made none. None for
/// all others.
pub fn why(control: &ControlEvidence) -> Option<String> {
    if !matches!(control.status, Status::Fail | Status::Error) {
        return None;
    }
    if let Some(reason) = control.reason.as_ref().filter(|_| control.status == Status::Fail && control.waiver.is_none())
    {
        return Some(reason.clone());
    }
    let mut looks = control.after.iter().flat_map(|audit| &audit.checks);
    if let Some(check) = looks.find(|check| check.status == control.status) {
        return Some(sentence(check));
    }
    let audit = control.after.iter().find(|audit| audit.status == control.status);
    let said = audit.and_then(|audit| audit.output.lines().rev().find(|line| !line.trim().is_empty()));
    said.map(str::to_owned).or_else(|| control.reason.clone())
}

/// Whether a control passes by what its files and packages say alone, while its running state was not seen.
pub fn at_rest(control: &ControlEvidence) -> bool {
    control.status == Status::Pass
        && control.after.iter().any(|audit| audit.kind == AuditKind::Runtime && audit.status == Status::Unknown)
}

/// How many of the passes are at rest only; none where there is no such pass.
pub fn passed_at_rest(record: &ImageRecord) -> Option<String> {
    let n = record.controls.iter().filter(|control| at_rest(control)).count();
    let whose = if n == 1 { "its" } else { "their" };
    (n > 0).then(|| format!("{n} of them passed at rest only: {whose} running state can't be seen without a boot"))
}

/// A status in its colour.
pub fn painted(status: Status, style: Style) -> String {
    let text = self::status(status);
    match status {
        Status::Pass => style.green(text),
        Status::Fail | Status::Error => style.red(text),
        Status::Unknown | Status::Waived => style.yellow(text),
        Status::NotApplicable => style.dim(text),
        Status::Manual => style.cyan(text),
    }
}

/// A score with one decimal, or that there is none.
pub fn score(score: Option<f64>) -> String {
    score.map_or_else(|| "no score".to_owned(), |score| format!("{score:.1}"))
}

/// `61.2 → 93.4`. What was measured at rest and what was measured running are not two points of one way.
pub fn score_change(record: &ImageRecord) -> String {
    let running = |audits: &[Audit]| {
        audits.iter().any(|audit| audit.kind == AuditKind::Runtime && audit.status != Status::Unknown)
    };
    let only_now =
        record.controls.iter().any(|c| running(&c.after)) && !record.controls.iter().any(|c| running(&c.before));
    match record.score_before {
        Some(before) if only_now => format!("{} (the base, at rest: {before:.1})", score(record.score)),
        Some(before) => format!("{before:.1} → {}", score(record.score)),
        None => score(record.score),
    }
}

/// How many controls there are.
pub fn all(tally: &Tally) -> u32 {
    tally.pass + tally.fail + tally.error + tally.unknown + tally.not_applicable + tally.manual + tally.waived
}

/// What the score is made of and how much of the profile it speaks for.
pub fn judged(tally: &Tally) -> String {
    match tally.coverage() {
        Some(coverage) => format!(
            "{} pass, {} fail; the score speaks for {coverage:.1} % of {}",
            tally.pass,
            tally.fail,
            count(all(tally) as usize, "control")
        ),
        None => "no controls".to_owned(),
    }
}

/// The statuses that the score leaves out, those that occur.
pub fn beside(tally: &Tally) -> Option<String> {
    let parts: Vec<String> = [
        (tally.error, "error"),
        (tally.unknown, "unknown"),
        (tally.not_applicable, "not applicable"),
        (tally.manual, "manual"),
        (tally.waived, "waived"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, word)| format!("{n} {word}"))
    .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// `1 package`, `2 packages`.
pub fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// What a local image is not. None for images of other targets.
pub fn rehearsal(record: &ImageRecord) -> Option<String> {
    (record.target == TargetKind::Local).then(|| {
        format!(
            "A local image is a rehearsal: what was hardened and tested is {} on {}, in a sandbox on the \
             kernel of the machine that built it. It can't be promoted to AWS channels.",
            super::visible::line(&record.base.os_name),
            record.base.arch
        )
    })
}

/// The gate in one sentence, without its verdict.
pub fn gate(record: &ImageRecord) -> String {
    let gate = &record.gate.gate;
    let mut parts = Vec::new();
    if let Some(minimum) = gate.minimum_score {
        parts.push(format!("score at least {minimum:.1}"));
    }
    if !gate.required.is_empty() {
        parts.push(format!("every required control ({}) passes or is waived", gate.required.len()));
    }
    if parts.is_empty() { "asks for nothing".to_owned() } else { parts.join("; ") }
}

/// How the gate was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is unmet, and the image was verified.
    Passed,
    /// Something is unmet.
    NotPassed,
    /// Nothing is unmet so far, but the image was never verified.
    Open,
}

/// How the gate was answered. A record without the time of its verification is of a build that did not get there.
pub fn verdict(record: &ImageRecord) -> Verdict {
    match (record.gate.unmet.is_empty(), record.provenance.finished_at.is_empty()) {
        (false, _) => Verdict::NotPassed,
        (true, true) => Verdict::Open,
        (true, false) => Verdict::Passed,
    }
}

/// The verdict in words and colour.
pub fn painted_verdict(record: &ImageRecord, style: Style) -> String {
    match verdict(record) {
        Verdict::Passed => style.green("passed"),
        Verdict::NotPassed => style.red("not passed"),
        Verdict::Open => style.yellow("open, this image is not verified"),
    }
}

/// A command with what there is to say of it, such that the line can be pasted: for a shell that is a comment.
pub fn pasted(command: &str) -> String {
    match command.split_once("   ") {
        None => command.to_owned(),
        Some((command, said)) => {
            let said = said.trim().trim_start_matches('#').trim_start();
            let bare = said.strip_prefix('(').and_then(|said| said.strip_suffix(')')).unwrap_or(said);
            format!("{command}   # {bare}")
        }
    }
}
