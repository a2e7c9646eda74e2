//! A journal that a crash cut off, at every byte: it costs time at most.

use super::contract;
use super::dying::Dying;
use super::machine::{Machine, build, planned, state};
use super::scene::Scene;
use crate::fake_aws::Consistency;
use amifactory::target::aws::AwsTarget;
use std::fs;

#[tokio::test(start_paused = true)]
async fn crash_contract_on_aws_with_a_journal_cut_at_every_byte() {
    let mut scene = Scene::new(5, Consistency::none()).await;
    let (factory, digest, prefix) = scene.next().await;
    let machine = Machine::new(&scene.fake);
    let wire = |place: &str| Dying::before(&scene.fake, machine.state.path(), place, "PutParameter");
    let first = wire("the first");
    let target = AwsTarget::with_config(&first.config());
    let (plan, launch) = planned(&factory, &target).await;
    let folder = state(machine.state.path());
    assert!(first.run(build(&target, &folder, &plan, &launch)).await.is_none(), "it dies before it publishes");
    let build_folder = machine.state.path().join("builds").join(format!("{prefix}1"));
    let path = build_folder.join("journal.jsonl");
    let whole = fs::read(&path).unwrap();
    let count = |action: &str| scene.fake.world().count(action);
    let (launched, imaged) = (count("RunInstances"), count("CreateImage"));
    for cut in 0..=whole.len() {
        let place = format!("cut at {cut} of {}", whole.len());
        fs::write(&path, &whole[..cut]).unwrap();
        // It comes to where the first came, and dies there too.
        let wire = wire(&place);
        let target = AwsTarget::with_config(&wire.config());
        let ended = wire.run(build(&target, &folder, &plan, &launch)).await;
        assert!(ended.is_none(), "{place}: {ended:?}");
        assert_eq!(fs::read_dir(build_folder.parent().unwrap()).unwrap().count(), 1, "{place}: one build");
    }
    assert_eq!((count("RunInstances"), count("CreateImage")), (launched, imaged), "nothing was made again");
    machine.build(&factory, "the last").await;
    scene.settle().await;
    contract::complete(&scene.fake, "web", &digest, "the last");
    contract::nothing_is_left(&scene.fake, "the last");
    crate::skip::say(&format!("journal cut at {} places", whole.len() + 1));
    assert!(whole.len() > 500, "a journal of {} bytes tells too little", whole.len());
}
