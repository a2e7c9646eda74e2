//! Channels as `amifactory.yaml` lists them: through which images pass, and what each asks of an image.

use super::Reach;
use crate::identity::Channel;
use serde::Serialize;
use std::time::Duration;

/// A channel and its rules.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChannelRule {
    /// `name:`
    pub name: Channel,
    /// `from:` the channel that images come from; the one before it in the list where nothing is said. None for the
    /// first: builds publish there.
    pub from: Option<Channel>,
    /// `soak:` how long an image must have been in `from`.
    pub soak: Duration,
    /// `minimum_score:` 0 to 100.
    pub minimum_score: Option<f64>,
    /// `maximum_age:` how old an image may be.
    pub maximum_age: Option<Duration>,
    /// `approval:` whether someone must have said yes.
    pub approval: bool,
    /// `regions:`, `accounts:` and the like: where its images are, beside the home region.
    pub reach: Reach,
}

impl ChannelRule {
    /// A channel that asks for nothing.
    pub fn open(name: Channel, from: Option<Channel>) -> ChannelRule {
        ChannelRule {
            name,
            from,
            soak: Duration::ZERO,
            minimum_score: None,
            maximum_age: None,
            approval: false,
            reach: Reach::default(),
        }
    }
}
