//! `man`: the manual page, made from the same grammar as the help.

use super::args::Cli;
use super::exit::{CliError, Exit};
use super::session;
use clap::{Args, CommandFactory};

/// Print the manual page.
#[derive(Debug, Args)]
pub struct Man {
    /// The page of one verb [default: the page of the program]
    #[arg(value_name = "VERB")]
    verb: Option<String>,
}

impl Man {
    pub fn run(self) -> Result<Exit, CliError> {
        let mut command = Cli::command();
        command.build();
        if let Some(verb) = &self.verb {
            let Some(found) = command.find_subcommand(verb) else {
                return Err(CliError::Usage(format!("there is no verb `{}`", crate::report::visible::line(verb))));
            };
            command = found.clone();
        }
        let mut text = Vec::new();
        clap_mangen::Man::new(command).render(&mut text)?;
        session::write_all(&text)?;
        Ok(Exit::Done)
    }
}
