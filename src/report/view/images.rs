//! The list of images.

use crate::identity::{Arch, Channel, Digest, ImageId, RecipeName, TargetKind, Version};
use crate::report::table::Table;
use crate::report::{Style, visible};
use crate::target::Tags;
use serde::Serialize;

/// One image in a list, as `cli.md` fixes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImageRow {
    /// Its id.
    pub image: ImageId,
    /// Its recipe.
    pub recipe: RecipeName,
    /// Its version.
    pub version: Version,
    /// Its plan's digest.
    pub digest: Digest,
    /// Its architecture; none where its record is not there.
    pub arch: Option<Arch>,
    /// Where it is in its life: `verified`, `unverified`, `refused` …
    pub state: String,
    /// When it was made, RFC 3339, UTC.
    pub created_at: String,
    /// What has made it.
    pub target: TargetKind,
    /// Its tags.
    pub tags: Tags,
    /// The channels that name it.
    pub channels: Vec<Channel>,
}

/// The result of `images`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Images {
    /// All of them, in the order in which they are listed.
    pub images: Vec<ImageRow>,
}

/// One row per image.
pub fn images(list: &Images, style: Style) -> String {
    if list.images.is_empty() {
        return "no images\n".to_owned() + &super::next(&["amifactory build --all".to_owned()], style);
    }
    let mut table =
        Table::new(&["RECIPE", "VERSION", "IMAGE", "DIGEST", "ARCH", "TARGET", "STATE", "CREATED", "CHANNELS"])
            .gives_way(8);
    for row in &list.images {
        let channels: Vec<&str> = row.channels.iter().map(Channel::as_str).collect();
        let state = visible::line(&row.state);
        table.row(vec![
            style.bold(row.recipe.as_str()),
            row.version.to_string(),
            style.cyan(row.image.as_str()),
            row.digest.short().to_owned(),
            row.arch.map_or_else(|| "?".to_owned(), |arch| arch.to_string()),
            row.target.to_string(),
            if state == "verified" { style.green(&state) } else { style.yellow(&state) },
            super::minute(&row.created_at),
            channels.join(", "),
        ]);
    }
    table.render(style)
}
