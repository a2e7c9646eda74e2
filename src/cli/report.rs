//! `report`: an image's evidence as files.

use super::exit::{CliError, Exit};
use super::session::Session;
use crate::pipeline::clock;
use crate::report::{cyclonedx, html, junit};
use crate::target::local::image_id;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Write an image's evidence as a page, JUnit or CycloneDX.
#[derive(Debug, Args)]
pub struct Report {
    /// An image id, RECIPE@VERSION, a recipe for its newest image, or the build that a gate refused
    #[arg(value_name = "IMAGE")]
    image: String,
    /// One self-contained page for people
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// JUnit XML, for CI
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// CycloneDX JSON, the list of packages
    #[arg(long, value_name = "FILE")]
    sbom: Option<PathBuf>,
    /// The whole record as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct Written {
    image: String,
    files: Vec<PathBuf>,
}

impl Report {
    pub async fn run(self, session: &Session) -> Result<Exit, CliError> {
        if [&self.html, &self.junit, &self.sbom, &self.json].iter().all(|file| file.is_none()) {
            return Err(CliError::Usage(format!(
                "nothing to write\n  say what: amifactory report {} --html FILE, --junit FILE, --sbom FILE, --json FILE",
                self.image
            )));
        }
        let open = session.open_to_look()?;
        open.reach().await?;
        let (image, record) = match open.image(&self.image).await {
            Ok(image) => (image.id.clone(), open.target.record(&image.id).await?),
            // A build that the gate refused made no image, but its evidence was kept.
            Err(error) => match open.refused(&self.image)? {
                Some(record) => (image_id(&self.image)?, record),
                None => return Err(error),
            },
        };
        let mut files = Vec::new();
        let mut write = |path: Option<PathBuf>, text: &dyn Fn() -> String| {
            let Some(path) = path else { return Ok::<(), CliError>(()) };
            std::fs::write(&path, text()).map_err(|e| CliError::Failed(format!("{}: {e}", path.display())))?;
            files.push(path);
            Ok(())
        };
        let page = html::html(&image, &record, clock::today()).map_err(|error| CliError::Failed(error.to_string()))?;
        write(self.html, &|| page.clone())?;
        write(self.junit, &|| junit::junit(&image, &record))?;
        write(self.sbom, &|| cyclonedx::cyclonedx(&image, &record))?;
        let json = serde_json::to_string_pretty(&record).map_err(|error| CliError::Failed(error.to_string()))?;
        write(self.json, &|| json.clone())?;
        let written = Written { image: image.to_string(), files };
        session
            .result(&written, |_| written.files.iter().map(|path| format!("wrote {}\n", path.display())).collect())?;
        Ok(Exit::Done)
    }
}
