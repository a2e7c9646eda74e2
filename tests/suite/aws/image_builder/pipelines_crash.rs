//! The crash contract of pipelines: the program is stopped at every request, and the same command again comes to the same.

use super::pipelines::{Silent, apply, declared, nightly, own, pipelines, run};
use crate::aws::crash::contract;
use crate::aws::crash::dying::{Death, Dying};
use crate::aws::crash::scene::QUICK;
use crate::aws::crash::threads::{self, Work};
use crate::aws::wire::Wire;
use crate::fake_aws::agents::shell::ShellAgent;
use crate::fake_aws::{Fake, Settings};
use amifactory::pipeline::adopt::{self, Adopted, Waiting};
use amifactory::pipeline::schedules;
use amifactory::pipeline::{Engine, StateFolder, sweep};
use amifactory::target::Draft;
use amifactory::target::aws::AwsTarget;
use std::sync::Arc;
use std::time::Duration;

/// Every so many requests, unless all are asked for: each is a whole run by the service.
const SAMPLE: usize = 4;

fn world() -> Fake {
    let start = time::OffsetDateTime::now_utc();
    Fake::new(Settings { latencies: QUICK, start, ..Settings::new(Arc::new(ShellAgent::new().unwrap())) })
}

fn fresh(fake: &Fake) -> AwsTarget {
    AwsTarget::with_config(&Wire::new(fake).config()).by_image_builder(Default::default())
}

/// What `pipeline apply --start` does; another content for each number.
async fn applied(target: &AwsTarget, number: usize) -> Draft {
    let (_, _, draft) = declared(target, &format!("content {number}"), &nightly()).await;
    for planned in &apply(target, Some(&draft)).await {
        schedules::start(pipelines(target), planned).await.unwrap();
    }
    draft
}

async fn deaths_of_apply(death: Death, offset: usize) -> usize {
    let (first, step) = if crate::aws::crash::all() { (0, 1) } else { (offset, 2) };
    let fake = world();
    let folder = tempfile::tempdir().unwrap();
    StateFolder::open(folder.path()).unwrap();
    for (tried, request) in (first..).step_by(step).enumerate() {
        let place = format!("{death:?} at request {request}");
        let wire = Dying::new(&fake, folder.path(), &place, Some((request, death)));
        let dying = AwsTarget::with_config(&wire.config()).by_image_builder(Default::default());
        if wire.run(applied(&dying, request)).await.is_some() {
            return tried;
        }
        let target = fresh(&fake);
        let draft = applied(&target, request).await;
        let [pipeline] = &pipelines(&target).there().await.unwrap()[..] else { panic!("{place}") };
        assert_eq!(pipeline.shape, draft.shape, "{place}");
        let runs = pipelines(&target).runs(&draft.order.name).await.unwrap();
        let of_it = runs.iter().filter(|run| run.content == draft.shape.content).count();
        assert_eq!(of_it, 1, "{place}: {runs:?}");
        // What a dead run has left is there for an hour, and then nothing but what is needed.
        tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
        let target = fresh(&fake);
        let state = StateFolder::open(folder.path()).unwrap();
        let found = sweep::find(&target, &state).await.unwrap();
        sweep::remove(&target, &state, found).await.unwrap();
        assert_eq!(own(&fake).len(), 2, "{place}: {:?}", own(&fake));
    }
    unreachable!("it has an end");
}

#[test]
fn crash_contract_of_pipeline_apply() {
    let deaths = [Death::BeforeSend, Death::ReplyLost, Death::BeforeJournal];
    let piece = |(number, death)| threads::piece(move || deaths_of_apply(death, number % 2));
    let work: Vec<Work> = deaths.into_iter().enumerate().map(piece).collect();
    let points = threads::all(work);
    crate::skip::say(&format!("crash points tried of pipeline apply: {points}"));
    assert!(points >= 20, "only {points} crash points");
}

async fn adopted(target: &AwsTarget, state: &StateFolder, number: usize) -> Adopted {
    let (plan, launch, draft) = declared(target, &format!("content {number}"), &nightly()).await;
    let Waiting::Image(made) = adopt::waiting(pipelines(target), &draft).await.unwrap() else { panic!() };
    let engine = Engine { target, state, sink: &Silent };
    let adopted = adopt::adopt(&engine, pipelines(target), (&plan, &launch), &made, nightly().rebuild).await;
    adopted.unwrap_or_else(|error| panic!("{error}"))
}

async fn deaths_of_adopt(death: Death, offset: usize) -> usize {
    let fake = world();
    let (first, step) = if crate::aws::crash::all() { (0, 1) } else { (offset, SAMPLE) };
    for (tried, request) in (first..).step_by(step).enumerate() {
        let place = format!("{death:?} at request {request} of adopt");
        let target = fresh(&fake);
        let (plan, _, draft) = declared(&target, &format!("content {request}"), &nightly()).await;
        apply(&target, Some(&draft)).await;
        run(&target, &draft).await;
        let (here, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let state = StateFolder::open(here.path()).unwrap();
        let wire = Dying::new(&fake, here.path(), &place, Some((request, death)));
        let dying = AwsTarget::with_config(&wire.config()).by_image_builder(Default::default());
        if wire.run(adopted(&dying, &state, request)).await.is_some() {
            return tried;
        }
        contract::pointers_hold(&fake, &place);
        // On the same machine, or on one that knows nothing of it.
        let path = if tried.is_multiple_of(2) { here.path() } else { elsewhere.path() };
        let Adopted::Image(built) = adopted(&fresh(&fake), &StateFolder::open(path).unwrap(), request).await else {
            panic!("{place}")
        };
        assert_eq!(built.record.digest, plan.digest, "{place}");
        tokio::time::sleep(Duration::from_secs(300)).await;
        contract::pointers_hold(&fake, &place);
        contract::complete(&fake, "web", &plan.digest, &place);
        let found = sweep::find(&fresh(&fake), &state).await.unwrap();
        assert_eq!(found, [], "{place}");
        contract::nothing_is_left(&fake, &place);
    }
    unreachable!("it has an end");
}

#[test]
fn crash_contract_of_adopt() {
    let deaths = [Death::BeforeSend, Death::ReplyLost, Death::BeforeJournal];
    let piece = |(number, death)| threads::piece(move || deaths_of_adopt(death, number));
    let work: Vec<Work> = deaths.into_iter().enumerate().map(piece).collect();
    let points = threads::all(work);
    crate::skip::say(&format!("crash points tried of adopt: {points}"));
    assert!(points >= 8, "only {points} crash points");
}
