//! Retention: how long images are kept that nothing uses.

use serde::Serialize;
use std::time::Duration;

/// `retention:` An image goes only where nothing uses it and none of these keeps it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Retention {
    /// `keep:` so many of the newest versions of a recipe stay.
    pub keep: Option<usize>,
    /// `maximum_age:` what is younger stays.
    pub maximum_age: Option<Duration>,
    /// `keep_per_channel:` the last so many images that each channel has named stay. Two are what it names and what
    /// rollback goes back to, so that fewer can't be said.
    pub keep_per_channel: usize,
}

impl Retention {
    /// What is kept per channel where nothing is said, and the least that can be.
    pub const LEAST_PER_CHANNEL: usize = 2;
}
