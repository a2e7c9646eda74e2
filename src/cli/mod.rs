//! The command line: one file per verb with its arguments and a thin call. No logic lives here.

mod adopt;
mod args;
mod build;
mod completions;
mod controls;
mod controls_test;
mod diff;
mod distribute;
mod doctor;
mod exit;
mod fleet;
mod history;
mod iam_policy;
mod images;
mod init;
mod interrupt;
mod logs;
mod man;
mod pin;
mod pipeline;
mod plan;
mod promote;
mod report;
mod resume;
mod retire;
mod revoke;
mod rollback;
mod rollout;
mod schema;
mod serve;
mod session;
mod show;
mod sweep;
mod validate;
mod verify;

pub use exit::Exit;

use args::{Cli, Verb};
use clap::{CommandFactory, FromArgMatches};
use exit::CliError;
use session::Session;

/// Parses the arguments, does what they say, and answers with the exit code.
pub fn run() -> Exit {
    let parsed = Cli::command().try_get_matches().and_then(|found| {
        let verb = found.subcommand_name().unwrap_or_default().to_owned();
        Ok((Cli::from_arg_matches(&found)?, verb))
    });
    let (cli, verb) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are no errors; a closed pipe is not worth another one.
            let _ = error.print();
            if !error.use_stderr() {
                return Exit::Done;
            }
            if asks_for_json(std::env::args_os()) {
                let told = error.render().to_string().trim_end().to_owned();
                session::print_json_error(&CliError::Usage(told.clone()), told);
            }
            return Exit::Usage;
        }
    };
    let mut session = Session::new(cli.global);
    if let Err(error) = session.open_log() {
        return session.fail(&error);
    }
    let outcome = run_verb(&session, cli.verb);
    let exit = match &outcome {
        Ok(exit) => *exit,
        Err(error) => session.fail(error),
    };
    session.log_end(&verb, exit, outcome.as_ref().err());
    exit
}

fn run_verb(session: &Session, verb: Verb) -> Result<Exit, CliError> {
    if !session.format().is_common() && !matches!(verb, Verb::Fleet(_)) {
        let message = "--format csv, prometheus and html are of `amifactory fleet` alone\n  other verbs: human, json";
        return Err(CliError::Usage(message.into()));
    }
    match verb {
        Verb::Init(verb) => verb.run(session),
        Verb::Validate(verb) => verb.run(session),
        Verb::Plan(verb) => session.block_on(verb.run(session)),
        Verb::Build(verb) => session.block_on(verb.run(session)),
        Verb::Resume(verb) => session.block_on(verb.run(session)),
        Verb::Sweep(verb) => session.block_on(verb.run(session)),
        Verb::Images(verb) => session.block_on(verb.run(session)),
        Verb::Show(verb) => session.block_on(verb.run(session)),
        Verb::Logs(verb) => verb.run(session),
        Verb::Diff(verb) => session.block_on(verb.run(session)),
        Verb::Pipeline(verb) => session.block_on(verb.run(session)),
        Verb::Adopt(verb) => session.block_on(verb.run(session)),
        Verb::Distribute(verb) => session.block_on(verb.run(session)),
        Verb::Promote(verb) => session.block_on(verb.run(session)),
        Verb::Rollback(verb) => session.block_on(verb.run(session)),
        Verb::History(verb) => session.block_on(verb.run(session)),
        Verb::Pin(verb) => session.block_on(verb.run(session)),
        Verb::Unpin(verb) => session.block_on(verb.run(session)),
        Verb::Revoke(verb) => session.block_on(verb.run(session)),
        Verb::Fleet(verb) => session.block_on(verb.run(session)),
        Verb::Serve(verb) => session.block_on(verb.run(session)),
        Verb::Rollout(verb) => session.block_on(verb.run(session)),
        Verb::Retire(verb) => session.block_on(verb.run(session)),
        Verb::Verify(verb) => session.block_on(verb.run(session)),
        Verb::Report(verb) => session.block_on(verb.run(session)),
        Verb::Controls(verb) => verb.run(session),
        Verb::Doctor(verb) => session.block_on(verb.run(session)),
        Verb::IamPolicy(verb) => verb.run(session),
        Verb::Schema(verb) => verb.run(session),
        Verb::Completions(verb) => verb.run(),
        Verb::Man(verb) => verb.run(),
    }
}

/// Whether arguments that could not be understood ask for JSON: then the last line is a result all the same.
fn asks_for_json(arguments: impl Iterator<Item = std::ffi::OsString>) -> bool {
    let arguments: Vec<_> = arguments.collect();
    arguments.iter().any(|argument| argument == "--format=json")
        || arguments.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json")
}
