//! Whole builds on the AWS target, in paused time.

use super::wire::Wire;
use crate::fake_aws::agents::shell::ShellAgent;
use crate::fake_aws::{Fake, Latencies, Settings};
use amifactory::pipeline::{BuildOptions, Engine, Event, Sink, StateFolder};
use amifactory::target::aws::AwsTarget;
use std::sync::Arc;

struct Printing;

impl Sink for Printing {
    fn event(&self, event: &Event) {
        println!("{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_goes_through_and_the_second_one_finds_nothing_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::new(Settings {
        latencies: Latencies::realistic(),
        start: time::OffsetDateTime::now_utc(),
        ..Settings::new(Arc::new(ShellAgent::new().unwrap()))
    });
    let wire = Wire::new(&fake);
    let target = AwsTarget::with_config(&wire.config());
    let (plan, launch) = super::factory::plan(&target).await;
    let state = StateFolder::open(&folder.path().join("state")).unwrap();
    let engine = Engine { target: &target, state: &state, sink: &Printing };
    let built = engine.build(&plan, &launch, &BuildOptions::default()).await.unwrap();
    println!("{built:?}");
    for call in &fake.world().calls {
        println!("{call:?}");
    }
}
