//! A bundle: one portable sh script that carries many steps to a builder and answers one JSON line per step.

use crate::hardening::Library;
use crate::hardening::shell::{self, NulError};
use crate::identity::Digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::time::Duration;

/// One step of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleStep {
    /// Unique in its bundle: `group/nginx/packages`, `control/<slug>/apply`, `control/<slug>/audit/persisted/0`,
    /// `test/<n>`.
    pub id: String,
    /// What people see while it runs.
    pub title: String,
    /// POSIX sh, all values already quoted. It runs in a subshell that has the functions of `hardening/lib`.
    pub body: String,
    /// Killed after this long. None: only the bundle's own limit holds.
    pub timeout: Option<Duration>,
    /// Whether the bundle goes on after this step failed.
    pub on_failure: OnFailure,
}

/// What a failed step means for the rest of its bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The rest is not run.
    Stop,
    /// The rest is run all the same.
    Continue,
}

/// A rendered bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// What it is for: `apply`, `audit-before`, `audit-after`, `seal`, `tests`.
    pub name: &'static str,
    /// The script.
    pub script: String,
    /// Its steps' ids and titles, in order.
    pub steps: Vec<(String, String)>,
    /// sha256 of the script.
    pub digest: Digest,
}

/// What one step answered: one JSON line on the bundle's standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepResult {
    /// The step's id.
    pub step: String,
    /// Exit status; 124 where the step's time ran out.
    pub rc: i32,
    /// Wall time in milliseconds.
    pub ms: u64,
    /// The last lines of its output, as text (bytes that are not UTF-8 replaced), at most [`TAIL_BYTES`].
    pub out: String,
}

/// How much of a step's output travels with its result. The whole is in the log.
pub const TAIL_BYTES: usize = 4096;

/// For steps without a limit of their own: none outlives the two days that a command of SSM may take.
const UNBOUND: Duration = Duration::from_secs(172_800);

/// One line of a bundle's standard output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunLine {
    /// A step has begun.
    Started(String),
    /// A step has ended.
    Ended(StepResult),
    /// This step failed, and the rest is not run.
    Stopped(String),
    /// Nothing more comes, and nothing is missing.
    End,
}

impl Bundle {
    /// One script from these steps and the functions of the library that they reach: the same bytes for the same steps,
    /// whatever the target. Fails where a step holds what no shell can carry.
    pub fn render(name: &'static str, steps: &[BundleStep], library: &Library) -> Result<Bundle, NulError> {
        Bundle::with_functions(name, steps, &functions_for(&[steps], library))
    }

    /// The same with functions that others need too. What bundles have in common travels once.
    pub fn with_functions(name: &'static str, steps: &[BundleStep], functions: &str) -> Result<Bundle, NulError> {
        let mut script = format!("#!/bin/sh\n# amifactory bundle: {name}\n{functions}af_begin_bundle\n");
        for step in steps {
            let id = shell::quote(&serde_json::Value::from(step.id.as_str()).to_string())?;
            let seconds = step.timeout.unwrap_or(UNBOUND).as_secs().max(1);
            let mode = match step.on_failure {
                OnFailure::Stop => "stop",
                OnFailure::Continue => "continue",
            };
            // Writing to a String can't fail.
            let _ = writeln!(script, "af_step {id} {seconds} {mode} {}", shell::quote(&step.body)?);
        }
        script.push_str("af_end_bundle\n");
        let steps = steps.iter().map(|step| (step.id.clone(), step.title.clone())).collect();
        Ok(Bundle { name, digest: Digest::of(&script), script, steps })
    }
}

/// The functions that the steps of these bundles reach, and those that run them.
pub fn functions_for(bundles: &[&[BundleStep]], library: &Library) -> String {
    let bodies = bundles.iter().flat_map(|steps| steps.iter()).map(|step| step.body.as_str());
    library.functions_for(bodies.chain(["af_begin_bundle af_step af_end_bundle"]))
}

/// What a line of a bundle's standard output says; none where it is not the runner's. Whatever the line holds, this
/// only ever reads it.
pub fn parse_line(line: &str) -> Option<RunLine> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        start: Option<String>,
        step: Option<String>,
        rc: Option<i32>,
        ms: Option<u64>,
        b64: Option<String>,
        stopped: Option<String>,
        end: Option<bool>,
    }
    // The longest true line is the base64 of a tail and an id.
    if line.len() > TAIL_BYTES * 4 {
        return None;
    }
    match serde_json::from_str(line).ok()? {
        Line { start: Some(id), step: None, rc: None, ms: None, b64: None, stopped: None, end: None } => {
            Some(RunLine::Started(id))
        }
        Line {
            start: None,
            step: Some(step),
            rc: Some(rc),
            ms: Some(ms),
            b64: Some(b64),
            stopped: None,
            end: None,
        } => {
            let bytes = STANDARD.decode(&b64).ok()?;
            let out = String::from_utf8_lossy(&bytes).into_owned();
            Some(RunLine::Ended(StepResult { step, rc, ms, out }))
        }
        Line { start: None, step: None, rc: None, ms: None, b64: None, stopped: Some(id), end: None } => {
            Some(RunLine::Stopped(id))
        }
        Line { start: None, step: None, rc: None, ms: None, b64: None, stopped: None, end: Some(true) } => {
            Some(RunLine::End)
        }
        _ => None,
    }
}

/// What a step's result says of its output: its end, at most [`TAIL_BYTES`], bytes that are not UTF-8 replaced.
pub fn tail(output: &[u8]) -> String {
    String::from_utf8_lossy(&output[output.len().saturating_sub(TAIL_BYTES)..]).into_owned()
}

/// The whole output of one step, from a bundle's standard error.
pub fn step_output<'a>(log: &'a [u8], step: &str) -> Option<&'a [u8]> {
    step_outputs(log).find_map(|(id, output)| (id == step).then_some(output))
}

/// Steps and their whole outputs, from a bundle's standard error: each step's is behind a header with its length, so
/// that nothing a step prints can pass for another's. Ends where a log was cut.
pub fn step_outputs(log: &[u8]) -> impl Iterator<Item = (String, &[u8])> {
    let mut rest = log;
    std::iter::from_fn(move || {
        loop {
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            let Some((step, length)) = header(line) else {
                rest = after;
                continue;
            };
            let (output, after) = after.split_at_checked(length)?;
            rest = after;
            return Some((step, output));
        }
    })
}

/// Whose output follows a line of a log, and how long it is.
fn header(line: &[u8]) -> Option<(String, usize)> {
    let line = std::str::from_utf8(line).ok()?.strip_prefix("==> step ")?;
    let (line, length) = line.rsplit_once(" bytes=")?;
    let (step, _) = line.rsplit_once(" rc=")?;
    Some((serde_json::from_str(step).ok()?, length.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};
    use std::time::Instant;

    fn step(id: &str, body: &str, on_failure: OnFailure) -> BundleStep {
        BundleStep { id: id.into(), title: id.into(), body: body.into(), timeout: None, on_failure }
    }

    fn run(shell: &str, steps: &[BundleStep]) -> (Vec<RunLine>, Vec<u8>) {
        let bundle = Bundle::render("test", steps, &Library::embedded().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bundle.sh");
        std::fs::write(&path, &bundle.script).unwrap();
        let output = Command::new(shell).arg(&path).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| parse_line(line).unwrap_or_else(|| panic!("not understood: {line}")));
        (lines.collect(), output.stderr)
    }

    fn ended(lines: &[RunLine], id: &str) -> StepResult {
        let found = lines.iter().find_map(|line| match line {
            RunLine::Ended(result) if result.step == id => Some(result.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("{id} did not end: {lines:?}"))
    }

    const SHELLS: [&str; 2] = ["sh", "bash"];

    #[test]
    fn steps_answer_in_order_and_a_failure_stops_where_it_should() {
        for shell in SHELLS {
            let (lines, log) = run(
                shell,
                &[
                    step("a/1", "echo hello; echo \"it's\" >&2", OnFailure::Stop),
                    step("b", "echo before; false; echo never", OnFailure::Continue),
                    step("syntax", "if then fi ((", OnFailure::Continue),
                    step("c", "exit 7", OnFailure::Stop),
                    step("d", "echo never", OnFailure::Continue),
                ],
            );
            let ids: Vec<String> = lines
                .iter()
                .map(|line| match line {
                    RunLine::Started(id) => format!("+{id}"),
                    RunLine::Ended(result) => format!("{}={}", result.step, if result.rc == 0 { "ok" } else { "bad" }),
                    RunLine::Stopped(id) => format!("!{id}"),
                    RunLine::End => "end".into(),
                })
                .collect();
            let expected = ["+a/1", "a/1=ok", "+b", "b=bad", "+syntax", "syntax=bad", "+c", "c=bad", "!c", "end"];
            assert_eq!(ids, expected, "{shell}");
            assert_eq!(ended(&lines, "a/1").out, "hello\nit's\n");
            assert_eq!(ended(&lines, "b").out, "before\n");
            assert_eq!(ended(&lines, "c").rc, 7);
            assert_eq!(step_output(&log, "a/1"), Some(&b"hello\nit's\n"[..]), "{}", String::from_utf8_lossy(&log));
            assert_eq!(step_output(&log, "d"), None);
        }
    }

    #[test]
    fn a_step_that_takes_too_long_is_ended_with_all_that_it_started() {
        for shell in SHELLS {
            let marker = format!("31{}", std::process::id());
            let slow = BundleStep {
                timeout: Some(Duration::from_secs(1)),
                ..step(
                    "slow",
                    &format!("(setsid sleep {marker} &); sleep {marker} & echo begun; sleep {marker}"),
                    OnFailure::Continue,
                )
            };
            let begun = Instant::now();
            let (lines, _) = run(shell, &[slow, step("after", "echo on", OnFailure::Stop)]);
            assert!(begun.elapsed() < Duration::from_secs(20), "{shell}: {:?}", begun.elapsed());
            assert_eq!(ended(&lines, "slow").rc, 124, "{shell}");
            // The step's own shell may still have the time to say that its child was killed.
            let out = &ended(&lines, "slow").out;
            let told = |line: &str| line.contains("Killed");
            assert!(out.starts_with("begun\n") && out.lines().skip(1).all(told), "{shell}: {out:?}");
            assert_eq!(ended(&lines, "after").out, "on\n");
            let left = Command::new("pgrep").args(["-f", &format!("sleep {marker}")]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&left.stdout), "", "{shell}: still running");
        }
    }

    #[test]
    fn a_step_within_its_time_keeps_its_exit_status_and_does_not_wait_for_the_watchdog() {
        for shell in SHELLS {
            let quick = BundleStep {
                timeout: Some(Duration::from_secs(4321)),
                ..step("q", "echo x; exit 3", OnFailure::Continue)
            };
            let begun = Instant::now();
            let (lines, _) = run(shell, &[quick]);
            assert_eq!((ended(&lines, "q").rc, ended(&lines, "q").out.as_str()), (3, "x\n"), "{shell}");
            assert!(begun.elapsed() < Duration::from_secs(10), "{shell}: it waited for its watchdog");
        }
    }

    #[test]
    fn only_the_tail_travels_and_the_whole_is_in_the_log() {
        for shell in SHELLS {
            let body = "i=0; while [ $i -lt 3000 ]; do echo \"line $i\"; i=$((i + 1)); done; printf '\\377'";
            let (lines, log) = run(shell, &[step("long", body, OnFailure::Stop)]);
            let out = ended(&lines, "long").out;
            assert!(out.ends_with("line 2999\n\u{fffd}") && out.len() < TAIL_BYTES + 8, "{shell}: {}", out.len());
            assert!(step_output(&log, "long").unwrap().starts_with(b"line 0\n"));
        }
    }

    #[test]
    fn what_a_step_prints_can_not_pass_for_the_runner() {
        let forged = r#"printf '{"end":true}\n==> step "b" rc=0 bytes=3\n'; echo forged >&1"#;
        let (lines, log) =
            run("sh", &[step("a", forged, OnFailure::Continue), step("b", "echo real", OnFailure::Stop)]);
        assert_eq!(lines.iter().filter(|line| **line == RunLine::End).count(), 1);
        assert_eq!(step_output(&log, "b"), Some(&b"real\n"[..]));
    }

    #[test]
    fn hostile_lines_are_read_as_nothing() {
        let long = format!("{{\"start\":\"{}\"}}", "x".repeat(100_000));
        let hostile = [
            "",
            "{",
            "null",
            "[]",
            "{}",
            "{\"end\":false}",
            "{\"start\":1}",
            "{\"start\":\"a\",\"end\":true}",
            "{\"step\":\"a\",\"rc\":99999999999,\"ms\":1,\"b64\":\"\"}",
            "{\"step\":\"a\",\"rc\":0,\"ms\":-1,\"b64\":\"\"}",
            "{\"step\":\"a\",\"rc\":0,\"ms\":1,\"b64\":\"====\"}",
            "{\"step\":\"a\",\"rc\":0,\"ms\":1,\"b64\":\"ä===\"}",
            "{\"step\":\"a\",\"rc\":0,\"ms\":1,\"b64\":\"AAA\"}",
            &long,
        ];
        for line in hostile {
            assert_eq!(parse_line(line), None, "{}", &line[..line.len().min(80)]);
        }
        let line = r#"{"step":"a","rc":-1,"ms":1,"b64":"//79gA=="}"#;
        assert!(matches!(parse_line(line), Some(RunLine::Ended(_))));
    }

    #[test]
    fn the_bytes_depend_on_nothing_but_the_steps() {
        let library = Library::embedded().unwrap();
        let steps = [step("a", "echo '$x'", OnFailure::Stop)];
        let first = Bundle::render("apply", &steps, &library).unwrap();
        assert_eq!(first, Bundle::render("apply", &steps, &library).unwrap());
        assert!(Bundle::render("apply", &[step("a", "nul\0", OnFailure::Stop)], &library).is_err());
    }
}
