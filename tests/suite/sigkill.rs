//! The crash contract (design §4) on the built program and the local target: SIGKILL at random moments.

use crate::program::{TestFactory, can_build_on_host};
use serde_json::json;
use std::time::Duration;

/// A small generator, so that a failure can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

const MOMENTS: u32 = 50;

#[test]
fn crash_contract_sigkill_at_random_moments() {
    if !can_build_on_host("crash_contract_sigkill_at_random_moments") {
        return;
    }
    let factory = TestFactory::tiny("mkdir -p /srv\necho hello >/srv/hello\nsleep 0.1");
    let (_, first) = factory.json(&["build", "tiny"]);
    let mut usual = first["duration_s"].as_f64().unwrap() * 1000.0;
    let mut random = Random(20_261_120);
    let mut last_image = first["image"].clone();
    let (mut killed, mut versions, mut moment) = (0, 1, 0);
    while killed < MOMENTS {
        moment += 1;
        assert!(moment < MOMENTS * 4, "builds end before they are killed: only {killed} of {moment} were");
        // A new plan each time: the build has everything to do.
        factory.group(&format!("1.0.{moment}"), "mkdir -p /srv\necho hello >/srv/hello\nsleep 0.1");
        let wait = random.below(usual as u64);
        let mut child = factory.start(&["build", "tiny"]);
        std::thread::sleep(Duration::from_millis(wait));
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let place = format!("moment {moment}, after {wait} ms");

        let (_, images) = factory.json(&["images"]);
        let named: Vec<_> =
            images["images"].as_array().unwrap().iter().filter(|i| i["channels"] == json!(["dev"])).collect();
        assert_eq!(named.len(), 1, "{place}: {images:#}");
        assert_eq!(named[0]["state"], "verified", "{place}: the pointer names a tested image");

        // The same build again, or a resume and then the build: both must end well.
        if moment % 2 == 0 {
            let (code, resumed) = factory.json(&["resume"]);
            assert_eq!(code, 0, "{place}: {resumed:#}");
        }
        let (code, built) = factory.json(&["build", "tiny"]);
        assert_eq!(code, 0, "{place}: {built:#}");
        usual = built["duration_s"].as_f64().unwrap().max(0.1) * 1000.0;
        versions += 1;
        assert_ne!(built["image"], last_image, "{place}");
        last_image = built["image"].clone();
        assert_eq!(factory.stored("images").len(), versions, "{place}: one image per digest");
        assert_eq!(factory.stored("layers").len(), versions, "{place}: no layer is left over");
        assert!(factory.stored("builders").is_empty(), "{place}");
        let (_, swept) = factory.json(&["sweep"]);
        assert_eq!(swept["found"], json!([]), "{place}");
    }
    crate::skip::say(&format!("killed {killed} of {moment} builds before their end"));
    let (_, images) = factory.json(&["images"]);
    let numbers: std::collections::BTreeSet<String> =
        images["images"].as_array().unwrap().iter().map(|i| i["version"].to_string()).collect();
    assert_eq!(numbers.len(), versions, "no version was given twice");
}
