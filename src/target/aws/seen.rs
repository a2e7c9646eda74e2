//! What EC2 describes, in the engine's terms.

use super::view::{Ami, Instance, Life};
use crate::target::{Builder, BuilderState, Image, TargetError};
use std::collections::BTreeSet;

/// What has not ended.
pub fn alive((instances, online): (Vec<Instance>, BTreeSet<String>)) -> Result<Vec<Builder>, TargetError> {
    let alive = instances.into_iter().filter(|instance| instance.life != Life::Gone);
    alive.map(|instance| builder(&instance, online.contains(&instance.id))).collect()
}

/// An instance, as a builder.
pub fn builder(instance: &Instance, online: bool) -> Result<Builder, TargetError> {
    let state = match instance.life {
        Life::Stopped => BuilderState::Stopped,
        Life::Stopping => BuilderState::Stopping,
        Life::Up | Life::Gone if online => BuilderState::Running,
        Life::Up | Life::Gone => BuilderState::Pending,
    };
    Ok(Builder {
        id: instance.id.parse().map_err(|error| strange(&instance.id, &error))?,
        token: instance.token.clone(),
        state,
        created_at: instance.launched_at.clone(),
        tags: instance.tags.clone(),
    })
}

/// An AMI, as an image.
pub fn image(ami: Ami) -> Result<Image, TargetError> {
    Ok(Image {
        id: ami.id.parse().map_err(|error| strange(&ami.id, &error))?,
        name: ami.name,
        tags: ami.tags,
        available: ami.available,
        failed: ami.failed,
        created_at: ami.created_at,
        public: ami.public,
    })
}

fn strange(id: &str, error: &dyn std::fmt::Display) -> TargetError {
    TargetError::Damaged {
        what: format!("an id in EC2's answer, `{id}`"),
        why: error.to_string(),
        help: "check AWS_ENDPOINT_URL: this is not how EC2 answers".into(),
    }
}
