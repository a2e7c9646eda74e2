//! What a schedule asks for. Pure.

use crate::run::Ended;
use serde_json::{Value, json};

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

    /// What Lambda is answered. That a policy is broken or a gate refused is the job done; whoever should know was told.
    pub fn answer(self, ended: &Ended) -> Result<Value, JobError> {
        let job = self.name();
        match (self, ended) {
            (Job::Check, Ended::Stopped) => Err(JobError::Time { job }),
            (Job::Rebuild, Ended::Stopped) => Ok(json!({"job": job, "outcome": "goes on at the next invocation"})),
            (_, Ended::Exited { code: code @ (0 | 3 | 4 | 5), result }) => {
                Ok(json!({"job": job, "exit_code": code, "outcome": result.get("outcome")}))
            }
            (_, Ended::Exited { code, result }) => {
                let said = said(result).unwrap_or("it said nothing").to_owned();
                Err(JobError::Failed { job, code: *code, said })
            }
        }
    }
}

/// What a result says of its failure: a verb's own error, a build's, that of the first of several builds, or why somebody could
/// not be told.
fn said(result: &Value) -> Option<&str> {
    fn failure(of: &Value) -> Option<&str> {
        of.get("failure")?.get("what")?.as_str()
    }
    let builds = result.get("builds").and_then(Value::as_array).into_iter().flatten();
    let told = result.get("told").and_then(Value::as_array).into_iter().flatten();
    let own = result.get("error").and_then(Value::as_str).or_else(|| failure(result));
    own.or_else(|| builds.into_iter().find_map(failure))
        .or_else(|| told.into_iter().find_map(|way| way.get("error")?.as_str()))
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
    }
}
