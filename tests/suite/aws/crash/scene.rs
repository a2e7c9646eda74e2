//! A world in which one image is published already, and in which many builds die one after another, each of a plan of
//! its own.

use super::machine::{Machine, RECIPE, planned, recipe};
use crate::aws::wire::Wire;
use crate::fake_aws::agents::shell::ShellAgent;
use crate::fake_aws::{Consistency, Fake, Latencies, Settings};
use amifactory::identity::Digest;
use amifactory::recipe::Factory;
use amifactory::target::aws::AwsTarget;
use std::sync::Arc;
use std::time::Duration;

pub struct Scene {
    pub fake: Fake,
    revision: u32,
}

/// How long it takes at most until everybody sees what there is, and until what ends has ended.
const SETTLED: Duration = Duration::from_secs(300);

/// Everything takes time, and nothing takes longer than a few looks: looks that show no change are all alike.
pub const QUICK: Latencies = Latencies {
    call: Duration::from_millis(80),
    running: Duration::from_secs(1),
    agent: Duration::from_secs(2),
    stop: Duration::from_secs(2),
    terminate: Duration::from_secs(3),
    image: Duration::from_secs(3),
    snapshot: Duration::from_secs(2),
    volume: Duration::from_secs(1),
    reboot: Duration::from_secs(5),
    delivery: Duration::from_secs(1),
    parameter_check: Duration::from_secs(1),
    image_builder: Duration::from_secs(1),
};

impl Scene {
    pub async fn new(seed: u64, consistency: Consistency) -> Scene {
        let fake = Fake::new(Settings {
            seed,
            latencies: QUICK,
            consistency,
            start: time::OffsetDateTime::now_utc(),
            ..Settings::new(Arc::new(ShellAgent::new().unwrap()))
        });
        let scene = Scene { fake, revision: 0 };
        Machine::new(&scene.fake).build(&recipe(0), "the old image").await;
        scene
    }

    /// The recipe after another change, the digest of its plan, and how ids of its builds begin.
    pub async fn next(&mut self) -> (Factory, Digest, String) {
        self.revision += 1;
        let factory = recipe(self.revision);
        let target = AwsTarget::with_config(&Wire::new(&self.fake).config());
        let digest = planned(&factory, &target).await.0.digest;
        let prefix = format!("{RECIPE}-{}-", digest.short());
        (factory, digest, prefix)
    }

    /// Time passes, and with it everything that was under way.
    pub async fn settle(&self) {
        tokio::time::sleep(SETTLED).await;
    }
}
