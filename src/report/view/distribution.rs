//! What is where.

use crate::identity::{Arch, Digest, ImageId, RecipeName, Version};
use crate::release::distribute::{self, Row, State, Wanted};
use crate::release::wanted::Request;
use crate::report::table::Table;
use crate::report::{Style, visible, wording};
use serde::Serialize;

/// The result of `distribute`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distributed {
    /// Its recipe.
    pub recipe: RecipeName,
    /// Its version.
    pub version: Version,
    /// Its plan's digest.
    pub digest: Digest,
    /// For which architecture.
    pub arch: Arch,
    /// The image at home.
    pub image: ImageId,
    /// `distributed`, or `partly` where something is missing.
    pub outcome: &'static str,
    /// What is where, home first.
    pub places: Vec<Row>,
    /// The command that makes what is missing, and nothing that was not asked for.
    #[serde(skip)]
    pub again: String,
}

impl Distributed {
    /// Puts an image together with where it is.
    pub fn of(wanted: &Wanted, done: &distribute::Distributed, asked: &Request) -> Distributed {
        let to = asked.to.as_ref().map(|channel| format!(" --to {channel}")).unwrap_or_default();
        let arch = asked.arch.map(|arch| format!(" --arch {arch}")).unwrap_or_default();
        Distributed {
            again: format!("amifactory distribute {}@{}{to}{arch}", wanted.recipe, wanted.candidate.version),
            recipe: wanted.recipe.clone(),
            version: wanted.candidate.version,
            digest: wanted.record.digest.clone(),
            arch: wanted.arch,
            image: wanted.candidate.image.id.clone(),
            outcome: if done.is_complete() { "distributed" } else { "partly" },
            places: done.rows.clone(),
        }
    }
}

/// The table, what went wrong in full, and what to type.
pub fn distributed(shown: &Distributed, style: Style) -> String {
    let Distributed { recipe, version, .. } = shown;
    let mut text = format!("{}\n\n", style.bold(&format!("{recipe} {version} ({})", shown.arch)));
    text.push_str(&rows(&shown.places, style));
    let good = shown.places.iter().filter(|row| matches!(row.state, State::Ready | State::Shared)).count();
    let of = wording::count(shown.places.len(), "place");
    match shown.outcome {
        "distributed" => text.push_str(&format!("\n{} it is in {of}\n", style.green("✓"))),
        _ => {
            text.push_str(&format!("\n{} it is in {good} of {of}\n", style.red("partly done:")));
            let again = format!("{}   (makes only what is missing)", visible::line(&shown.again));
            text.push_str(&super::next(&[again], style));
        }
    }
    text
}

/// One row per place, and under the table what went wrong.
pub fn rows(places: &[Row], style: Style) -> String {
    let mut table = Table::new(&["REGION", "ACCOUNT", "IMAGE", "STATE"]);
    for row in places {
        let state = match row.state {
            State::Ready | State::Moved => style.green(row.state.as_str()),
            State::Failed | State::Behind => style.red(row.state.as_str()),
            State::Shared | State::Waiting => style.yellow(row.state.as_str()),
        };
        table.row(vec![
            row.place.region.to_string(),
            row.place.account.as_ref().map_or_else(|| "own".to_owned(), ToString::to_string),
            row.image.as_ref().map_or_else(|| "-".to_owned(), |image| style.cyan(image.as_str())),
            state,
        ]);
    }
    let mut text = table.render(style);
    for row in places {
        if let Some(why) = &row.why {
            text.push_str(&format!("\n{}: {}\n", style.bold(&row.place.to_string()), visible::block(why)));
        }
    }
    text
}
