//! What is printed once a build is over. Each outcome has its form, and each form ends with what to type next.

use super::lines::{name, outcome, revoked};
use super::wrap::{fold, wrap};
use super::{Style, duration, visible, wording};
use crate::hardening::{ControlEvidence, Status};
use crate::identity::{BuildId, Channel, ImageId, TargetKind};
use crate::pipeline::{BuildResult, Failure, Outcome};
use crate::target::ImageRecord;
use console::truncate_str;
use std::path::Path;

/// Width of the names in front of values.
const NAME: usize = 11;
/// Names listed before "and … more".
const LISTED: usize = 5;
/// Lines of a failed command that are shown.
const LAST_LINES: usize = 20;

/// What the summary of one build is made of.
#[derive(Clone, Copy)]
pub struct Finished<'a> {
    /// The result.
    pub result: &'a BuildResult,
    /// The image's record; none where there is no image.
    pub record: Option<&'a ImageRecord>,
    /// The channel that names the image now.
    pub channel: Option<&'a Channel>,
    /// The channel that the recipe does not publish to, although the factory has it: it has no `publish:`.
    pub unpublished: Option<&'a Channel>,
    /// The folder that holds the evidence files.
    pub evidence: Option<&'a Path>,
    /// The recipe's image before this one, to compare with.
    pub previous: Option<&'a ImageId>,
}

/// The summary, in the form that fits the outcome.
pub fn summary(finished: &Finished, style: Style) -> String {
    match finished.result.outcome {
        Outcome::Built => built(finished, style),
        Outcome::UpToDate => up_to_date(finished, style),
        Outcome::Refused => refused(finished, style),
        Outcome::Failed => failed(finished.result, style),
    }
}

/// One line, for `-q`: recipe, version, outcome, image or what went wrong.
pub fn brief(result: &BuildResult) -> String {
    format!("{}  {}\n", name(result), outcome(result))
}

fn built(finished: &Finished, style: Style) -> String {
    let result = finished.result;
    let took = duration::seconds(result.duration_s);
    let mut page = Page::new(style);
    page.head(&style.green("✓"), &name(result), &format!("built on {} in {took}", result.target));
    page.identity(finished);
    page.hardening(finished);
    page.place(finished);
    page.reasons("warning", &result.warnings);
    page.rehearsal(finished);
    if let Some(image) = &result.image {
        let mut next = vec![format!("amifactory show {image}"), report_command(image, result)];
        next.extend(finished.previous.map(|previous| format!("amifactory diff {previous} {image}")));
        page.next(&next);
    }
    page.text
}

fn up_to_date(finished: &Finished, style: Style) -> String {
    let result = finished.result;
    let mut page = Page::new(style);
    page.head(&style.green("✓"), &name(result), "up to date, nothing was started");
    page.identity(finished);
    if finished.record.is_some() {
        page.hardening(finished);
    }
    page.place(finished);
    page.reasons("why", &result.reasons);
    page.reasons("warning", &result.warnings);
    page.rehearsal(finished);
    let mut next = result.image.iter().map(|image| format!("amifactory show {image}")).collect::<Vec<_>>();
    next.push(format!("amifactory build {} --force   builds it all the same", result.recipe));
    page.next(&next);
    page.text
}

fn refused(finished: &Finished, style: Style) -> String {
    let result = finished.result;
    let took = duration::seconds(result.duration_s);
    let mut page = Page::new(style);
    if result.revoked.is_some() {
        page.head(
            &style.red("✗"),
            &name(result),
            "its image is revoked, and nothing has changed since; nothing was started",
        );
        page.reasons("why", &[revoked(result)]);
        page.identity(finished);
        page.place(finished);
        page.reasons("warning", &result.warnings);
        let mut next = result.image.iter().map(|image| format!("amifactory show {image}")).collect::<Vec<_>>();
        next.push(format!("amifactory build {} --force   makes another, with the packages of today", result.recipe));
        page.next(&next);
        return page.text;
    }
    let what = match &result.image {
        // Judged again, and nothing was made.
        Some(_) => "its image is there, and its gate asks for more today; pointers that name it stay".to_owned(),
        None => format!("refused by its gate after {took}; no pointer names this image"),
    };
    page.head(&style.red("✗"), &name(result), &what);
    page.reasons("unmet", &result.unmet);
    page.identity(finished);
    page.hardening(finished);
    page.place(finished);
    page.reasons("warning", &result.warnings);
    let mut next = Vec::new();
    if let Some(image) = &result.image {
        next.push(format!("amifactory show {image}"));
        match finished.evidence {
            // The page is there already.
            Some(folder) => next.push(format!("{}   is for a browser", folder.join("report.html").display())),
            None => next.push(report_command(image, result)),
        }
    }
    let failing = |control: &&ControlEvidence| matches!(control.status, Status::Fail | Status::Error);
    if let Some(control) =
        finished.record.and_then(|record| wording::worst_first(&record.controls).into_iter().find(failing))
    {
        next.push(format!("amifactory controls {}   says what it asks for", control.slug));
    }
    next.push(format!("amifactory build {}   once the controls hold or are waived", result.recipe));
    page.next(&next);
    page.text
}

fn failed(result: &BuildResult, style: Style) -> String {
    let took = duration::seconds(result.duration_s);
    let mut page = Page::new(style);
    page.head(&style.red("✗"), &name(result), &format!("failed after {took} on {}", result.target));
    page.reasons("warning", &result.warnings);
    match &result.failure {
        Some(failure) => page.failure(failure, result.build.as_ref()),
        None => page.next(&[format!("amifactory resume {}", result.recipe)]),
    }
    page.text
}

/// What went wrong outside any build: a base that can't be resolved, a target that can't be used.
pub fn failure(what: &Failure, style: Style) -> String {
    let mut page = Page::new(style);
    page.text.push_str(&format!("{} ", style.red("✗")));
    page.failure(what, None);
    page.text
}

/// After Ctrl-C, with the builds that were cut off; there are none where all that went on was a wait. `target` is where they
/// run; `option` is what a command needs for that, with a blank before it.
pub fn interrupted(builds: &[BuildId], (target, option): (TargetKind, &str), style: Style) -> String {
    let mut page = Page::new(style);
    if builds.is_empty() {
        page.head(&style.yellow("!"), "interrupted:", "no build was under way");
        return page.text;
    }
    // Not "no pointer was changed": a build may be cut off after it was published, while it cleans up.
    let becomes = match target {
        TargetKind::Local | TargetKind::Aws => "`resume` goes on, and a bundle that was cut off starts again",
        TargetKind::ImageBuilder => {
            "what EC2 Image Builder has begun goes on: `resume` takes what it makes;\n  where nothing was begun there yet, run \
             the same build again"
        }
    };
    let what = format!("no pointer names an unfinished image;\n  {becomes}");
    page.head(&style.yellow("!"), "interrupted:", &what);
    let mut next: Vec<String> = builds.iter().map(|build| format!("amifactory resume {build}{option}")).collect();
    next.push(match target {
        TargetKind::Local | TargetKind::Aws => {
            format!("amifactory sweep{option}   lists what the build left behind, to remove it instead")
        }
        TargetKind::ImageBuilder => {
            format!("amifactory sweep{option} --yes   cancels it instead, and removes the rest")
        }
    });
    page.next(&next);
    page.text
}

fn report_command(image: &ImageId, result: &BuildResult) -> String {
    let version = result.version.map(|version| format!("-{version}")).unwrap_or_default();
    format!("amifactory report {image} --html {}{version}.html", result.recipe)
}

/// Text put together line by line.
struct Page {
    text: String,
    style: Style,
}

impl Page {
    fn new(style: Style) -> Page {
        Page { text: String::new(), style }
    }

    fn head(&mut self, mark: &str, name: &str, what: &str) {
        self.text.push_str(&format!("{mark} {} {what}\n", self.style.bold(name)));
    }

    fn field(&mut self, name: &str, value: &str) {
        let padded = format!("{name:<NAME$}");
        for (n, line) in fold(value, self.style.width.saturating_sub(NAME + 2)).iter().enumerate() {
            let name = if n == 0 { self.style.dim(&padded) } else { " ".repeat(NAME) };
            self.text.push_str(&format!("  {name}{line}\n"));
        }
    }

    /// A value that is copied: never broken.
    fn whole(&mut self, name: &str, value: &str) {
        let padded = format!("{name:<NAME$}");
        self.text.push_str(&format!("  {}{value}\n", self.style.dim(&padded)));
    }

    /// A value of several lines under one name.
    fn reasons(&mut self, name: &str, reasons: &[String]) {
        for (n, reason) in reasons.iter().enumerate() {
            self.field(if n == 0 { name } else { "" }, &visible::line(reason));
        }
    }

    fn identity(&mut self, finished: &Finished) {
        let result = finished.result;
        if let Some(image) = &result.image {
            self.field("image", &self.style.cyan(image.as_str()));
        }
        if let Some(digest) = &result.digest {
            self.field("digest", digest.short());
        }
        let Some(record) = finished.record else { return };
        let base = &record.base;
        self.field("base", &format!("{} · {} · {}", visible::line(&base.description), base.family, base.arch));
        let groups: Vec<String> =
            record.groups.iter().map(|group| format!("{} {}", group.name, group.version)).collect();
        self.field("groups", &if groups.is_empty() { "none".to_owned() } else { groups.join(", ") });
        self.field("packages", &record.packages.len().to_string());
    }

    fn hardening(&mut self, finished: &Finished) {
        let result = finished.result;
        let Some(record) = finished.record else {
            return self.field("score", &wording::score(result.score));
        };
        let style = self.style;
        match &record.profile {
            Some(profile) => self.field("profile", &visible::line(profile)),
            None => self.field("profile", "none: this image is not hardened"),
        }
        if !record.controls.is_empty() {
            self.field(
                "score",
                &format!("{}   {}", style.bold(&wording::score_change(record)), wording::judged(&record.tally)),
            );
            if let Some(at_rest) = wording::passed_at_rest(record) {
                self.field("", &at_rest);
            }
            if let Some(beside) = wording::beside(&record.tally) {
                self.field("", &format!("beside it: {beside}"));
            }
            self.controls("failing", finished, record, |control| control.status == Status::Fail);
            self.controls("broken", finished, record, |control| control.status == Status::Error);
        }
        let verdict = wording::painted_verdict(record, style);
        self.field("gate", &format!("{verdict}: {}", wording::gate(record)));
        let passed = record.tests.iter().filter(|test| test.exit == 0).count();
        match record.tests.len() {
            0 => self.field("tests", "none"),
            all if passed == all => {
                self.field("tests", &format!("{} in the started image", style.green(&format!("{all} of {all} passed"))))
            }
            all => self.field("tests", &style.red(&format!("{passed} of {all} passed"))),
        }
    }

    fn controls(
        &mut self,
        name: &str,
        finished: &Finished,
        record: &ImageRecord,
        which: impl Fn(&ControlEvidence) -> bool,
    ) {
        let controls: Vec<_> = wording::worst_first(&record.controls).into_iter().filter(|c| which(c)).collect();
        for (n, control) in controls.iter().take(LISTED).enumerate() {
            let required = if control.required { " (required)" } else { "" };
            let slug = self.style.red(control.slug.as_str());
            self.field(if n == 0 { name } else { "" }, &format!("{slug}{required}"));
            if let Some(why) = wording::why(control) {
                let why = format!("  {}", visible::line(&why));
                self.field("", &truncate_str(&why, self.style.width.saturating_sub(NAME + 2), "…"));
            }
        }
        if controls.len() > LISTED {
            let more = format!("and {} more", controls.len() - LISTED);
            match (&finished.result.image, &finished.result.build) {
                (Some(image), _) => self.field("", &format!("{more}: amifactory show {image}")),
                // Of what was refused before there was an image, the record lies with the build.
                (None, Some(build)) => {
                    self.field("", &format!("{more}: amifactory report {build} --html report.html"));
                }
                (None, None) => self.field("", &more),
            }
        }
    }

    fn place(&mut self, finished: &Finished) {
        if let Some(channel) = finished.channel {
            self.field("channel", channel.as_str());
        }
        if let Some(first) = finished.unpublished {
            let result = finished.result;
            self.field("channel", &format!("none: recipe {} has no `publish: {{channel: {first}}}`", result.recipe));
            if let Some(version) = result.version {
                self.field("", &format!("amifactory promote {}@{version} --to {first} names it there", result.recipe));
            }
        }
        if let Some(evidence) = finished.evidence {
            self.whole("evidence", &visible::line(&evidence.display().to_string()));
        }
    }

    fn rehearsal(&mut self, finished: &Finished) {
        if let Some(text) = finished.record.and_then(wording::rehearsal) {
            self.text.push('\n');
            for line in wrap(&text, self.style.width.min(100).saturating_sub(2)) {
                self.text.push_str(&format!("  {}\n", self.style.dim(&line)));
            }
        }
    }

    fn failure(&mut self, failure: &Failure, build: Option<&BuildId>) {
        let style = self.style;
        self.text.push_str(&format!("  {}\n", style.bold(&visible::block(&failure.what).replace('\n', "\n  "))));
        self.field("at", &visible::line(&failure.resource));
        if let Some(build) = build {
            self.field("build", build.as_str());
        }
        if !failure.last_lines.is_empty() {
            let skipped = failure.last_lines.len().saturating_sub(LAST_LINES);
            let title = if skipped > 0 {
                format!("the last {LAST_LINES} lines it printed")
            } else {
                "what it printed last".to_owned()
            };
            self.text.push_str(&format!("\n  {}\n", style.dim(&title)));
            for line in &failure.last_lines[skipped..] {
                self.text.push_str(&format!("  {} {}\n", style.red("│"), visible::line(line)));
            }
            self.text.push('\n');
        }
        if let Some(log) = &failure.log {
            self.whole("whole log", &visible::line(&log.display().to_string()));
        }
        self.next(std::slice::from_ref(&failure.next));
    }

    fn next(&mut self, commands: &[String]) {
        if commands.is_empty() {
            return;
        }
        self.text.push_str(&format!("\n{}\n", self.style.dim("next")));
        for command in commands {
            self.text.push_str(&format!("  {}\n", visible::line(&wording::pasted(command))));
        }
    }
}
