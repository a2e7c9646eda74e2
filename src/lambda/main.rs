//! The daily check and the nightly rebuild as a Lambda function: on its schedule it runs the program that it is itself.
//!
//! | module | holds |
//! |---|---|
//! | [`job`] | what a schedule asks for, and what the end of a run means for Lambda |
//! | [`run`] | the program as a child of its own, ended in time before the function's time is over |
//!
//! With arguments it is the command line.

mod job;
mod run;

use amifactory::target::local::{OPERATIONS, sandbox};
use job::{Job, JobError};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = sandbox::sandbox_main(std::env::args_os(), OPERATIONS) {
        return code;
    }
    if std::env::args_os().len() > 1 {
        return ExitCode::from(amifactory::cli::run() as u8);
    }
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        eprintln!(
            "error: this runs as an AWS Lambda function; with arguments it is amifactory: amifactory-lambda --help"
        );
        return ExitCode::from(2);
    }
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve() -> Result<(), Error> {
    lambda_runtime::run(service_fn(invoked)).await
}

async fn invoked(event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let job = Job::asked(&event.payload, std::env::var("AMIFACTORY_JOB").ok().as_deref())?;
    let ended = run::run(job, run::time_left(event.context.deadline)).await?;
    Ok(job.answer(&ended)?)
}

impl From<JobError> for Diagnostic {
    fn from(error: JobError) -> Diagnostic {
        Diagnostic { error_type: error.kind().into(), error_message: error.to_string() }
    }
}
