//! `validate`: all mistakes of all files in one run.

use super::exit::{CliError, Exit};
use super::session::Session;
use crate::report::wording;
use clap::Args;
use serde::Serialize;

/// Find all errors in all files; nothing is started.
#[derive(Debug, Args)]
pub struct Validate {
    /// Only these recipes, with all that they use [default: everything]
    #[arg(value_name = "RECIPE")]
    recipes: Vec<String>,
}

#[derive(Serialize)]
struct Valid {
    valid: bool,
    recipes: usize,
    groups: usize,
    controls: usize,
}

impl Validate {
    pub fn run(self, session: &Session) -> Result<Exit, CliError> {
        let folder = session.folder()?;
        let (factory, library) = session.read_some(&folder, &self.recipes)?;
        let recipes = if self.recipes.is_empty() { factory.recipes.len() } else { self.recipes.len() };
        let valid =
            Valid { valid: true, recipes, groups: factory.groups.len(), controls: library.catalogue().controls.len() };
        session.result(&valid, |style| {
            format!(
                "{} {} valid, with {} and {}\n",
                style.green("✓"),
                wording::count(recipes, "recipe"),
                wording::count(factory.groups.len(), "package group"),
                wording::count(valid.controls, "control")
            )
        })?;
        Ok(Exit::Done)
    }
}
