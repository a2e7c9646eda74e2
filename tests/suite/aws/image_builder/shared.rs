//! What these tests share.

use crate::aws::factory;
use crate::aws::weather::place::Place;
pub use crate::aws::weather::place::seconds;
use amifactory::pipeline::{BuildOptions, Built};
use amifactory::target::aws::AwsTarget;

/// The target as a new run of the program has it.
pub fn target(place: &Place) -> AwsTarget {
    place.target().by_image_builder(Default::default())
}

/// Builds the usual plan.
pub async fn built(place: &Place, options: &BuildOptions) -> Built {
    let target = target(place);
    let (plan, launch) = factory::plan(&target).await;
    place.build_on(&target, &plan, &launch, options).await.well_within(seconds(900)).clone()
}

/// Calls since then that change something.
pub fn changes(place: &Place, since: usize) -> Vec<String> {
    let world = place.fake.world();
    let look = |action: &&str| !["Describe", "Get", "List"].iter().any(|word| action.starts_with(word));
    world.calls[since..].iter().map(|call| call.action.as_str()).filter(look).map(str::to_owned).collect()
}

/// What of one build alone is left at the service.
pub fn left(place: &Place) -> Vec<String> {
    let world = place.fake.world();
    let images = world.imagebuilder.images.keys().cloned();
    let resources = world.imagebuilder.resources.keys().filter(|arn| arn.contains(":distribution-configuration/"));
    images.chain(resources.cloned()).collect()
}
