//! For log stores: one JSON object per line, with the names of the Elastic Common Schema. Elasticsearch needs no mapping
//! for them, and CloudWatch Logs Insights finds the fields by itself.
//!
//! `trace.id` is the build: the same text is in the tag `amifactory:build` of all that the build made, in the comment of
//! its SSM commands, and in what a log group received from its builder. What belongs to no build has the run of the program
//! there: all lines of a check or a roll-out have the same. What the schema has no name for stands under `amifactory`.

mod fleet;

use crate::pipeline::{BuildResult, Event, Outcome, Sink};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The version of the schema whose names these are.
pub const ECS_VERSION: &str = "8.11.0";

/// The sink.
pub struct Ecs<W: Write + Send> {
    out: Mutex<W>,
    /// What is known of each build since it began: later events name the build alone.
    builds: Mutex<BTreeMap<String, Map<String, Value>>>,
    /// This run of the program, for what belongs to no build.
    run: String,
}

impl<W: Write + Send> Ecs<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Ecs<W> {
        Ecs { out: Mutex::new(out), builds: Mutex::default(), run: run_id() }
    }

    /// The last line of a run of the program: which verb it was, and how it ended.
    pub fn ended(&self, verb: &str, code: u8, error: Option<&str>, took: Duration) {
        let (level, outcome) = match (code, error) {
            (0, None) => ("info", "success"),
            (130, _) => ("warn", "unknown"),
            (_, None) => ("warn", "failure"),
            (_, Some(_)) => ("error", "failure"),
        };
        let mut line = Line::new(level, "run-ended", "end", format!("amifactory {verb} ended with exit code {code}"));
        line.event.insert("outcome".into(), outcome.into());
        line.event.insert("duration".into(), nanoseconds(took));
        line.fields.insert("process".into(), json!({"exit_code": code, "pid": std::process::id()}));
        line.labels.insert("verb".into(), verb.into());
        if let Some(error) = error {
            line.fields.insert("error".into(), json!({"message": error}));
        }
        self.write(line);
    }

    fn write(&self, mut line: Line) {
        line.build.get_or_insert_with(|| self.run.clone());
        let text = format!("{}\n", line.document(OffsetDateTime::now_utc()));
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // At once, so that lines of several processes in one file stay whole. A full disk stops no build.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

impl<W: Write + Send> Sink for Ecs<W> {
    fn event(&self, event: &Event) {
        let mut line = Line::of(event);
        if let Some(build) = line.build.clone() {
            let mut builds = self.builds.lock().unwrap_or_else(PoisonError::into_inner);
            if matches!(event, Event::BuildStarted { .. }) {
                builds.insert(build.clone(), line.labels.clone());
            }
            for (key, value) in builds.get(&build).into_iter().flatten() {
                line.labels.entry(key.clone()).or_insert_with(|| value.clone());
            }
            if matches!(event, Event::BuildFinished(_)) {
                builds.remove(&build);
            }
        }
        self.write(line);
    }
}

/// Told apart from other runs by chance alone: no counter is shared between machines.
fn run_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("run-{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// One line before it gets its time.
struct Line {
    level: &'static str,
    message: String,
    /// The build that it is about; where there is none, the run.
    build: Option<String>,
    event: Map<String, Value>,
    labels: Map<String, Value>,
    /// What else stands at the top.
    fields: Map<String, Value>,
}

impl Line {
    /// `kind` is one of the schema's values of `event.type`.
    fn new(level: &'static str, action: &str, kind: &str, message: String) -> Line {
        let mut event = Map::new();
        event.insert("action".into(), action.into());
        event.insert("type".into(), json!([kind]));
        Line { level, message, build: None, event, labels: Map::new(), fields: Map::new() }
    }

    fn build(mut self, build: impl ToString) -> Line {
        self.build = Some(build.to_string());
        self
    }

    fn label(mut self, key: &str, value: impl ToString) -> Line {
        self.labels.insert(key.into(), value.to_string().into());
        self
    }

    fn outcome(mut self, outcome: &str, took: Option<Duration>) -> Line {
        self.event.insert("outcome".into(), outcome.into());
        if let Some(took) = took {
            self.event.insert("duration".into(), nanoseconds(took));
        }
        self
    }

    fn failed(mut self, failure: &crate::pipeline::Failure) -> Line {
        self.fields.insert("error".into(), json!({"message": failure.what}));
        if let Some(log) = &failure.log {
            self.fields.insert("log.file.path".into(), log.display().to_string().into());
        }
        let own = json!({"last_lines": failure.last_lines, "next": failure.next});
        self.fields.insert("amifactory".into(), own);
        self.label("resource", &failure.resource)
    }

    fn of(event: &Event) -> Line {
        match event {
            Event::BuildStarted { build, recipe, version, digest, target } => {
                let message = format!("build {build} of {recipe} {version} begins on {target}");
                let line = Line::new("info", "build-started", "start", message).build(build);
                let line = line.label("recipe", recipe).label("version", version).label("digest", digest);
                line.label("target", target)
            }
            Event::UpToDate { recipe, image, version, digest } => {
                let message = format!("{recipe} {version} is up to date: {image}");
                let line = Line::new("info", "up-to-date", "info", message).label("recipe", recipe);
                line.label("version", version).label("digest", digest).label("image", image).outcome("success", None)
            }
            Event::Waiting { recipe, holder } => {
                Line::new("info", "waiting", "info", format!("{recipe} waits for {holder}")).label("recipe", recipe)
            }
            Event::StepStarted { build, step } => {
                Line::new("info", "step-started", "start", format!("{step} begins")).build(build).label("step", step)
            }
            Event::StepProgress { build, step, done, total, detail } => {
                let message = format!("{step}: {detail} ({done} of {total})");
                Line::new("debug", "step-progress", "info", message)
                    .build(build)
                    .label("step", step)
                    .label("part", detail)
            }
            Event::StepFinished { build, step, ms, repeated } => {
                let message = format!("{step} is done{}", if *repeated { ", as it was before" } else { "" });
                let line = Line::new("info", "step-finished", "end", message).build(build).label("step", step);
                line.outcome("success", Some(Duration::from_millis(*ms)))
            }
            Event::StepFailed { build, step, failure } => {
                let line = Line::new("error", "step-failed", "error", format!("{step} failed: {}", failure.what));
                line.build(build).label("step", step).outcome("failure", None).failed(failure)
            }
            Event::Notice { build, text } => {
                let mut line = Line::new("warn", "notice", "info", text.clone());
                line.build = build.as_ref().map(ToString::to_string);
                line
            }
            Event::RolloutStep { recipe, channel, group, text } => {
                let line = Line::new("info", "rollout-step", "change", text.clone());
                let line = line.label("recipe", recipe).label("channel", channel);
                group.iter().fold(line, |line, group| line.label("group", group))
            }
            Event::BuildFinished(result) => Line::of_result(result),
        }
    }

    fn of_result(result: &BuildResult) -> Line {
        let (level, outcome) = match result.outcome {
            Outcome::Built | Outcome::UpToDate => ("info", "success"),
            Outcome::Refused => ("warn", "failure"),
            Outcome::Failed => ("error", "failure"),
        };
        let message = format!("{}: {}", result.recipe, result.outcome.as_str());
        let mut line = Line::new(level, "build-finished", "end", message).label("recipe", &result.recipe);
        line.build = result.build.as_ref().map(ToString::to_string);
        if let Some(failure) = &result.failure {
            line = line.failed(failure);
        }
        let took = Duration::try_from_secs_f64(result.duration_s).ok();
        line = line.label("outcome", result.outcome.as_str()).label("target", result.target).outcome(outcome, took);
        for (key, value) in [
            ("version", result.version.map(|version| version.to_string())),
            ("digest", result.digest.as_ref().map(ToString::to_string)),
            ("image", result.image.as_ref().map(ToString::to_string)),
        ] {
            line.labels.extend(value.map(|value| (key.to_owned(), Value::from(value))));
        }
        let own = line.fields.entry("amifactory").or_insert_with(|| json!({}));
        own["score"] = json!(result.score);
        own["controls"] = json!(result.controls);
        own["calls"] = result.calls.into();
        if !result.unmet.is_empty() {
            own["unmet"] = json!(result.unmet);
        }
        if !result.reasons.is_empty() {
            line.event.insert("reason".into(), result.reasons.join("; ").into());
        }
        line
    }

    fn document(mut self, at: OffsetDateTime) -> Value {
        self.event.insert("kind".into(), "event".into());
        self.event.insert("category".into(), json!(["process"]));
        self.event.insert("dataset".into(), "amifactory".into());
        let mut log = json!({"level": self.level});
        if let Some(path) = self.fields.remove("log.file.path") {
            log["file"] = json!({"path": path});
        }
        let mut line = json!({
            // A year beyond 9999 can't be written; without a time a store takes that of its arrival.
            "@timestamp": at.format(&Rfc3339).unwrap_or_default(),
            "message": self.message,
            "ecs": {"version": ECS_VERSION},
            "service": {"name": "amifactory", "version": env!("CARGO_PKG_VERSION")},
            "log": log,
            "event": self.event,
        });
        if let Some(build) = self.build {
            line["trace"] = json!({"id": build});
        }
        if !self.labels.is_empty() {
            line["labels"] = self.labels.into();
        }
        for (key, value) in self.fields {
            line[key] = value;
        }
        line
    }
}

/// As `event.duration` has it.
fn nanoseconds(took: Duration) -> Value {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).into()
}
