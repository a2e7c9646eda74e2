//! Where there is no terminal: one plain line per event, with the time and how long the build has been going.
//!
//! Parts of a step (one control, one package group) would be hundreds of lines: they get one at most every
//! [`SPARSE`] unless all are asked for. A step that says nothing for long is reported at least every [`SILENCE`].
//! That a step has started is told once it has taken [`SLOW`]; that it is done, unless it took less than [`QUICK`].

use super::running::Running;
use super::ticker::Ticker;
use super::{duration, visible, wording};
use crate::identity::{BuildId, RecipeName};
use crate::pipeline::{BuildResult, Event, Outcome, Sink};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use time::macros::format_description;

/// Between two lines about parts of the same step.
pub const SPARSE: Duration = Duration::from_secs(5);
/// The longest time that a running build says nothing.
pub const SILENCE: Duration = Duration::from_secs(15);
/// From here on a step's beginning is worth a line.
const SLOW: Duration = Duration::from_secs(1);
/// In milliseconds: a step that took less is not worth any.
const QUICK: u64 = 100;
const LOOK: Duration = Duration::from_secs(1);

/// The sink.
pub struct Lines<W: Write + Send + 'static> {
    shared: Arc<Mutex<Shared<W>>>,
    begun: Instant,
    // Held for its Drop, which ends the heartbeat.
    ticker: Mutex<Option<Ticker>>,
}

struct Shared<W> {
    teller: Teller,
    out: W,
}

impl<W: Write> Shared<W> {
    fn write(&mut self, lines: Vec<String>) {
        for line in lines {
            // A reader that went away stops no build.
            let _ = writeln!(self.out, "{}  {line}", timestamp(OffsetDateTime::now_utc()));
        }
        let _ = self.out.flush();
    }
}

fn timestamp(at: OffsetDateTime) -> String {
    // Formatting a date with these fields can't fail; an empty stamp would still be a line.
    at.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z")).unwrap_or_default()
}

impl<W: Write + Send + 'static> Lines<W> {
    /// Writes to `out`; with `all_parts` every part of every step has its line.
    pub fn new(out: W, all_parts: bool) -> Lines<W> {
        let begun = Instant::now();
        let shared = Arc::new(Mutex::new(Shared { teller: Teller::new(all_parts), out }));
        let beating = Arc::clone(&shared);
        let ticker = Ticker::every(LOOK, move || {
            let mut shared = beating.lock().unwrap_or_else(PoisonError::into_inner);
            let lines = shared.teller.heartbeat(begun.elapsed());
            if !lines.is_empty() {
                shared.write(lines);
            }
        });
        Lines { shared, begun, ticker: Mutex::new(Some(ticker)) }
    }
}

impl<W: Write + Send + 'static> Sink for Lines<W> {
    fn event(&self, event: &Event) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = shared.teller.tell(event, self.begun.elapsed());
        shared.write(lines);
    }

    fn close(&self) {
        drop(self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Decides what to say and when; knows no clock and no file.
struct Teller {
    running: Running,
    said: BTreeMap<BuildId, Duration>,
    said_waiting: BTreeMap<RecipeName, Duration>,
    /// Builds whose step at hand was told of.
    told_step: BTreeSet<BuildId>,
    all_parts: bool,
}

impl Teller {
    fn new(all_parts: bool) -> Teller {
        Teller {
            running: Running::default(),
            said: BTreeMap::new(),
            said_waiting: BTreeMap::new(),
            told_step: BTreeSet::new(),
            all_parts,
        }
    }

    fn tell(&mut self, event: &Event, now: Duration) -> Vec<String> {
        self.running.note(event, now);
        let line = match event {
            Event::BuildStarted { build, digest, target, .. } => {
                self.about(build, now, format!("build {build} started on {target}, digest {}", digest.short()))
            }
            Event::UpToDate { recipe, image, version, digest } => line(
                Duration::ZERO,
                &format!("{recipe} {version}"),
                &format!("up to date: {image}, digest {}", digest.short()),
            ),
            Event::Waiting { recipe, holder } => {
                self.said_waiting.insert(recipe.clone(), now);
                line(Duration::ZERO, recipe.as_str(), &format!("waiting for {}", visible::line(holder)))
            }
            Event::StepStarted { build, step } => {
                self.told_step.remove(build);
                if !self.all_parts {
                    return Vec::new();
                }
                self.told_step.insert(build.clone());
                self.about(build, now, format!("{step}: started"))
            }
            Event::StepProgress { build, step, done, total, detail } => {
                let too_soon = self.said.get(build).is_some_and(|said| now.saturating_sub(*said) < SPARSE);
                if !self.all_parts && (too_soon || self.is_young(build, now)) {
                    return Vec::new();
                }
                self.told_step.insert(build.clone());
                self.about(build, now, format!("{step}: {}{}", parts(*done, *total), visible::line(detail)))
            }
            Event::StepFinished { build, step, repeated: true, .. } => {
                self.about(build, now, format!("{step}: had been done"))
            }
            Event::StepFinished { build, step, ms, .. } => {
                if *ms < QUICK && !self.all_parts && !self.told_step.contains(build) {
                    return Vec::new();
                }
                self.about(build, now, format!("{step}: done in {}", duration::human(Duration::from_millis(*ms))))
            }
            Event::StepFailed { build, step, failure } => {
                self.about(build, now, format!("{step}: failed: {}", visible::first_line(&failure.what)))
            }
            Event::Notice { build: Some(build), text } => {
                self.about(build, now, format!("note: {}", visible::joined(text)))
            }
            Event::Notice { build: None, text } | Event::RolloutStep { text, .. } => {
                line(now, "-", &format!("note: {}", visible::joined(text)))
            }
            // Its own event has told of it already.
            Event::BuildFinished(result) if result.outcome == Outcome::UpToDate => return Vec::new(),
            Event::BuildFinished(result) => self.finished(result, now),
        };
        vec![line]
    }

    /// Whether the step at hand has only just begun.
    fn is_young(&self, build: &BuildId, now: Duration) -> bool {
        let step = self.running.builds.get(build).and_then(|build| build.step.as_ref());
        step.is_some_and(|step| now.saturating_sub(step.started) < SLOW)
    }

    fn about(&mut self, build: &BuildId, now: Duration, text: String) -> String {
        self.said.insert(build.clone(), now);
        let since = self.running.builds.get(build).map_or(now, |build| build.started);
        line(now.saturating_sub(since), &self.running.label(build), &text)
    }

    fn finished(&mut self, result: &BuildResult, now: Duration) -> String {
        let elapsed = match self.running.finish(result) {
            Some((id, build)) => {
                self.said.remove(&id);
                now.saturating_sub(build.started)
            }
            None => Duration::ZERO,
        };
        line(elapsed, &name(result), &outcome(result))
    }

    fn heartbeat(&mut self, now: Duration) -> Vec<String> {
        // Looked at once per LOOK: what would be too late at the next look is said at this one.
        let due = |said: &Duration| now.saturating_sub(*said) + LOOK >= SILENCE;
        // A build that was started anew is known under another id.
        let builds = &self.running.builds;
        self.said.retain(|build, _| builds.contains_key(build));
        self.told_step.retain(|build| builds.contains_key(build));
        let mut lines = Vec::new();
        let begun: Vec<(BuildId, &'static str)> = builds
            .iter()
            .filter_map(|(id, build)| build.step.as_ref().map(|step| (id, step)))
            .filter(|(id, step)| now.saturating_sub(step.started) >= SLOW && !self.told_step.contains(*id))
            .map(|(id, step)| (id.clone(), step.name))
            .collect();
        for (build, step) in begun {
            lines.push(self.about(&build, now, format!("{step}: started")));
            self.told_step.insert(build);
        }
        let silent: Vec<BuildId> =
            self.said.iter().filter(|(_, said)| due(said)).map(|(build, _)| build.clone()).collect();
        for build in silent {
            let text = match self.running.builds.get(&build).and_then(|build| build.step.as_ref()) {
                Some(step) => format!(
                    "{}: still at {}{}, for {}",
                    step.name,
                    parts(step.done, step.total),
                    if step.detail.is_empty() { "work" } else { &step.detail },
                    duration::ticking(now.saturating_sub(step.started))
                ),
                None => "still at work".to_owned(),
            };
            lines.push(self.about(&build, now, text));
        }
        for (recipe, wait) in &self.running.waiting {
            let said = self.said_waiting.entry(recipe.clone()).or_insert(now);
            if due(said) {
                *said = now;
                let since = now.saturating_sub(wait.since);
                lines.push(line(since, recipe.as_str(), &format!("still waiting for {}", wait.holder)));
            }
        }
        lines
    }
}

fn line(elapsed: Duration, label: &str, text: &str) -> String {
    format!("{:>7}  {label}  {text}", duration::human(elapsed))
}

fn parts(done: usize, total: usize) -> String {
    if total == 0 { String::new() } else { format!("{done}/{total} ") }
}

/// Recipe and, where there is one, version.
pub(super) fn name(result: &BuildResult) -> String {
    match result.version {
        Some(version) => format!("{} {version}", result.recipe),
        None => result.recipe.to_string(),
    }
}

/// Why its image must not be used, and who said so.
pub(super) fn revoked(result: &BuildResult) -> String {
    let by = result.revoked_by.as_deref().map(|by| match by.split_once(' ') {
        // As the tag has it: when, then who.
        Some((at, who)) if crate::target::moment(at).is_some() => {
            format!(" by {} at {}", visible::line(who), visible::line(at))
        }
        _ => format!(" by {}", visible::line(by)),
    });
    let why = visible::line(result.revoked.as_deref().unwrap_or_default());
    format!("revoked{}: {why}", by.unwrap_or_default())
}

/// How a build ended, in one line.
pub(super) fn outcome(result: &BuildResult) -> String {
    let took = duration::seconds(result.duration_s);
    let image = result.image.as_ref().map_or_else(|| "no image".to_owned(), ToString::to_string);
    match result.outcome {
        Outcome::Built => {
            let score =
                result.score.map_or_else(String::new, |score| format!(", score {}", wording::score(Some(score))));
            format!("built {image} in {took}{score}")
        }
        Outcome::UpToDate => format!("up to date: {image}"),
        Outcome::Refused if result.revoked.is_some() => format!(
            "{}: nothing was started, for nothing has changed since; amifactory build {} --force makes another",
            revoked(result),
            result.recipe
        ),
        Outcome::Refused => format!("refused by its gate after {took}: {}", visible::line(&result.unmet.join("; "))),
        Outcome::Failed => {
            let what = result.failure.as_ref().map_or("", |failure| failure.what.as_str());
            format!("failed after {took}: {}", visible::first_line(what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Digest, TargetKind};

    fn build() -> BuildId {
        "web-tier-0123456789ab-1".parse().unwrap()
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_revoked_was_refused_by_no_gate() {
        let result: BuildResult = serde_json::from_value(serde_json::json!({
            "recipe": "db", "version": "1.0.0", "digest": null, "outcome": "refused", "image": "ami-0123456789abcdef0",
            "target": "aws", "build": null, "controls": crate::hardening::Tally::default(), "score": null,
            "duration_s": 0.1, "calls": 3, "revoked": "CVE-2026-1", "revoked_by": "ada\u{1b}",
        }))
        .unwrap();
        let by = Some("2026-11-21T20:13:54Z arn:aws:iam::1:user/ada".to_owned());
        let dated = BuildResult { revoked_by: by, ..result.clone() };
        assert_eq!(revoked(&dated), "revoked by arn:aws:iam::1:user/ada at 2026-11-21T20:13:54Z: CVE-2026-1");
        assert_eq!(
            outcome(&result),
            "revoked by ada\\u{1b}: CVE-2026-1: nothing was started, for nothing has changed since; amifactory build db \
             --force makes another"
        );
    }

    fn begun(all_parts: bool) -> Teller {
        let mut teller = Teller::new(all_parts);
        let started = Event::BuildStarted {
            build: build(),
            recipe: "web-tier".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            digest: Digest::of(""),
            target: TargetKind::Local,
        };
        teller.tell(&started, at(0));
        teller.tell(&Event::StepStarted { build: build(), step: "apply" }, at(0));
        teller
    }

    fn part(done: usize) -> Event {
        Event::StepProgress { build: build(), step: "apply", done, total: 100, detail: format!("control c{done}") }
    }

    #[test]
    fn parts_of_a_step_are_told_sparsely_unless_all_are_asked_for() {
        let told = |all| {
            let mut teller = begun(all);
            (0..100).map(|n| teller.tell(&part(n), Duration::from_millis(n as u64 * 200)).len()).sum::<usize>()
        };
        assert_eq!(told(true), 100);
        assert_eq!(told(false), 3, "in 20 s, every 5 s");
        let mut teller = begun(false);
        teller.tell(&Event::StepStarted { build: build(), step: "audit" }, at(50));
        let soon = Event::StepProgress { build: build(), step: "audit", done: 1, total: 2, detail: String::new() };
        assert!(teller.tell(&soon, Duration::from_millis(50_500)).is_empty(), "its step may be over in a moment");
    }

    #[test]
    fn a_build_is_never_silent_for_longer_than_promised() {
        let mut teller = begun(false);
        teller.tell(&part(3), Duration::from_millis(500));
        let mut last = at(0);
        for second in 1..100 {
            let lines = teller.heartbeat(at(second));
            if second == 1 {
                assert!(lines[0].ends_with("apply: started"), "{lines:?}");
                last = at(second);
            } else if !lines.is_empty() {
                assert!(
                    lines[0]
                        .ends_with(&format!("apply: still at 3/100 control c3, for {}", duration::ticking(at(second))))
                );
                last = at(second);
            }
            assert!(at(second) - last < SILENCE, "{second}");
        }
    }

    #[test]
    fn quick_steps_are_not_told_of_and_slow_ones_begin_when_they_are_slow() {
        let done = |ms| Event::StepFinished { build: build(), step: "apply", ms, repeated: false };
        let mut teller = begun(false);
        assert!(teller.tell(&done(99), at(0)).is_empty());
        assert!(teller.heartbeat(at(3)).is_empty(), "no step is at hand");
        assert_eq!(begun(false).tell(&done(100), at(0)).len(), 1);
        assert_eq!(begun(true).tell(&done(0), at(0)).len(), 1, "all are asked for");
        let mut teller = begun(false);
        assert_eq!(teller.heartbeat(at(1)), ["   1.0s  web-tier 1.0.0  apply: started"]);
        assert!(teller.heartbeat(at(2)).is_empty(), "once");
        assert_eq!(teller.tell(&done(2000), at(2)).len(), 1);
    }

    #[test]
    fn a_build_that_starts_anew_ends_the_one_before() {
        let mut teller = begun(false);
        let again: BuildId = "web-tier-fedcba987654-1".parse().unwrap();
        let started = Event::BuildStarted {
            build: again.clone(),
            recipe: "web-tier".parse().unwrap(),
            version: "1.0.1".parse().unwrap(),
            digest: Digest::of("anew"),
            target: TargetKind::Local,
        };
        teller.tell(&started, at(5));
        teller.tell(&Event::StepStarted { build: again, step: "launch" }, at(5));
        let told: Vec<String> = (6..40).flat_map(|second| teller.heartbeat(at(second))).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.iter().all(|line| line.contains("web-tier 1.0.1  launch: ")), "{told:?}");
    }

    #[test]
    fn a_failure_is_told_by_its_first_line() {
        let failure = crate::pipeline::Failure {
            what: "the bundle broke\nits last line".into(),
            resource: "bundle".into(),
            last_lines: vec![],
            log: None,
            next: String::new(),
        };
        let line = begun(false).tell(&Event::StepFailed { build: build(), step: "apply", failure }, at(1));
        assert!(line[0].ends_with("apply: failed: the bundle broke"), "{line:?}");
    }

    #[test]
    fn waiting_is_told_again_and_ends_with_the_wait() {
        let mut teller = Teller::new(false);
        let recipe: RecipeName = "web-tier".parse().unwrap();
        teller.tell(&Event::Waiting { recipe: recipe.clone(), holder: "process 7".into() }, at(0));
        assert!(teller.heartbeat(at(5)).is_empty());
        assert_eq!(teller.heartbeat(at(14)), ["  14.0s  web-tier  still waiting for process 7"]);
        let (image, version) = ("img-00000000".parse().unwrap(), "1.0.0".parse().unwrap());
        teller.tell(&Event::UpToDate { recipe, image, version, digest: Digest::of("") }, at(15));
        assert!(teller.heartbeat(at(60)).is_empty());
    }
}
