//! `show`: one image with its evidence.

use super::exit::{CliError, Exit};
use super::images;
use super::session::{Open, Session};
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
        let image = match open.image(&self.image).await {
            Ok(image) => image,
            Err(error) => return Err(retired(&open, &self.image).await?.unwrap_or(error)),
        };
        let record = open.target.record(&image.id).await?;
        let Some(row) = images::row(&open, &image, &mut images::Pointers::default()).await? else {
            return Err(CliError::Failed(format!("the tags of {} don't say whose it is", image.id)));
        };
        let shown = Shown::of(&row, &record);
        session.result(&shown, |style| view::show(&row, &record, self.all, style))?;
        Ok(Exit::Done)
    }
}

/// Says of a version whose image was removed on purpose that it was.
async fn retired(open: &Open, name: &str) -> Result<Option<CliError>, CliError> {
    let Some((recipe, version)) = name.split_once('@') else { return Ok(None) };
    let (Ok(recipe), Ok(version)) = (recipe.parse(), version.parse()) else { return Ok(None) };
    let told = crate::release::retired::told(&*open.target, &recipe, version).await?;
    let help = format!("amifactory images {recipe} lists those there are");
    Ok(told.map(|told| CliError::Usage(format!("{told}\n  {help}"))))
}
