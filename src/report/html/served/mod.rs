//! The pages of `serve`: from what was seen last, with its age. No script; one style for all of them; every value is text.

mod chart;
mod fleet;
mod image;
mod overview;
mod rows;
mod state;

use super::registry;
use crate::identity::ImageId;
use crate::serve::board::Seen;
use handlebars::RenderError;
use serde::Serialize;
use time::OffsetDateTime;

/// The style of all pages: that of the reports, and what only these need.
pub const STYLE: &str = concat!(include_str!("../page.css"), include_str!("served.css"));

const PARTIALS: [(&str, &str); 4] = [
    ("layout", include_str!("layout.hbs")),
    ("state", include_str!("state.hbs")),
    ("fleet_summary", include_str!("fleet_summary.hbs")),
    ("images_table", include_str!("images_table.hbs")),
];

/// A page could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the page can't be made: {0}\n  this is a mistake in amifactory; the verbs that look have the same")]
pub struct ServedError(#[from] Box<RenderError>);

/// The first page: all of it at a glance.
pub fn overview_page(seen: &Seen, now: OffsetDateTime) -> Result<String, ServedError> {
    render(include_str!("overview.hbs"), &overview::Overview::of(seen, now))
}

/// All images.
pub fn images_page(seen: &Seen, now: OffsetDateTime) -> Result<String, ServedError> {
    render(include_str!("images.hbs"), &overview::AllImages::of(seen, now))
}

/// The fleet, now and over time.
pub fn fleet_page(seen: &Seen, now: OffsetDateTime) -> Result<String, ServedError> {
    render(include_str!("fleet.hbs"), &fleet::FleetPage::of(seen, now))
}

/// One image with what was found out about it; none where there is no such image.
pub fn image_page(seen: &Seen, image: &ImageId, now: OffsetDateTime) -> Result<Option<String>, ServedError> {
    image::ImagePage::of(seen, image, now).map(|page| render(include_str!("image.hbs"), &page)).transpose()
}

fn render(template: &str, page: &impl Serialize) -> Result<String, ServedError> {
    let mut registry = registry();
    for (name, text) in PARTIALS {
        registry.register_partial(name, text).map_err(|error| Box::new(RenderError::from(error)))?;
    }
    Ok(registry.render_template(template, page).map_err(Box::new)?)
}
