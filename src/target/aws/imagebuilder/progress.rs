//! What an image build is at, in the service's own words.

use super::builds::{self, ImageBuild, Stage};
use crate::target::aws::api::Api;
use std::time::Duration;
use tokio::time::Instant;

/// What the service is at, told once each.
#[derive(Default)]
pub struct Progress {
    asked: Option<Instant>,
    told: String,
}

/// How often the service's own steps are asked for; and by how many builds at once at most, because that takes calls for
/// each build. The state of a build is in the listing that all share.
const STEPS: (Duration, u32) = (Duration::from_secs(20), 8);

impl Progress {
    /// What is new, where something is.
    pub async fn news(&mut self, api: &Api, build: &ImageBuild, watched: u32) -> Option<String> {
        let Stage::Underway(word) = &build.stage else { return None };
        let (often, few) = STEPS;
        let mut now = word.to_lowercase();
        if watched <= few {
            if self.asked.is_some_and(|asked| asked.elapsed() < often) {
                return None;
            }
            self.asked = Some(Instant::now());
            // Progress is a courtesy: where it can't be read, results come all the same.
            let steps = builds::steps(api, &build.arn).await.unwrap_or_default();
            if let Some(step) = steps.iter().rev().find(|step| step.status == "RUNNING") {
                now = format!("{now}, {}", step.name);
            }
        }
        if now == self.told {
            return None;
        }
        self.told.clone_from(&now);
        Some(format!("Image Builder: {now}"))
    }
}
