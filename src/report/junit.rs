//! Evidence as JUnit XML: one suite per section of the benchmark and one for the tests, so that any CI shows them.
//!
//! Fail is a failure, error is an error; unknown, manual, not applicable and waived are skipped, with the reason: they
//! are not passed, and CI has no other word for that.

use super::{visible, wording};
use crate::hardening::{Audit, ControlEvidence, Status};
use crate::identity::{ImageId, OsFamily};
use crate::target::{ImageRecord, TestRecord};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The whole file.
pub fn junit(image: &ImageId, record: &ImageRecord) -> String {
    let mut sections: BTreeMap<u8, Vec<Case>> = BTreeMap::new();
    for control in &record.controls {
        sections.entry(control.section).or_default().push(Case::of_control(control, record.base.family));
    }
    let mut suites: Vec<(String, Vec<Case>)> =
        sections.into_iter().map(|(section, cases)| (wording::section(section), cases)).collect();
    suites.push(("Tests in the started image".to_owned(), record.tests.iter().map(Case::of_test).collect()));

    let all: Vec<&Case> = suites.iter().flat_map(|(_, cases)| cases).collect();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let name = format!("{} {} ({image})", record.recipe, record.version);
    // Writing to a String can't fail, here and below.
    let _ = writeln!(xml, "<testsuites name=\"{}\"{}>", attribute(&name), counts(&all));
    for (suite, cases) in &suites {
        let counts = counts(&cases.iter().collect::<Vec<_>>());
        let stamp = match record.provenance.finished_at.as_str() {
            "" => String::new(),
            at => format!(" timestamp=\"{}\"", attribute(at)),
        };
        let _ = writeln!(xml, "  <testsuite name=\"{}\"{counts}{stamp}>", attribute(suite));
        for case in cases {
            case.write(suite, &mut xml);
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

struct Case {
    name: String,
    seconds: f64,
    verdict: Verdict,
    output: String,
}

enum Verdict {
    Passed,
    Failed { message: String, detail: String },
    Broke { message: String, detail: String },
    Skipped { message: String },
}

impl Case {
    fn of_control(control: &ControlEvidence, family: OsFamily) -> Case {
        let name = format!("{} {}: {}", wording::id(control, family), control.slug, control.title);
        let reason = |word: &str| match (&control.reason, &control.waiver) {
            (_, Some(waiver)) => format!(
                "{word}: {} (owner {}, {}expires {}){}",
                waiver.reason,
                waiver.owner,
                waiver.ticket.as_ref().map(|ticket| format!("ticket {ticket}, ")).unwrap_or_default(),
                waiver.expires,
                wording::stays_applied(control).map(|stays| format!("; {stays}")).unwrap_or_default()
            ),
            (Some(reason), None) => format!("{word}: {}", wording::implied(control).as_deref().unwrap_or(reason)),
            (None, None) => word.to_owned(),
        };
        let verdict = match control.status {
            Status::Pass => Verdict::Passed,
            Status::Fail => Verdict::Failed { message: message(control, Status::Fail), detail: looks(&control.after) },
            Status::Error => Verdict::Broke { message: message(control, Status::Error), detail: looks(&control.after) },
            other => Verdict::Skipped { message: reason(wording::status(other)) },
        };
        let seconds = control.apply.as_ref().map_or(0.0, |applied| applied.ms as f64 / 1000.0);
        let output = control.apply.as_ref().map(|applied| applied.output.clone()).unwrap_or_default();
        Case { name: name.trim_start().to_owned(), seconds, verdict, output }
    }

    fn of_test(test: &TestRecord) -> Case {
        let verdict = match test.exit {
            0 => Verdict::Passed,
            exit => Verdict::Failed { message: format!("exit status {exit}"), detail: test.output.clone() },
        };
        let output = if test.exit == 0 { test.output.clone() } else { String::new() };
        Case { name: test.name.clone(), seconds: test.ms as f64 / 1000.0, verdict, output }
    }

    fn write(&self, suite: &str, xml: &mut String) {
        let (name, suite) = (attribute(&self.name), attribute(suite));
        let _ = write!(xml, "    <testcase classname=\"{suite}\" name=\"{name}\" time=\"{:.3}\"", self.seconds);
        let mut inside = match &self.verdict {
            Verdict::Passed => String::new(),
            Verdict::Failed { message, detail } => element("failure", message, detail),
            Verdict::Broke { message, detail } => element("error", message, detail),
            Verdict::Skipped { message } => format!("      <skipped message=\"{}\"/>\n", attribute(message)),
        };
        if !self.output.is_empty() {
            let _ = writeln!(inside, "      <system-out>{}</system-out>", content(&self.output));
        }
        match inside.is_empty() {
            true => xml.push_str("/>\n"),
            false => {
                let _ = write!(xml, ">\n{inside}    </testcase>\n");
            }
        }
    }
}

fn element(name: &str, message: &str, detail: &str) -> String {
    format!("      <{name} message=\"{}\">{}</{name}>\n", attribute(message), content(detail))
}

fn counts(cases: &[&Case]) -> String {
    let count = |which: fn(&Verdict) -> bool| cases.iter().filter(|case| which(&case.verdict)).count();
    format!(
        " tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\"",
        cases.len(),
        count(|verdict| matches!(verdict, Verdict::Failed { .. })),
        count(|verdict| matches!(verdict, Verdict::Broke { .. })),
        count(|verdict| matches!(verdict, Verdict::Skipped { .. })),
        cases.iter().map(|case| case.seconds).sum::<f64>()
    )
}

/// The first look that went wrong, in a sentence.
fn message(control: &ControlEvidence, status: Status) -> String {
    let looks = || control.after.iter().flat_map(|audit| &audit.checks);
    match looks().find(|check| check.status == status).or_else(|| looks().find(|check| check.status != Status::Pass)) {
        Some(check) => wording::sentence(check),
        None => control.reason.clone().unwrap_or_else(|| wording::status(status).to_owned()),
    }
}

fn looks(audits: &[Audit]) -> String {
    let mut text = String::new();
    for audit in audits {
        let _ = writeln!(text, "{}", visible::line(&audit.ran));
        for check in &audit.checks {
            let _ = writeln!(text, "  {}: {}", wording::status(check.status), visible::line(&wording::sentence(check)));
        }
        if !audit.output.is_empty() {
            let _ = writeln!(text, "{}", audit.output.trim_end());
        }
    }
    text
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
        out
    })
}

/// `visible` has written out all that XML forbids.
fn attribute(text: &str) -> String {
    escape(&visible::line(text))
}

fn content(text: &str) -> String {
    escape(&visible::block(text))
}
