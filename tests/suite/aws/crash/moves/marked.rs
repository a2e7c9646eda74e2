//! A build that died before its channel moved, and whose image was revoked since: nobody goes on with it, also where only the
//! mark of its version says so yet.

use super::{Bench, name, recipe_name, rules};
use amifactory::pipeline::published;
use amifactory::pipeline::tags::{self, ImageState};
use amifactory::release::promote::{self, Request};
use amifactory::target::{PointerName, Revocation, Slot, Target};
use std::collections::BTreeSet;

#[tokio::test(start_paused = true)]
async fn a_build_whose_image_is_marked_as_revoked_has_come_to_its_end() {
    let bench = Bench::new().await;
    // Nothing shows any more that these builds ended.
    bench.remove_by_hand("/amifactory/web/x86_64/channels/dev");
    let target = bench.target();
    let unfinished = async || -> Vec<String> {
        let dev = "dev".parse().ok();
        let images = published::ended(&target, &|_| dev.clone()).await.unwrap();
        let left = images.iter().filter(|image| ImageState::of(&image.tags) != ImageState::Published);
        let versions: BTreeSet<_> = left.filter_map(tags::version_of).collect();
        versions.iter().map(ToString::to_string).collect()
    };
    assert_eq!(unfinished().await, ["1.0.0", "1.0.1", "1.0.2"]);
    let version = PointerName { slot: Slot::Version("1.0.1".parse().unwrap()), ..name() };
    let (image, at) = (bench.image("1.0.1").parse().unwrap(), "2026-11-20T12:00:00Z".to_owned());
    let mark = Revocation { image, reason: "leak".into(), by: "ann".into(), at };
    target.mark_revoked(&version, &mark).await.unwrap();
    assert_eq!(unfinished().await, ["1.0.0", "1.0.2"]);
}

/// Who deletes a channel deletes its history; that it was there its images go on saying.
#[tokio::test(start_paused = true)]
async fn a_channel_that_was_deleted_is_told_before_it_is_made_anew() {
    let bench = Bench::new().await;
    let target = bench.target();
    let images = target.images_of(&recipe_name()).await.unwrap();
    let staged = images.iter().find(|image| image.id.as_str() == bench.image("1.0.0")).unwrap();
    amifactory::release::trace::leave(&target, staged, &"staging".parse().unwrap()).await.unwrap();
    let ask = || Request { version: "1.0.1".parse().ok(), ..super::request("1.0.1") };
    assert_eq!(promote::plan(&bench.target(), &rules(), &ask()).await.unwrap().named_once, None);
    bench.remove_by_hand(super::CHANNEL);
    let planned = promote::plan(&bench.target(), &rules(), &ask()).await.unwrap();
    assert_eq!(planned.named_once, "1.0.0".parse().ok());
}
