//! Bundles, names and comments at their limits and past them.

use super::CALM;
use crate::aws::factory::{self, bundle, step};
use crate::aws::weather::place::{Place, seconds};
use amifactory::identity::Digest;
use amifactory::pipeline::BuildOptions;
use amifactory::plan::{BundleStep, Plan};

/// Steps with this many bytes of text that no packing makes smaller than about half.
fn large(plan: &mut Plan, bytes: usize) {
    let mut text = String::new();
    let mut number = 0;
    while text.len() < bytes {
        text.push_str(Digest::of(format!("{number}")).as_str());
        number += 1;
    }
    let chunks = text.as_bytes().chunks(30_000).enumerate();
    let steps: Vec<BundleStep> = chunks
        .map(|(n, chunk)| step(&format!("group/large/{n}"), &format!("echo {}", String::from_utf8_lossy(chunk))))
        .collect();
    plan.bundles.apply = bundle("apply", &steps);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_into_one_command_goes_in_several() {
    let place = Place::new(|settings| settings.faults.lost_reply_rate = 0.1);
    let ended = place.build_with(|plan| large(plan, 200_000), &BuildOptions::default()).await;
    ended.well_within(CALM + seconds(300));
    let world = place.fake.world();
    let sent: Vec<usize> = world
        .calls
        .iter()
        .filter(|call| call.action == "SendCommand")
        .map(|call| call.params["Parameters"].to_string().len())
        .collect();
    assert!(sent.len() > 3, "{sent:?}");
    assert!(sent.iter().all(|bytes| *bytes <= 64_000), "{sent:?}");
    drop(world);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_at_all_is_refused_before_anything_is_launched() {
    let place = Place::new(|_| {});
    let ended = place.build_with(|plan| large(plan, 2_000_000), &BuildOptions::default()).await;
    let text = ended.badly_within(seconds(5));
    assert!(text.contains("large files in steps do that"), "{text}");
    assert_eq!(place.calls("RunInstances").0, 0);
    assert!(place.state().builds().unwrap().is_empty(), "no build was begun");
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_longest_names_fit() {
    let place = Place::new(|_| {});
    let target = place.target();
    let name = "a".repeat(63);
    let (plan, launch) = factory::plan_of(&target, &name, "first", &factory::by_parameter()).await;
    place.build_on(&target, &plan, &launch, &BuildOptions::default()).await.well_within(CALM);
    let world = place.fake.world();
    for call in &world.calls {
        let text = |name: &str| call.params[name].as_str().unwrap_or_default().chars().count();
        assert!(text("ClientToken") <= 64 && text("Comment") <= 100 && text("Description") <= 255, "{call:?}");
        assert!(call.action != "CreateImage" || text("Name") <= 128, "{call:?}");
    }
    drop(world);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}
