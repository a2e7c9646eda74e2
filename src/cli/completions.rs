//! `completions`: for the shell.

use super::args::Cli;
use super::exit::{CliError, Exit};
use super::session;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print shell completions.
#[derive(Debug, Args)]
pub struct Completions {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Result<Exit, CliError> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "amifactory", &mut text);
        session::write_all(&text)?;
        Ok(Exit::Done)
    }
}
