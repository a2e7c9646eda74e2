//! What the page says, before it is put into the template.

use super::looks::{Look, Run, looks, runs, was};
use crate::hardening::{ControlEvidence, Status, Tally};
use crate::identity::ImageId;
use crate::report::view::minute;
use crate::report::wording::Verdict;
use crate::report::{duration, wording};
use crate::target::{ImageRecord, Package, TestRecord};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use time::Date;

#[derive(Serialize)]
pub(super) struct Page {
    style: &'static str,
    script: &'static str,
    policy: String,
    name: String,
    description: String,
    facts: Vec<Fact>,
    met: bool,
    open: bool,
    gate: String,
    unmet: Vec<String>,
    rehearsal: Option<String>,
    hardened: bool,
    score_before: Option<String>,
    score: String,
    judged: String,
    passed_at_rest: Option<String>,
    bars: Vec<Bar>,
    levels: Vec<Level>,
    attention: Vec<Attention>,
    sections: Vec<Section>,
    control_count: usize,
    statuses: Vec<Bar>,
    level_numbers: Vec<u8>,
    waivers: Vec<Waived>,
    tests: Vec<Tested>,
    groups: Vec<Grouped>,
    packages: Vec<Package>,
    provenance: Vec<Fact>,
    inputs: Vec<Fact>,
    today: String,
}

#[derive(Serialize)]
struct Fact {
    name: String,
    value: String,
    code: bool,
}

/// A status, how often it occurs, and where it stands in the bar of 1000.
#[derive(Serialize)]
struct Bar {
    key: &'static str,
    word: &'static str,
    mark: &'static str,
    count: u32,
    start: f64,
    width: f64,
}

#[derive(Serialize)]
struct Level {
    level: u8,
    score: String,
    judged: String,
}

#[derive(Serialize)]
struct Attention {
    key: &'static str,
    word: &'static str,
    anchor: String,
    id: Option<String>,
    text: String,
    required: bool,
    detail: Option<String>,
}

#[derive(Serialize)]
struct Section {
    number: u8,
    title: String,
    tally: String,
    controls: Vec<Control>,
}

#[derive(Serialize)]
struct Control {
    slug: String,
    id: String,
    title: String,
    level: u8,
    required: bool,
    at_rest: bool,
    key: &'static str,
    word: &'static str,
    mark: &'static str,
    was: Option<&'static str>,
    rationale: String,
    breaks: Vec<String>,
    reason: Option<String>,
    waiver: Option<Waived>,
    ids: Vec<Fact>,
    looks: Vec<Look>,
    runs: Vec<Run>,
    apply: Option<Apply>,
}

#[derive(Serialize)]
struct Apply {
    verdict: String,
    took: String,
    output: Option<String>,
}

#[derive(Serialize, Clone)]
struct Waived {
    slug: String,
    title: String,
    reason: String,
    stays: Option<String>,
    owner: Option<String>,
    ticket: Option<String>,
    expires: String,
    left: String,
    expired: bool,
}

#[derive(Serialize)]
struct Tested {
    name: String,
    key: &'static str,
    word: &'static str,
    mark: &'static str,
    exit: i32,
    took: String,
    output: Option<String>,
}

#[derive(Serialize)]
struct Grouped {
    name: String,
    version: String,
    packages: String,
}

impl Page {
    pub(super) fn of(
        image: &ImageId,
        record: &ImageRecord,
        today: Date,
        style: &'static str,
        script: &'static str,
        policy: String,
    ) -> Page {
        let waivers: Vec<Waived> =
            record.controls.iter().filter_map(|control| waived(control, today).or_else(|| implied(control))).collect();
        let bars = bars(&record.tally);
        let mut level_numbers: Vec<u8> = record.controls.iter().map(|control| control.level).collect();
        level_numbers.sort_unstable();
        level_numbers.dedup();
        Page {
            style,
            script,
            policy,
            name: format!("{} {}", record.recipe, record.version),
            description: record.description.clone(),
            facts: facts(image, record),
            met: wording::verdict(record) == Verdict::Passed,
            open: wording::verdict(record) == Verdict::Open,
            gate: wording::gate(record),
            unmet: record.gate.unmet.clone(),
            rehearsal: wording::rehearsal(record),
            hardened: !record.controls.is_empty(),
            score_before: record.score_before.map(|before| wording::score(Some(before))),
            score: record.score.map_or_else(|| "none".to_owned(), |score| wording::score(Some(score))),
            judged: wording::judged(&record.tally),
            passed_at_rest: wording::passed_at_rest(record),
            statuses: bars.into_iter().filter(|bar| bar.count > 0).collect(),
            bars: self::bars(&record.tally),
            levels: levels(record),
            attention: attention(record, &waivers),
            sections: sections(record, today),
            control_count: record.controls.len(),
            level_numbers,
            waivers,
            tests: record.tests.iter().map(tested).collect(),
            groups: groups(record),
            packages: record.packages.clone(),
            provenance: provenance(record),
            inputs: record.provenance.inputs.iter().map(|(name, digest)| code(name, digest)).collect(),
            today: today.to_string(),
        }
    }
}

fn fact(name: &str, value: impl Into<String>) -> Fact {
    Fact { name: name.to_owned(), value: value.into(), code: false }
}

fn code(name: &str, value: impl Into<String>) -> Fact {
    Fact { code: true, ..fact(name, value) }
}

fn facts(image: &ImageId, record: &ImageRecord) -> Vec<Fact> {
    let base = &record.base;
    let finished = match record.provenance.finished_at.as_str() {
        "" => "not verified yet".to_owned(),
        at => minute(at),
    };
    vec![
        code("Image", image.as_str()),
        code("Plan digest", record.digest.as_str()),
        fact("Base", format!("{} · {}", base.description, base.arch)),
        fact("Operating system", &base.os_name),
        fact("Profile", record.profile.as_deref().unwrap_or("none: this image is not hardened")),
        fact("Target", record.target.as_str()),
        fact("Verified", finished),
    ]
}

fn provenance(record: &ImageRecord) -> Vec<Fact> {
    let provenance = &record.provenance;
    let mut facts = vec![
        code("Build", record.build.as_str()),
        fact("Made with", format!("amifactory {}", provenance.tool)),
        fact("Started", &provenance.started_at),
    ];
    if !provenance.finished_at.is_empty() {
        facts.push(fact("Verified", &provenance.finished_at));
    }
    facts.push(code("Base id", &record.base.id));
    facts.push(fact("OS family", record.base.family.as_str()));
    facts
}

pub(super) fn mark(status: Status) -> &'static str {
    match status {
        Status::Pass => "✓",
        Status::Fail => "✗",
        Status::Error => "!",
        Status::Unknown => "?",
        Status::NotApplicable => "–",
        Status::Manual => "☞",
        Status::Waived => "≈",
    }
}

/// A status as a class name, as `data-` value and as JSON has it.
pub(in crate::report::html) fn key(status: Status) -> &'static str {
    if status == Status::NotApplicable { "not_applicable" } else { wording::status(status) }
}

fn bars(tally: &Tally) -> Vec<Bar> {
    let counts = [
        (Status::Pass, tally.pass),
        (Status::Fail, tally.fail),
        (Status::Error, tally.error),
        (Status::Unknown, tally.unknown),
        (Status::Manual, tally.manual),
        (Status::Waived, tally.waived),
        (Status::NotApplicable, tally.not_applicable),
    ];
    let all = f64::from(wording::all(tally)).max(1.0);
    let mut start = 0.0;
    counts
        .into_iter()
        .map(|(status, count)| {
            let width = (f64::from(count) * 10_000.0 / all).round() / 10.0;
            let bar = Bar { key: key(status), word: wording::status(status), mark: mark(status), count, start, width };
            start = ((start + width) * 10.0).round() / 10.0;
            bar
        })
        .collect()
}

fn levels(record: &ImageRecord) -> Vec<Level> {
    let level = |(level, tally): (&u8, &Tally)| Level {
        level: *level,
        score: tally.score().map_or_else(|| "no score".to_owned(), |score| wording::score(Some(score))),
        judged: wording::judged(tally),
    };
    record.tally_by_level.iter().map(level).collect()
}

/// What a reader must not miss, the worst first.
fn attention(record: &ImageRecord, waivers: &[Waived]) -> Vec<Attention> {
    let mut all = Vec::new();
    for control in wording::worst_first(&record.controls) {
        if matches!(control.status, Status::Fail | Status::Error) {
            all.push(Attention {
                key: key(control.status),
                word: wording::status(control.status),
                required: control.required,
                anchor: format!("control-{}", control.slug),
                id: Some(wording::id(control, record.base.family)).filter(|id| !id.is_empty()),
                text: control.title.clone(),
                detail: wording::why(control),
            });
        }
    }
    for test in record.tests.iter().filter(|test| test.exit != 0) {
        let detail = Some(format!("test, exit status {}", test.exit));
        all.push(Attention {
            key: "fail",
            word: "fail",
            required: false,
            anchor: "tests".to_owned(),
            id: None,
            text: test.name.clone(),
            detail,
        });
    }
    for waiver in waivers.iter().filter(|waiver| waiver.expired) {
        all.push(Attention {
            key: "fail",
            word: "expired",
            required: false,
            anchor: "waivers".to_owned(),
            id: None,
            text: format!("Waiver: {}", waiver.title),
            detail: Some(waiver.left.clone()),
        });
    }
    all
}

fn sections(record: &ImageRecord, today: Date) -> Vec<Section> {
    let mut sections: BTreeMap<u8, Vec<&ControlEvidence>> = BTreeMap::new();
    for control in wording::worst_first(&record.controls) {
        sections.entry(control.section).or_default().push(control);
    }
    let section = |(number, controls): (u8, Vec<&ControlEvidence>)| {
        let tally = Tally::of(controls.iter().map(|control| &control.status));
        Section {
            number,
            title: wording::section(number),
            tally: format!("{} of {} pass", tally.pass, wording::count(controls.len(), "control")),
            controls: controls.into_iter().map(|control| self::control(control, record, today)).collect(),
        }
    };
    sections.into_iter().map(section).collect()
}

fn control(control: &ControlEvidence, record: &ImageRecord, today: Date) -> Control {
    let waiver = waived(control, today);
    let apply = control.apply.as_ref().map(|applied| Apply {
        verdict: match applied.exit {
            0 => "applied".to_owned(),
            exit => format!("failed with exit status {exit}"),
        },
        took: duration::human(Duration::from_millis(applied.ms)),
        output: Some(applied.output.clone()).filter(|output| !output.trim().is_empty()),
    });
    Control {
        slug: control.slug.to_string(),
        id: wording::id(control, record.base.family),
        title: control.title.clone(),
        level: control.level,
        required: control.required,
        at_rest: wording::at_rest(control),
        key: key(control.status),
        word: wording::status(control.status),
        mark: mark(control.status),
        was: was(control).map(wording::status),
        rationale: control.rationale.clone(),
        breaks: control.breaks.clone(),
        // A waiver says its reason itself.
        reason: control.reason.clone().filter(|_| waiver.is_none()),
        waiver,
        ids: control.ids.iter().map(|(benchmark, id)| code(benchmark, id)).collect(),
        looks: looks(control),
        runs: runs(control),
        apply,
    }
}

fn waived(control: &ControlEvidence, today: Date) -> Option<Waived> {
    let waiver = control.waiver.as_ref()?;
    let days = (waiver.expires - today).whole_days();
    let plural = |n: i64| wording::count(usize::try_from(n.abs()).unwrap_or(0), "day");
    let left = match days {
        0 => "ends today".to_owned(),
        1.. => format!("{} left", plural(days)),
        _ => format!("expired {} ago", plural(days)),
    };
    Some(Waived {
        slug: control.slug.to_string(),
        title: control.title.clone(),
        reason: waiver.reason.clone(),
        stays: wording::stays_applied(control),
        owner: Some(waiver.owner.clone()),
        ticket: waiver.ticket.clone(),
        expires: waiver.expires.to_string(),
        left,
        expired: days < 0,
    })
}

/// What a package group implies has no owner and no end: it holds as long as the group is installed.
fn implied(control: &ControlEvidence) -> Option<Waived> {
    Some(Waived {
        slug: control.slug.to_string(),
        title: control.title.clone(),
        reason: wording::implied(control)?,
        stays: None,
        owner: None,
        ticket: None,
        expires: "no expiry".to_owned(),
        left: String::new(),
        expired: false,
    })
}

fn tested(test: &TestRecord) -> Tested {
    let status = if test.exit == 0 { Status::Pass } else { Status::Fail };
    Tested {
        name: test.name.clone(),
        key: key(status),
        word: wording::status(status),
        mark: mark(status),
        exit: test.exit,
        took: duration::human(Duration::from_millis(test.ms)),
        output: Some(test.output.clone()).filter(|output| !output.trim().is_empty()),
    }
}

fn groups(record: &ImageRecord) -> Vec<Grouped> {
    let group = |group: &crate::target::GroupRecord| Grouped {
        name: group.name.to_string(),
        version: group.version.to_string(),
        packages: if group.packages.is_empty() {
            "no packages of its own".to_owned()
        } else {
            group.packages.join(", ")
        },
    };
    record.groups.iter().map(group).collect()
}
