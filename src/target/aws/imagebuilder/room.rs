//! How much of what the service allows a plan takes: said before anything is asked of it.

use super::document::{MAX_COMPONENTS, MAX_DATA, MAX_STORED, Wanted, documents};
use super::order::{OrderError, check};
use crate::plan::Plan;
use std::time::Duration;

/// What a plan's components take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// How many there are.
    pub components: usize,
    /// How many characters the largest has.
    pub largest: usize,
    /// The bucket that large ones go through, where some are.
    pub bucket: Option<String>,
}

impl std::fmt::Display for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Room { components, largest, bucket } = self;
        let (most, through) = match bucket {
            None => (MAX_DATA, String::new()),
            Some(bucket) => (MAX_STORED, format!(", through the bucket {bucket}")),
        };
        write!(f, "{components} of {MAX_COMPONENTS} components, the largest {largest} of {most} characters{through}")
    }
}

/// Whether the service can build a plan, as far as the plan alone shows.
pub fn room(plan: &Plan) -> Result<Room, OrderError> {
    check(&plan.aws, plan.aws.subnet.is_some())?;
    let limit = Duration::from_secs(plan.limits.time_s);
    let wanted = Wanted {
        recipe: &plan.recipe,
        plan: &plan.digest,
        limit,
        volumes: &[],
        bucket: plan.aws.component_bucket.as_deref(),
    };
    let components = documents(&plan.bundles, &wanted)?;
    let largest = components.iter().map(|component| component.data.len()).max().unwrap_or_default();
    let bucket = components.iter().find_map(|component| component.bucket.clone());
    Ok(Room { components: components.len(), largest, bucket })
}
