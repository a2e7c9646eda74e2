//! How much of what the service allows a plan takes: said before anything is asked of it.

use super::document::{MAX_COMPONENTS, MAX_DATA, Wanted, documents};
use super::order::{OrderError, check};
use crate::plan::Plan;
use std::time::Duration;

/// What a plan's components take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// How many there are.
    pub components: usize,
    /// How many characters the largest has.
    pub largest: usize,
}

impl std::fmt::Display for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Room { components, largest } = self;
        write!(f, "{components} of {MAX_COMPONENTS} components, the largest {largest} of {MAX_DATA} characters")
    }
}

/// Whether the service can build a plan, as far as the plan alone shows.
pub fn room(plan: &Plan) -> Result<Room, OrderError> {
    check(&plan.aws, plan.aws.subnet.is_some())?;
    let limit = Duration::from_secs(plan.limits.time_s);
    let wanted = Wanted { recipe: &plan.recipe, plan: &plan.digest, limit, volumes: &[] };
    let components = documents(&plan.bundles, &wanted)?;
    let largest = components.iter().map(|component| component.data.len()).max().unwrap_or_default();
    Ok(Room { components: components.len(), largest })
}
