//! `diff`: two images side by side.

use super::exit::{CliError, Exit};
use super::session::Session;
use crate::report::diff::ImageDiff;
use crate::report::view;
use clap::Args;

/// Compare two images.
#[derive(Debug, Args)]
pub struct Diff {
    /// The older: an image id, RECIPE@VERSION, or a recipe
    #[arg(value_name = "A")]
    a: String,
    /// The newer
    #[arg(value_name = "B")]
    b: String,
}

impl Diff {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        let open = session.open_to_look()?;
        open.reach().await?;
        let (a, b) = (open.image(&self.a).await?, open.image(&self.b).await?);
        let (old, new) = (open.target.record(&a.id).await?, open.target.record(&b.id).await?);
        let diff = ImageDiff::between((&a.id, &old), (&b.id, &new));
        session.result(&diff, |style| view::diff(&diff, style))?;
        Ok(Exit::Done)
    }
}
