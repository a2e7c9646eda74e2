//! `report`: an image's evidence as files.

use super::exit::{CliError, Exit};
use super::session::Session;
use crate::pipeline::clock;
use crate::report::{cyclonedx, html, junit};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Write an image's evidence as a page, JUnit or CycloneDX.
#[derive(Debug, Args)]
#[group(id = "forms", required = true, multiple = true, args = ["html", "junit", "sbom", "json"])]
pub struct Report {
    /// An image id, RECIPE@VERSION, or a recipe for its newest image
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
        let open = session.open_to_look()?;
        let image = open.image(&self.image).await?;
        let record = open.target.record(&image.id).await?;
        let mut files = Vec::new();
        let mut write = |path: Option<PathBuf>, text: &dyn Fn() -> String| {
            let Some(path) = path else { return Ok::<(), CliError>(()) };
            std::fs::write(&path, text()).map_err(|e| CliError::Failed(format!("{}: {e}", path.display())))?;
            files.push(path);
            Ok(())
        };
        let page =
            html::html(&image.id, &record, clock::today()).map_err(|error| CliError::Failed(error.to_string()))?;
        write(self.html, &|| page.clone())?;
        write(self.junit, &|| junit::junit(&image.id, &record))?;
        write(self.sbom, &|| cyclonedx::cyclonedx(&image.id, &record))?;
        let json = serde_json::to_string_pretty(&record).map_err(|error| CliError::Failed(error.to_string()))?;
        write(self.json, &|| json.clone())?;
        let written = Written { image: image.id.to_string(), files };
        session
            .result(&written, |_| written.files.iter().map(|path| format!("wrote {}\n", path.display())).collect())?;
        Ok(Exit::Done)
    }
}
