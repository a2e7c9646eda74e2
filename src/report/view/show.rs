//! One image.

use super::ImageRow;
use crate::hardening::{Applied, Audit, ControlEvidence, Status, Tally};
use crate::identity::{RecipeName, Slug};
use crate::recipe::Waiver;
use crate::report::table::Table;
use crate::report::wrap::fold;
use crate::report::{Style, duration, visible, wording};
use crate::target::{BaseRecord, GateRecord, GroupRecord, ImageRecord, Package, Provenance, TestRecord};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The result of `show`, as `cli.md` fixes it, and beside that all else that the record holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown<'a> {
    /// As in a list.
    pub image: &'a ImageRow,
    /// Every control.
    pub controls: Vec<ShownControl<'a>>,
    /// Installed packages.
    pub packages: &'a [Package],
    /// The recipe's one-line description.
    pub description: &'a str,
    /// What it was made from.
    pub base: &'a BaseRecord,
    /// Package groups.
    pub groups: &'a [GroupRecord],
    /// The hardening profile.
    pub profile: Option<&'a str>,
    /// Counts per status.
    pub tally: Tally,
    /// Counts per status and benchmark level.
    pub tally_by_level: &'a BTreeMap<u8, Tally>,
    /// The score.
    pub score: Option<f64>,
    /// The base's score.
    pub score_before: Option<f64>,
    /// The gate.
    pub gate: &'a GateRecord,
    /// Tests in the started image.
    pub tests: &'a [TestRecord],
    /// Who made it, when, with what.
    pub provenance: &'a Provenance,
}

/// A control of an image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownControl<'a> {
    /// Which.
    pub slug: &'a Slug,
    /// Its title.
    pub title: &'a str,
    /// Benchmark ids.
    pub ids: &'a BTreeMap<String, String>,
    /// Benchmark level.
    pub level: u8,
    /// Section of the benchmark.
    pub section: u8,
    /// The gate asks for it.
    pub required: bool,
    /// What applying it can break, each as `network: how`.
    pub breaks: &'a [String],
    /// The status that counts.
    pub status: Status,
    /// How that is known.
    pub evidence: ShownEvidence<'a>,
}

/// How a control's status is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownEvidence<'a> {
    reason: Option<&'a str>,
    waiver: Option<&'a Waiver>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    applied_below: &'a [RecipeName],
    before: &'a [Audit],
    apply: Option<&'a Applied>,
    after: &'a [Audit],
}

impl<'a> Shown<'a> {
    /// Puts an image's row and its record together.
    pub fn of(image: &'a ImageRow, record: &'a ImageRecord) -> Shown<'a> {
        Shown {
            image,
            controls: record.controls.iter().map(ShownControl::of).collect(),
            packages: &record.packages,
            description: &record.description,
            base: &record.base,
            groups: &record.groups,
            profile: record.profile.as_deref(),
            tally: record.tally,
            tally_by_level: &record.tally_by_level,
            score: record.score,
            score_before: record.score_before,
            gate: &record.gate,
            tests: &record.tests,
            provenance: &record.provenance,
        }
    }
}

impl<'a> ShownControl<'a> {
    fn of(control: &'a ControlEvidence) -> ShownControl<'a> {
        ShownControl {
            slug: &control.slug,
            title: &control.title,
            ids: &control.ids,
            level: control.level,
            section: control.section,
            required: control.required,
            breaks: &control.breaks,
            status: control.status,
            evidence: ShownEvidence {
                reason: control.reason.as_deref(),
                waiver: control.waiver.as_ref(),
                applied_below: &control.applied_below,
                before: &control.before,
                apply: control.apply.as_ref(),
                after: &control.after,
            },
        }
    }
}

/// The image for people: what it is, its controls, its tests. `all` lists passed controls and packages too.
pub fn show(row: &ImageRow, record: &ImageRecord, all: bool, style: Style) -> String {
    let mut text = format!(
        "{} {}\n",
        style.bold(&format!("{} {}", record.recipe, record.version)),
        visible::line(&record.description)
    );
    let mut field = |name: &str, value: &str| {
        let mut name = style.dim(&format!("{name:<11}"));
        for line in fold(value, style.width.saturating_sub(13)) {
            text.push_str(&format!("  {name}{line}\n"));
            name = " ".repeat(11);
        }
    };
    field("image", &format!("{}   {}", style.cyan(row.image.as_str()), visible::line(&row.state)));
    if let Some(reason) = crate::pipeline::tags::revoked(&row.tags) {
        let by = row.tags.get(crate::pipeline::tags::REVOKED_BY).map(String::as_str).unwrap_or_default();
        field("revoked", &style.red(&format!("{} ({})", visible::line(reason), visible::line(by))));
    }
    field("digest", record.digest.as_str());
    let channels: Vec<&str> = row.channels.iter().map(|channel| channel.as_str()).collect();
    field("channels", &if channels.is_empty() { "none".to_owned() } else { channels.join(", ") });
    field("created", &format!("{} on {} by build {}", super::minute(&row.created_at), record.target, record.build));
    let base = &record.base;
    field("base", &format!("{} · {} · {}", visible::line(&base.description), base.family, base.arch));
    field("", &style.dim(&visible::line(&base.id)));
    let groups: Vec<String> = record.groups.iter().map(|group| format!("{} {}", group.name, group.version)).collect();
    field("groups", &if groups.is_empty() { "none".to_owned() } else { groups.join(", ") });
    field("profile", &visible::line(record.profile.as_deref().unwrap_or("none: this image is not hardened")));
    if !record.controls.is_empty() {
        field("score", &format!("{}   {}", style.bold(&wording::score_change(record)), wording::judged(&record.tally)));
        if let Some(at_rest) = wording::passed_at_rest(record) {
            field("", &at_rest);
        }
        if let Some(beside) = wording::beside(&record.tally) {
            field("", &format!("beside it: {beside}"));
        }
        for (level, tally) in &record.tally_by_level {
            field("", &format!("level {level}: {} — {}", wording::score(tally.score()), wording::judged(tally)));
        }
    }
    field("gate", &format!("{}: {}", wording::painted_verdict(record, style), wording::gate(record)));
    for unmet in &record.gate.unmet {
        field("", &style.red(&format!("not met: {}", visible::line(unmet))));
    }
    if let Some(rehearsal) = wording::rehearsal(record) {
        field("note", &rehearsal);
    }
    text.push_str(&controls(record, all, style));
    text.push_str(&can_break(record, style));
    text.push_str(&tests(record, style));
    text.push_str(&packages(record, all, style));
    text
}

fn controls(record: &ImageRecord, all: bool, style: Style) -> String {
    let listed: Vec<&ControlEvidence> = wording::worst_first(&record.controls)
        .into_iter()
        .filter(|control| all || control.status != Status::Pass)
        .collect();
    if listed.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["ID", "LEVEL", "STATUS", "CONTROL", "TITLE"]).gives_way(4);
    for control in &listed {
        let mut title = visible::line(&control.title).into_owned();
        let why = wording::why(control);
        if let Some(reason) = control.reason.as_ref().filter(|reason| why.as_ref() != Some(*reason)) {
            title.push_str(&format!(" ({})", visible::line(reason)));
        }
        if let Some(stays) = wording::stays_applied(control) {
            title.push_str(&format!("; {stays}"));
        }
        table.row(vec![
            visible::line(&wording::id(control, record.base.family)).into_owned(),
            format!("L{}{}", control.level, if control.required { " required" } else { "" }),
            match wording::at_rest(control) {
                true => format!("{} (at rest)", wording::painted(control.status, style)),
                false => wording::painted(control.status, style),
            },
            control.slug.to_string(),
            title,
        ]);
        if let Some(why) = why {
            table.under(style.red(&format!("  └ {}", visible::line(&why))));
        }
    }
    let passed = record.controls.len() - listed.len();
    let rest = if passed > 0 { format!("  {passed} passed (--all lists them)") } else { String::new() };
    format!("\n{}{}\n{}", style.bold("controls"), style.dim(&rest), table.render(style))
}

/// Each applied control that can break something, and what.
fn can_break(record: &ImageRecord, style: Style) -> String {
    let mut table = Table::new(&["CONTROL", "CAN BREAK"]).gives_way(1);
    let mut any = false;
    for control in &record.controls {
        for (n, breaks) in control.breaks.iter().enumerate() {
            let name = if n == 0 { control.slug.to_string() } else { String::new() };
            table.row(vec![name, visible::line(breaks).into_owned()]);
            any = true;
        }
    }
    if !any {
        return String::new();
    }
    let whole = style.dim("  (`amifactory controls NAME` says it in full)");
    format!("\n{}{whole}\n{}", style.bold("what its hardening can break"), table.render(style))
}

fn tests(record: &ImageRecord, style: Style) -> String {
    if record.tests.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["TEST", "TIME", "RESULT"]).right(&[1]).gives_way(0);
    for test in &record.tests {
        let result =
            if test.exit == 0 { style.green("pass") } else { style.red(&format!("exit status {}", test.exit)) };
        let name = visible::line(&test.name).into_owned();
        table.row(vec![name, duration::human(Duration::from_millis(test.ms)), result]);
    }
    format!("\n{}\n{}", style.bold("tests in the started image"), table.render(style))
}

fn packages(record: &ImageRecord, all: bool, style: Style) -> String {
    let head = format!("\n{} {}", style.bold("packages"), record.packages.len());
    if !all {
        return format!("{head}{}\n", style.dim("  (--all lists them)"));
    }
    let mut table = Table::new(&["NAME", "VERSION", "ARCH"]).gives_way(1);
    for package in &record.packages {
        table.row(
            [&package.name, &package.version, &package.arch].map(|cell| visible::line(cell).into_owned()).to_vec(),
        );
    }
    format!("{head}\n{}", table.render(style))
}
