//! `schema`: JSON Schemas for editors.

use super::exit::{CliError, Exit};
use super::session::Session;
use crate::recipe::schema;
use clap::{Args, ValueEnum};

/// Print the JSON Schema of a kind of file, for editors.
#[derive(Debug, Args)]
pub struct Schema {
    /// Of which kind of file
    #[arg(value_enum, default_value_t = Kind::Recipe)]
    kind: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// recipes/*.yaml
    Recipe,
    /// recipes/groups/*.yaml
    Group,
    /// amifactory.yaml
    Factory,
}

impl Schema {
    pub fn run(self, session: &Session) -> Result<Exit, CliError> {
        let schema = match self.kind {
            Kind::Recipe => schema::recipe(),
            Kind::Group => schema::group(),
            Kind::Factory => schema::factory(),
        };
        session.text(format!("{schema:#}\n").as_bytes())?;
        Ok(Exit::Done)
    }
}
