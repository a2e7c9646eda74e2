//! `show`: one image with its evidence.

use super::exit::{CliError, Exit};
use super::images;
use super::session::Session;
use crate::report::view::{self, Shown};
use clap::Args;

/// Show one image with its evidence.
#[derive(Debug, Args)]
pub struct Show {
    /// An image id, RECIPE@VERSION, or a recipe for its newest image
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Every control, not only those that need attention
    #[arg(long)]
    all: bool,
}

impl Show {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_look()?;
        open.reach().await?;
        let image = open.image(&self.image).await?;
        let record = open.target.record(&image.id).await?;
        let Some(row) = images::row(&open, &image, &mut images::Pointers::default()).await? else {
            return Err(CliError::Failed(format!("the tags of {} don't say whose it is", image.id)));
        };
        let shown = Shown::of(&row, &record);
        session.result(&shown, |style| view::show(&row, &record, self.all, style))?;
        Ok(Exit::Done)
    }
}
