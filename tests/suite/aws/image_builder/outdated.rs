//! What builds of older plans were made of goes in time, and never what something needs.

use super::pipelines::{apply, declared, nightly};
use super::shared::{self, seconds};
use crate::aws::factory;
use crate::aws::weather::place::Place;
use amifactory::pipeline::{BuildOptions, sweep};
use amifactory::target::aws::policy::{Scope, image_builder};
use std::collections::BTreeSet;
use std::time::Duration;

const MONTH: Duration = Duration::from_secs(31 * 86_400);

/// All that stands for plans, by its ARN.
fn there(place: &Place) -> BTreeSet<String> {
    let world = place.fake.world();
    world.imagebuilder.resources.keys().filter(|arn| !arn.contains("image-pipeline/")).cloned().collect()
}

async fn build(place: &Place, content: &str) {
    let target = shared::target(place);
    let (plan, launch) = factory::plan_of(&target, "web", content, &factory::by_parameter()).await;
    place.build_on(&target, &plan, &launch, &BuildOptions::default()).await.well_within(seconds(900));
}

/// Their kinds, as `sweep` lists and removes them.
async fn swept(place: &Place) -> Vec<String> {
    let target = shared::target(place);
    let found = sweep::find(&target, &place.state()).await.unwrap();
    let told = found.iter().map(|left| left.resource.to_string());
    let told = told.map(|told| told.split(" arn:").next().unwrap().to_owned()).collect();
    let removed = sweep::remove(&target, &place.state(), found).await;
    removed.unwrap();
    told
}

#[tokio::test(start_paused = true)]
async fn components_and_recipes_of_older_plans_go_after_a_month_and_come_again_where_they_are_needed() {
    let place = Place::new(|_| {});
    build(&place, "first").await;
    let first = there(&place);
    assert_eq!(swept(&place).await, [] as [String; 0]);
    tokio::time::sleep(MONTH).await;
    // The newest stays, however old: the next build may well be made of it.
    assert_eq!(swept(&place).await, [] as [String; 0]);
    build(&place, "second").await;
    let second: BTreeSet<String> = there(&place).difference(&first).cloned().collect();
    assert!(!second.is_empty());
    let told = swept(&place).await;
    assert_eq!(told[0], "image recipe", "recipes go before what they are made of: {told:?}");
    assert!(told.len() > 1 && told[1..].iter().all(|told| told == "component"), "{told:?}");
    // The configuration is that of both, and so is what both carry.
    let is_of_second = |arn: &&String| {
        let world = place.fake.world();
        let recipe = second.iter().find(|arn| arn.contains(":image-recipe/")).unwrap();
        let recipe = serde_json::to_string(&world.imagebuilder.resources[recipe].body).unwrap();
        recipe.contains(arn.as_str()) || arn.contains(":infrastructure-configuration/")
    };
    let both: BTreeSet<String> = first.iter().filter(is_of_second).cloned().collect();
    assert_eq!(there(&place), &both | &second);
    assert_eq!(swept(&place).await, [] as [String; 0]);

    // The older plan comes back: the service counts on, and the same is made again and found again.
    let target = shared::target(&place);
    let (plan, launch) = factory::plan_of(&target, "web", "first", &factory::by_parameter()).await;
    for _ in 0..2 {
        let forced = BuildOptions { force: true, ..BuildOptions::default() };
        let target = shared::target(&place);
        place.build_on(&target, &plan, &launch, &forced).await.well_within(seconds(900));
    }
    let names = |arns: BTreeSet<String>| arns.iter().map(|arn| arn.split('/').nth(1).unwrap().to_owned()).collect();
    let (again, both): (BTreeSet<String>, BTreeSet<String>) = (names(there(&place)), names(&first | &second));
    assert_eq!(again, both);

    let policy = image_builder(&Scope::default());
    let world = place.fake.world();
    for call in world.calls.iter().filter(|call| call.service == "imagebuilder") {
        let action = format!("imagebuilder:{}", call.action);
        assert!(policy.allows(&action), "{action} was called and is not allowed");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_pipeline_is_made_of_stays() {
    let place = Place::new(|_| {});
    let target = shared::target(&place);
    let (_, _, draft) = declared(&target, "first", &nightly()).await;
    apply(&target, Some(&draft)).await;
    let of_pipeline = there(&place);
    tokio::time::sleep(MONTH).await;
    build(&place, "second").await;
    assert_eq!(swept(&place).await, [] as [String; 0]);
    assert!(of_pipeline.is_subset(&there(&place)));
    // Nobody declares it any more.
    apply(&shared::target(&place), None).await;
    let told = swept(&place).await;
    assert!(told.contains(&"image recipe".to_owned()) && told.contains(&"component".to_owned()), "{told:?}");
    assert!(there(&place).is_disjoint(&of_pipeline.into_iter().filter(|arn| arn.contains(":image-recipe/")).collect()));
}

#[tokio::test(start_paused = true)]
async fn what_somebody_uses_by_now_stays_and_says_so() {
    let place = Place::new(|_| {});
    build(&place, "first").await;
    tokio::time::sleep(MONTH).await;
    build(&place, "second").await;
    let target = shared::target(&place);
    let found = sweep::find(&target, &place.state()).await.unwrap();
    let component = found.iter().find(|left| left.resource.to_string().starts_with("component ")).unwrap().clone();
    // Its recipe is still there.
    let error = sweep::remove(&target, &place.state(), vec![component]).await.unwrap_err().to_string();
    assert!(error.contains("imagebuilder:DeleteComponent") && error.contains("ResourceDependency"), "{error}");
}
