//! An image's evidence as files in a folder.

use super::{cyclonedx, html, junit};
use crate::target::{Image, ImageRecord};
use std::io;
use std::path::Path;
use time::Date;

/// Writes `evidence.json`, `junit.xml`, `sbom.cdx.json` and `report.html`. The folder appears whole or not at all.
pub fn write(folder: &Path, image: &Image, record: &ImageRecord, today: Date) -> io::Result<()> {
    let parent = folder.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent)?;
    let fresh = tempfile::Builder::new().prefix(".new-").tempdir_in(parent)?;
    let evidence = serde_json::to_vec_pretty(record).map_err(io::Error::other)?;
    std::fs::write(fresh.path().join("evidence.json"), evidence)?;
    std::fs::write(fresh.path().join("junit.xml"), junit::junit(&image.id, record))?;
    std::fs::write(fresh.path().join("sbom.cdx.json"), cyclonedx::cyclonedx(&image.id, record))?;
    let page = html::html(&image.id, record, today).map_err(io::Error::other)?;
    std::fs::write(fresh.path().join("report.html"), page)?;
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::rename(fresh.keep(), folder)
}
