//! An image's evidence as files in a folder.

use super::{cyclonedx, html, junit};
use crate::identity::ImageId;
use crate::target::ImageRecord;
use std::io;
use std::path::Path;
use time::Date;

/// Writes `evidence.json`, `junit.xml`, `sbom.cdx.json` and `report.html`. The folder appears whole or not at all.
pub fn write(folder: &Path, image: &ImageId, record: &ImageRecord, today: Date) -> io::Result<()> {
    let parent = folder.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent)?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    // One name per folder: what a crash left is replaced.
    let fresh = parent.join(format!(".new-{name}"));
    remove(&fresh)?;
    std::fs::create_dir(&fresh)?;
    let evidence = serde_json::to_vec_pretty(record).map_err(io::Error::other)?;
    std::fs::write(fresh.join("evidence.json"), evidence)?;
    std::fs::write(fresh.join("junit.xml"), junit::junit(image, record))?;
    std::fs::write(fresh.join("sbom.cdx.json"), cyclonedx::cyclonedx(image, record))?;
    let page = html::html(image, record, today).map_err(io::Error::other)?;
    std::fs::write(fresh.join("report.html"), page)?;
    remove(folder)?;
    std::fs::rename(fresh, folder)
}

fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
