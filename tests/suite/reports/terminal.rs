//! Summaries and lists as they stand on a terminal.

use super::fixture;
use amifactory::hardening::Status;
use amifactory::identity::{Digest, TargetKind};
use amifactory::pipeline::{BuildResult, Outcome};
use amifactory::report::diff::ImageDiff;
use amifactory::report::summary::{Finished, brief, failure, interrupted, summary};
use amifactory::report::view::{
    CanBreak, ControlRow, Controls, ImageRow, Images, Leftover, PlanStep, PlanVerdict, Planned, Shown, Swept, builds,
    controls, diff, images, plan, show, sweep,
};
use amifactory::report::{Style, json};
use insta::assert_snapshot;
use std::collections::BTreeMap;
use std::path::Path;

/// No escape may reach a terminal but the colours asked for.
fn assert_harmless(text: &str) {
    let bare = ["0", "1", "2", "31", "32", "33", "36"]
        .iter()
        .fold(text.to_owned(), |text, code| text.replace(&format!("\u{1b}[{code}m"), ""));
    let bad: Vec<char> =
        bare.chars().filter(|c| (c.is_control() && *c != '\n') || "\u{202e}\u{200b}\u{feff}".contains(*c)).collect();
    assert!(bad.is_empty(), "{bad:?} in {text}");
}

#[test]
fn summary_of_a_built_image() {
    let (result, record) = (fixture::result(Outcome::Built), fixture::record());
    let (channel, previous) = ("dev".parse().unwrap(), "img-00000000feedbeef".parse().unwrap());
    let finished = Finished {
        result: &result,
        record: Some(&record),
        channel: Some(&channel),
        unpublished: None,
        evidence: Some(Path::new(".amifactory/evidence/img-0a1b2c3d4e5f6071")),
        previous: Some(&previous),
    };
    assert_snapshot!(summary(&finished, Style::PLAIN));
    let painted = summary(&finished, Style { color: true, width: 80 });
    for width in [70, 80, 120] {
        let text = summary(&finished, Style { color: true, width });
        let widest = text.lines().max_by_key(|line| console::measure_text_width(line)).unwrap();
        assert!(console::measure_text_width(widest) <= width, "{width}: {widest}");
    }
    assert!(painted.contains("\u{1b}[32m✓"));
    assert_harmless(&painted);
    let nowhere = Finished { channel: None, unpublished: Some(&channel), ..finished };
    assert_snapshot!("summary_of_an_image_that_no_channel_names", summary(&nowhere, Style::PLAIN));
}

#[test]
fn summary_of_a_refused_image() {
    let (mut result, record) = (fixture::result(Outcome::Refused), fixture::refused_record());
    result.unmet = record.gate.unmet.clone();
    let evidence = Some(Path::new(".amifactory/evidence/img-0a1b2c3d4e5f6071"));
    let finished =
        Finished { result: &result, record: Some(&record), channel: None, unpublished: None, evidence, previous: None };
    assert_snapshot!(summary(&finished, Style::PLAIN));
    result.image = None;
    let gone = Finished {
        result: &result,
        record: Some(&record),
        channel: None,
        unpublished: None,
        evidence: None,
        previous: None,
    };
    assert_snapshot!("summary_of_an_image_that_was_refused_and_is_gone", summary(&gone, Style::PLAIN));
}

#[test]
fn an_audit_that_broke_before_its_first_look_is_told_by_what_it_said() {
    let (result, mut record) = (fixture::result(Outcome::Refused), fixture::refused_record());
    let control = record.controls.iter_mut().find(|control| control.slug.as_str() == "account-lockout").unwrap();
    control.after[0].checks.clear();
    control.after[0].output = "awk: no such file\nthe audit broke (exit status 2): 0 can be read\n".into();
    let finished = Finished {
        result: &result,
        record: Some(&record),
        channel: None,
        unpublished: None,
        evidence: None,
        previous: None,
    };
    let text = summary(&finished, Style::PLAIN);
    assert!(
        text.contains("account-lockout\n               the audit broke (exit status 2): 0 can be read\n"),
        "{text}"
    );
}

#[test]
fn summary_of_an_image_that_is_up_to_date() {
    let mut result = fixture::result(Outcome::UpToDate);
    result.reasons = vec!["base, groups, controls, parameters and tool are those of this image".into()];
    let finished =
        Finished { result: &result, record: None, channel: None, unpublished: None, evidence: None, previous: None };
    assert_snapshot!(summary(&finished, Style::PLAIN));
}

#[test]
fn summary_of_a_failed_build() {
    let mut result = fixture::result(Outcome::Failed);
    result.failure = Some(fixture::failure());
    let finished =
        Finished { result: &result, record: None, channel: None, unpublished: None, evidence: None, previous: None };
    let text = summary(&finished, Style::PLAIN);
    assert_harmless(&text);
    assert_snapshot!(text);
    assert_harmless(&failure(&fixture::failure(), Style { color: true, width: 80 }));
}

#[test]
fn one_line_for_each_outcome() {
    let of = |outcome| {
        let mut result = fixture::result(outcome);
        result.failure = (outcome == Outcome::Failed).then(fixture::failure);
        result.unmet = vec!["score 60.0 is below the minimum of 90.0".into(); usize::from(outcome == Outcome::Refused)];
        brief(&result)
    };
    let all = [Outcome::Built, Outcome::UpToDate, Outcome::Refused, Outcome::Failed].map(of).concat();
    assert_snapshot!(all);
}

#[test]
fn after_an_interruption() {
    let local = (TargetKind::Local, "");
    assert_snapshot!(interrupted(&["web-tier-5d0c2f7a91be-1".parse().unwrap()], local, Style::PLAIN));
    assert_eq!(interrupted(&[], local, Style::PLAIN), "! interrupted: no build was under way\n");
    // A service goes on without us, and what it makes costs.
    let service = (TargetKind::ImageBuilder, " --target imagebuilder");
    assert_snapshot!(
        "by_image_builder",
        interrupted(&["web-tier-5d0c2f7a91be-ib1".parse().unwrap()], service, Style::PLAIN)
    );
}

fn row() -> ImageRow {
    let record = fixture::record();
    ImageRow {
        image: fixture::image(),
        recipe: record.recipe,
        version: record.version,
        digest: record.digest,
        arch: Some(record.base.arch),
        state: "verified".into(),
        created_at: "2025-06-01T10:00:31.25Z".into(),
        target: record.target,
        tags: BTreeMap::from([("amifactory:recipe".into(), "web-tier".into())]),
        channels: vec!["dev".parse().unwrap()],
    }
}

#[test]
fn list_of_images() {
    let list = Images {
        images: vec![
            row(),
            ImageRow {
                recipe: "cis-base".parse().unwrap(),
                image: "img-ffffffff00000000".parse().unwrap(),
                version: "10.0.3".parse().unwrap(),
                state: "refused".into(),
                channels: vec![],
                ..row()
            },
        ],
    };
    assert_snapshot!(images(&list, Style { width: 120, ..Style::PLAIN }));
    assert_snapshot!("no_images", images(&Images { images: vec![] }, Style::PLAIN));
}

#[test]
fn a_list_that_is_cut_says_where_the_rest_is() {
    let mut record = fixture::record();
    record.controls = fixture::controls();
    record.controls.iter_mut().for_each(|control| control.status = Status::Fail);
    let left = record.controls.len() - 5;
    let mut result = fixture::result(Outcome::Refused);
    let text = |result: &BuildResult| {
        let finished = Finished {
            result,
            record: Some(&record),
            channel: None,
            unpublished: None,
            evidence: None,
            previous: None,
        };
        summary(&finished, Style::PLAIN)
    };
    let expected = format!("and {left} more: amifactory show img-0a1b2c3d4e5f6071\n");
    assert!(text(&result).contains(&expected), "{}", text(&result));
    result.image = None;
    let expected = format!("and {left} more: amifactory report web-tier-5d0c2f7a91be-1 --html report.html\n");
    assert!(text(&result).contains(&expected), "{}", text(&result));
    result.warnings = vec!["the waiver \u{1b}[2J comes too late".into()];
    assert!(text(&result).contains("warning    the waiver"), "{}", text(&result));
    assert_harmless(&text(&result));
}

#[test]
fn one_image() {
    let record = fixture::refused_record();
    let text = show(&row(), &record, true, Style { width: 120, ..Style::PLAIN });
    assert_harmless(&text);
    assert_snapshot!(text);
    let short = show(&row(), &record, false, Style::PLAIN);
    assert!(!short.contains("passwd-permissions") && short.contains("3 passed (--all lists them)"), "{short}");
    // What it can break is said although the control passes.
    assert!(short.contains("snap: No <snap> can be mounted any more."), "{short}");
}

#[test]
fn one_image_as_json_has_the_fields_that_are_promised() {
    let (row, record) = (row(), fixture::record());
    let mut line = Vec::new();
    json::result(&mut line, &Shown::of(&row, &record)).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(value["event"], "result");
    assert_eq!(value["image"]["image"], "img-0a1b2c3d4e5f6071");
    assert_eq!(value["image"]["channels"][0], "dev");
    let control = &value["controls"][0];
    assert_eq!(control["slug"], "kernel-module-cramfs-disabled");
    assert_eq!(control["ids"]["cis-al2023-1.0.0"], "1.1.1.1");
    assert_eq!((&control["level"], &control["status"]), (&1.into(), &"pass".into()));
    assert_eq!(control["evidence"]["after"][1]["kind"], "runtime");
    assert_eq!(control["breaks"][0], "snap: No <snap> can be mounted any more.");
    assert_eq!(value["packages"][2]["name"], "nginx");
    assert_eq!(value["packages"][2]["version"], "1.22.1-9+deb12u2");
}

#[test]
fn a_plan() {
    let step = |step: &str, what: &str| PlanStep { step: step.into(), what: what.into() };
    let mut planned = Planned {
        recipe: "web-tier".parse().unwrap(),
        version: "1.4.13".parse().unwrap(),
        digest: Digest::of("the next plan of web-tier"),
        outcome: PlanVerdict::Build,
        image: Some(fixture::image()),
        reasons: vec!["group nginx changed: 1.2.0 → 1.3.0".into(), "control avahi-absent changed".into()],
        steps: vec![
            step("launch", "a sandbox on this machine"),
            step("apply", "2 package groups, 61 controls in one bundle"),
        ],
        warnings: vec![
            "`tmp-noexec` is waived, but cis-base, which is below this recipe, applies it: waive it there \u{1b}[2J"
                .into(),
        ],
        can_break: vec![
            CanBreak {
                control: "firewall-default-deny".parse().unwrap(),
                breaks: vec!["network: ports need rules.".into(), "ssm: agents need 443 out.".into()],
            },
            CanBreak {
                control: "network-file-system-absent".parse().unwrap(),
                breaks: vec!["network: mounts of NFS need it.".into()],
            },
        ],
        calls: 14,
        about_s: Some(52.0),
        scripts: Vec::new(),
        revoked: None,
    };
    assert_snapshot!(plan(&planned, Style::PLAIN));
    planned.scripts = ["apply", "seal", "boot-test"].map(|name| format!("scripts/{name}.sh").into()).into();
    assert!(
        plan(&planned, Style::PLAIN)
            .ends_with("\nscripts\n  scripts/apply.sh\n  scripts/seal.sh\n  scripts/boot-test.sh\n")
    );
    (planned.outcome, planned.steps, planned.scripts) = (PlanVerdict::UpToDate, vec![], vec![]);
    planned.reasons = vec!["nothing changed since this image".into()];
    assert_snapshot!("a_plan_with_nothing_to_do", plan(&planned, Style::PLAIN));
    let revoked = Planned {
        revoked: Some("a key was left in it".into()),
        reasons: vec![
            "nothing has changed since 1.4.13".into(),
            "1.4.13 is revoked: a key was left in it; so a build is refused, and with --force makes another".into(),
        ],
        warnings: Vec::new(),
        can_break: Vec::new(),
        ..planned.clone()
    };
    assert_snapshot!("a_plan_of_what_is_revoked", plan(&revoked, Style::PLAIN));
    let value = serde_json::to_value(&planned).unwrap();
    assert_eq!(value["outcome"], "up-to-date");
    assert_eq!(value["can_break"][1]["breaks"][0], "network: mounts of NFS need it.");
}

#[test]
fn a_comparison() {
    let (a, b) = (fixture::record(), fixture::newer_record());
    let (a_id, b_id) = (fixture::image(), "img-1111111122222222".parse().unwrap());
    let difference = ImageDiff::between((&a_id, &a), (&b_id, &b));
    assert_snapshot!(diff(&difference, Style::PLAIN));
    let same = ImageDiff::between((&a_id, &a), (&a_id, &a));
    assert!(same.is_empty());
    assert_snapshot!("a_comparison_of_equals", diff(&same, Style::PLAIN));
    // Every change turned round is the way back.
    let back = ImageDiff::between((&b_id, &b), (&a_id, &a));
    let turned: Vec<_> = back.packages.iter().map(|c| (c.name.clone(), c.to.clone(), c.from.clone())).collect();
    let straight: Vec<_> = difference.packages.iter().map(|c| (c.name.clone(), c.from.clone(), c.to.clone())).collect();
    assert_eq!(turned, straight);
}

#[test]
fn what_was_left_behind() {
    let mut swept = Swept {
        found: vec![Leftover {
            kind: "builder".into(),
            id: "builder-web-tier-5d0c2f7a91be-1".into(),
            build: Some("web-tier-5d0c2f7a91be-1".into()),
            created_at: "2025-06-01T10:00:00Z".into(),
            why: "its build's process is gone".into(),
        }],
        removed: false,
        ..Swept::default()
    };
    assert_snapshot!(sweep(&swept, Style { width: 140, ..Style::PLAIN }));
    let young = Leftover {
        kind: "builder".into(),
        id: "i-0123456789abcdef0".into(),
        build: Some("app-0123456789ab-1".into()),
        created_at: "2025-06-01T11:58:00Z".into(),
        why: "another machine began it and may be at work".into(),
    };
    let both = Swept { spared: vec![young], ..swept.clone() };
    assert_snapshot!("what_may_be_at_work_elsewhere", sweep(&both, Style { width: 140, ..Style::PLAIN }));
    swept.removed = true;
    assert!(sweep(&swept, Style::PLAIN).contains("1 thing removed"));
    assert_eq!(sweep(&Swept { removed: true, ..Swept::default() }, Style::PLAIN), "nothing was left behind\n");
    let stays = Leftover { why: "it is in use:\n  it stays\u{1b}[2J".into(), ..swept.found[0].clone() };
    let text = "builder builder-web-tier-5d0c2f7a91be-1 could not be removed\n  it is in use: it stays\\u{1b}[2J\n";
    let failed = Swept { failed: vec![stays.clone()], ..swept.clone() };
    assert!(sweep(&failed, Style::PLAIN).ends_with(&format!("1 thing removed\n{text}")));
    let alone = Swept { failed: vec![stays], removed: true, ..Swept::default() };
    assert_eq!(sweep(&alone, Style::PLAIN), format!("0 things removed\n{text}"));
}

#[test]
fn the_catalogue() {
    let rows = fixture::controls().into_iter().map(|control| ControlRow {
        slug: control.slug,
        title: control.title,
        ids: control.ids,
        level: control.level,
        section: control.section,
        families: vec!["debian-12".parse().unwrap()],
        breaks: control.breaks,
    });
    assert_snapshot!(controls(&Controls { controls: rows.collect() }, Style { width: 140, ..Style::PLAIN }));
}

#[test]
fn several_builds() {
    let mut failed = fixture::result(Outcome::Failed);
    failed.failure = Some(fixture::failure());
    (failed.version, failed.score) = (None, None);
    let results = [fixture::result(Outcome::Built), failed, fixture::result(Outcome::UpToDate)];
    let text = builds(&results, Style::PLAIN);
    assert_harmless(&text);
    assert_snapshot!(text);
}
