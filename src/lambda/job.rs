//! What a schedule asks for. Pure.

use crate::run::Ended;
use serde_json::{Value, json};

/// So many recipes are named in an error, and so many characters of each one's reason: all of it is one line of the log, and
/// CloudWatch takes 256 KB for one.
const MOST_NAMED: usize = 50;
const MOST_OF_EACH: usize = 400;
const MOST_OF_ALL: usize = 8_000;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Who runs what, and whoever should know is told.
    Check,
    /// All recipes that something changed for are built. A build that does not end in time goes on at the next
    /// invocation: that is what `build` does with whatever a dead run left.
    Rebuild,
}

/// Why a run counts as failed, so that the function's `Errors` metric and its alarm see it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum JobError {
    /// The event names no job.
    #[error(
        "{found} is no job of amifactory\n  send {{\"job\": \"check\"}} or {{\"job\": \"rebuild\"}}, or set AMIFACTORY_JOB"
    )]
    Unknown {
        /// What was found instead.
        found: String,
    },
    /// The program said that it failed.
    #[error("{job} ended with exit code {code}: {said}")]
    Failed {
        /// The job.
        job: &'static str,
        /// The program's exit code.
        code: i32,
        /// Its error.
        said: String,
    },
    /// It was ended because the function's time is nearly over.
    #[error(
        "{job} did not end in time\n  give the function more time: it has at most 15 minutes, and reads places side by side"
    )]
    Time {
        /// The job.
        job: &'static str,
    },
    /// The program could not be run.
    #[error("the program could not be run: {0}\n  the function's package is damaged, or its memory too small")]
    Run(String),
}

impl JobError {
    /// As the runtime API's `errorType`.
    pub fn kind(&self) -> &'static str {
        match self {
            JobError::Unknown { .. } => "UnknownJob",
            JobError::Failed { .. } => "Failed",
            JobError::Time { .. } => "Time",
            JobError::Run(_) => "Run",
        }
    }
}

impl From<std::io::Error> for JobError {
    fn from(error: std::io::Error) -> JobError {
        JobError::Run(error.to_string())
    }
}

impl Job {
    /// From an invocation's event; what it does not say, the function's environment does.
    pub fn asked(event: &Value, of_environment: Option<&str>) -> Result<Job, JobError> {
        let asked = match event.get("job") {
            None => of_environment.map(Value::from).unwrap_or_default(),
            Some(job) => job.clone(),
        };
        match asked.as_str() {
            Some("check") => Ok(Job::Check),
            Some("rebuild") => Ok(Job::Rebuild),
            _ => Err(JobError::Unknown { found: asked.to_string() }),
        }
    }

    /// As a schedule names it.
    pub fn name(self) -> &'static str {
        match self {
            Job::Check => "check",
            Job::Rebuild => "rebuild",
        }
    }

    /// The program's verb and its flags.
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Job::Check => &["fleet", "--notify"],
            Job::Rebuild => &["build", "--all"],
        }
    }

    /// What Lambda is answered. That a policy is broken is the check's job done: whoever should know was told. A recipe that
    /// failed or was refused is told to nobody by a build: only the function's alarm does.
    pub fn answer(self, ended: &Ended) -> Result<Value, JobError> {
        let job = self.name();
        let (code, result) = match (self, ended) {
            (Job::Check, Ended::Stopped) => return Err(JobError::Time { job }),
            (Job::Rebuild, Ended::Stopped) => {
                return Ok(json!({"job": job, "outcome": "goes on at the next invocation"}));
            }
            (_, Ended::Exited { code, result }) => (*code, result),
        };
        match (self, code) {
            (_, 0) | (Job::Check, 3..=5) => {
                Ok(json!({"job": job, "exit_code": code, "outcome": result.get("outcome")}))
            }
            _ => Err(JobError::Failed { job, code, said: said(result) }),
        }
    }
}

/// What a result says of its failure: a verb's own error; each recipe that has no image that may be used, and why; or who
/// could not be told. It stands in an alarm's log line, so there is a bound to it.
fn said(result: &Value) -> String {
    if let Some(error) = result.get("error").and_then(Value::as_str) {
        return bounded(error, MOST_OF_ALL);
    }
    let listed = |name| result.get(name).and_then(Value::as_array).into_iter().flatten();
    // `build` of a factory with one recipe answers with that one's result.
    let builds = listed("builds").chain([result]).filter_map(of_build);
    let ways = listed("told").filter_map(of_way);
    let all: Vec<String> = builds.chain(ways).collect();
    let mut told: Vec<String> = all.iter().take(MOST_NAMED).map(|each| bounded(each, MOST_OF_EACH)).collect();
    if let Some(more) = all.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        told.push(format!("and {more} more, which the log has"));
    }
    if told.is_empty() { "it said nothing".to_owned() } else { told.join("; ") }
}

/// An audience that could not be told by one of its ways, and why.
fn of_way(told: &Value) -> Option<String> {
    let text = |name| told.get(name).and_then(Value::as_str);
    Some(format!("{} by {} not told: {}", text("audience")?, text("way")?, text("error")?))
}

/// A recipe that failed or was refused, and why.
fn of_build(result: &Value) -> Option<String> {
    let text = |name| result.get(name).and_then(Value::as_str);
    let (recipe, outcome) = (text("recipe")?, text("outcome")?);
    if !matches!(outcome, "failed" | "refused") {
        return None;
    }
    let unmet = || {
        let all: Vec<&str> = result.get("unmet")?.as_array()?.iter().filter_map(Value::as_str).collect();
        (!all.is_empty()).then(|| all.join(", "))
    };
    let why = match text("revoked") {
        Some(reason) => {
            Some(format!("its image is revoked: {reason}; amifactory build {recipe} --force makes another"))
        }
        None => result.get("failure").and_then(|failure| failure.get("what")?.as_str()).map(str::to_owned),
    };
    let why = why.or_else(unmet).unwrap_or_else(|| "its log says why".to_owned());
    Some(format!("{recipe} {outcome}: {why}"))
}

/// At most so many characters.
fn bounded(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_its_job_or_the_environment_does() {
        assert_eq!(Job::asked(&json!({"job": "check"}), Some("rebuild")), Ok(Job::Check));
        assert_eq!(Job::asked(&json!({"source": "aws.events"}), Some("rebuild")), Ok(Job::Rebuild));
        for event in [json!({"job": "format"}), json!({"job": ["check"]}), json!({}), json!(null), json!("check")] {
            assert!(matches!(Job::asked(&event, None), Err(JobError::Unknown { .. })), "{event}");
        }
    }

    #[test]
    fn only_what_failed_is_an_error_of_the_function() {
        let exited = |code| Ended::Exited { code, result: json!({"outcome": "stale", "error": "why"}) };
        for code in [0, 3, 4, 5] {
            assert_eq!(Job::Check.answer(&exited(code)).unwrap()["exit_code"], code);
        }
        for code in [1, 2, 130, -9] {
            assert!(matches!(Job::Check.answer(&exited(code)), Err(JobError::Failed { .. })), "{code}");
        }
        assert!(Job::Check.answer(&Ended::Stopped).is_err(), "what was not looked at is not fine");
        assert!(Job::Rebuild.answer(&Ended::Stopped).is_ok(), "it goes on");
        assert_eq!(Job::Rebuild.answer(&exited(0)).unwrap()["exit_code"], 0);
        for code in [1, 2, 3, 4, 5, 130, -9] {
            assert!(matches!(Job::Rebuild.answer(&exited(code)), Err(JobError::Failed { .. })), "{code}");
        }
    }

    #[test]
    fn who_could_not_be_told_is_named() {
        let told = json!([
            {"audience": "platform", "way": "sns", "outcome": "told"},
            {"audience": "web", "way": "webhook", "outcome": "failed", "error": "POST: there is none"},
        ]);
        let answer = Job::Check.answer(&Ended::Exited { code: 1, result: json!({"outcome": "fine", "told": told}) });
        let error = answer.unwrap_err().to_string();
        assert!(error.ends_with("ended with exit code 1: web by webhook not told: POST: there is none"), "{error}");
    }

    #[test]
    fn each_recipe_that_has_no_image_is_named_with_its_reason() {
        let failed = json!({"recipe": "db", "outcome": "failed", "failure": {"what": "no capacity"}});
        let revoked = json!({"recipe": "base", "outcome": "refused", "revoked": "CVE-2026-1"});
        let unmet = json!({"recipe": "web", "outcome": "refused", "unmet": ["score 80 of 90", "ssh-root fails"]});
        let fine = json!({"recipe": "ok", "outcome": "up-to-date"});
        let told = |result: Value| Job::Rebuild.answer(&Ended::Exited { code: 5, result }).unwrap_err().to_string();
        let all = told(json!({"outcome": "failed", "builds": [failed, revoked, unmet, fine]}));
        assert_eq!(
            all,
            "rebuild ended with exit code 5: db failed: no capacity; base refused: its image is revoked: CVE-2026-1; \
             amifactory build base --force makes another; web refused: score 80 of 90, ssh-root fails"
        );
        assert!(told(failed.clone()).ends_with("db failed: no capacity"), "a factory of one recipe");
        assert!(told(json!(null)).ends_with("it said nothing"));
        let long = json!({"recipe": "db", "outcome": "failed", "failure": {"what": "ü".repeat(100_000)}});
        let many = told(json!({"builds": vec![long; 500]}));
        assert!(many.len() < 64 * 1024 && many.ends_with("and 450 more, which the log has"), "{}", many.len());
    }
}
