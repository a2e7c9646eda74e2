//! Events as lines and as JSON.

use super::fixture;
use amifactory::identity::{BuildId, Digest};
use amifactory::pipeline::{Event, Outcome, Sink};
use amifactory::report::ecs::Ecs;
use amifactory::report::json::{self, Builds, Json};
use amifactory::report::lines::Lines;
use insta::assert_snapshot;
use std::io::Write;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn build() -> BuildId {
    "web-tier-5d0c2f7a91be-1".parse().unwrap()
}

/// One of each.
fn events() -> Vec<Event> {
    let record = fixture::record();
    let (recipe, version, digest) = (record.recipe, record.version, record.digest);
    vec![
        Event::UpToDate {
            recipe: "cis-base".parse().unwrap(),
            image: fixture::image(),
            version,
            digest: Digest::of("base"),
        },
        Event::Waiting { recipe: recipe.clone(), holder: "process 4711, for 12 s".into() },
        Event::BuildStarted { build: build(), recipe, version, digest, target: record.target },
        Event::Notice { build: Some(build()), text: format!("odd: {}", fixture::HOSTILE) },
        Event::StepStarted { build: build(), step: "launch" },
        Event::StepFinished { build: build(), step: "launch", ms: 12, repeated: true },
        Event::StepStarted { build: build(), step: "apply" },
        Event::StepProgress {
            build: build(),
            step: "apply",
            done: 3,
            total: 63,
            detail: "control avahi-absent".into(),
        },
        Event::StepFinished { build: build(), step: "apply", ms: 12_345, repeated: false },
        Event::StepFailed { build: build(), step: "audit", failure: fixture::failure() },
        Event::BuildFinished(Box::new(fixture::result(Outcome::Built))),
    ]
}

#[test]
fn one_plain_line_per_event() {
    let out = Shared::default();
    let sink = Lines::new(out.clone(), true);
    events().iter().for_each(|event| sink.event(event));
    sink.close();
    let text = out.text();
    assert_eq!(text.lines().count(), events().len(), "{text}");
    // The time of day is not the same twice; it is 20 characters and 2 blanks.
    let stamped = |line: &str| line.len() > 22 && line.as_bytes()[10] == b'T' && line.as_bytes()[19] == b'Z';
    assert!(text.lines().all(stamped), "{text}");
    assert_snapshot!(text.lines().map(|line| &line[22..]).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_log_store_gets_one_object_per_line_with_the_build_in_each() {
    let out = Shared::default();
    let sink = Ecs::new(out.clone());
    events().iter().for_each(|event| sink.event(event));
    sink.ended("build", 1, Some("it failed"), std::time::Duration::from_millis(1500));
    let mut lines: Vec<serde_json::Value> =
        out.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &mut lines {
        let line = line.as_object_mut().unwrap();
        let at = line.remove("@timestamp").unwrap();
        assert!(at.as_str().unwrap().starts_with("20") && at.as_str().unwrap().ends_with('Z'), "{at}");
        // What a store has by the schema.
        assert!(line["log"]["level"].is_string() && line["ecs"]["version"].is_string(), "{line:?}");
        // The process and the version of the program are not the same in every run of this test.
        let _ =
            line.get_mut("process").and_then(|process| process.as_object_mut()).map(|process| process.remove("pid"));
        line["service"].as_object_mut().unwrap().remove("version");
    }
    // What is of no build is of this run.
    let run = lines.last().unwrap()["trace"]["id"].as_str().unwrap().to_owned();
    assert!(run.starts_with("run-") && run.len() == 20, "{run}");
    for line in lines.iter_mut().filter(|line| line["trace"]["id"] == *run) {
        line["trace"]["id"] = "run-…".into();
    }
    assert_eq!(lines.len(), events().len() + 1);
    let of_build = lines.iter().filter(|line| line["trace"]["id"] == build().as_str()).count();
    assert_eq!(of_build, events().len() - 2, "all but what is of no build");
    let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
    assert_snapshot!(text.join("\n"));
}

#[test]
fn one_object_per_line_and_the_result_last() {
    let out = Shared::default();
    let sink = Json::new(out.clone());
    events().iter().for_each(|event| sink.event(event));
    json::result(out.clone(), &fixture::result(Outcome::Built)).unwrap();
    let text = out.text();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), events().len() + 1);
    let (last, others) = lines.split_last().unwrap();
    assert!(others.iter().all(|line| line["at"].is_string() && line["event"] != "result"));
    assert_eq!(last["event"], "result");
    let shown: Vec<String> = text
        .lines()
        .map(|line| {
            let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
            value.as_object_mut().unwrap().remove("at");
            value.to_string()
        })
        .collect();
    assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_build_result_has_the_fields_that_are_promised() {
    let value = serde_json::to_value(fixture::result(Outcome::UpToDate)).unwrap();
    let fields: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        [
            "build",
            "calls",
            "controls",
            "digest",
            "duration_s",
            "image",
            "outcome",
            "recipe",
            "score",
            "target",
            "version"
        ]
    );
    assert_eq!(value["outcome"], "up-to-date");
    let controls: Vec<&str> = value["controls"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(controls, ["error", "fail", "manual", "not_applicable", "pass", "unknown", "waived"]);
    let mut failed = fixture::result(Outcome::Failed);
    failed.version = None;
    assert!(serde_json::to_value(failed).unwrap()["version"].is_null(), "absent is null, not missing");
}

#[test]
fn several_builds_end_as_the_worst_of_them() {
    let of = |outcomes: &[Outcome]| Builds::of(outcomes.iter().map(|o| fixture::result(*o)).collect(), 1.0);
    use Outcome::{Built, Failed, Refused, UpToDate};
    assert_eq!(of(&[UpToDate, Built, Refused, Failed]).outcome, Failed);
    assert_eq!(of(&[Refused, Built]).outcome, Refused);
    assert_eq!(of(&[UpToDate, Built]).outcome, Built);
    assert_eq!(of(&[UpToDate, UpToDate]).outcome, UpToDate);
    assert_eq!(of(&[Built, Built]).calls, 46);
}

/// A reader that has gone.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_reader_that_went_away_stops_no_build() {
    let sinks: [&dyn Sink; 2] = [&Lines::new(Gone, true), &Json::new(Gone)];
    for sink in sinks {
        events().iter().for_each(|event| sink.event(event));
    }
    assert!(json::result(Gone, &fixture::result(Outcome::Built)).is_err());
}
