//! The program dies at each of its requests, and the same command comes again: there is one new version, one refresh, and
//! the group is where it should be.

use super::{Asked, Bench, TEMPLATE, Wire, image};
use crate::aws::crash::threads::{self, Work};
use crate::aws::wire::Cut;
use crate::fake_aws::Consistency;
use amifactory::rollout::Outcome;
use amifactory::target::aws::AwsTarget;
use std::time::Duration;

/// How long after its death the same command comes.
const LATER: [Duration; 2] = [Duration::ZERO, Duration::from_secs(3600)];

async fn every_request(back: bool, nasty: bool, later: Duration, cut: Cut) -> usize {
    let bench = Bench::new(&["web"]).await;
    let asked = Asked { back, ..Asked::default() };
    if back {
        bench.rolled(&[&["web"]], Asked::default()).await;
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
    let refreshes = bench.seen("web").refreshes.len() + 1;
    let goal = image(if back { 1 } else { 2 }, "us-east-1");
    if nasty {
        bench.scene.fake.world().consistency = Consistency::nasty();
    }
    let saved = bench.saved();
    for request in 0.. {
        bench.set_back(&saved);
        let place = format!("dies at request {request}, {cut:?}, back {back}, nasty {nasty}, again after {later:?}");
        let wire = Wire::cut(&bench.scene.fake, request, cut);
        let target = AwsTarget::with_config(&wire.config());
        let dead = wire.dead();
        let ended = tokio::select! {
            biased;
            () = dead.notified() => false,
            ended = bench.roll(&target, &[&["web"]], asked) => {
                assert_eq!(ended.unwrap()[0].outcome, Outcome::Done, "{place}");
                true
            }
        };
        tokio::time::sleep(later).await;
        let again = bench.roll(&bench.scene.target(), &[&["web"]], asked).await.unwrap();
        assert!(matches!(again[0].outcome, Outcome::Done | Outcome::UpToDate), "{place}: {again:?}");
        assert_eq!(bench.images_of(TEMPLATE).len(), 2, "{place}: one new version");
        assert_eq!(bench.seen("web").refreshes.len(), refreshes, "{place}: one refresh");
        assert_eq!(bench.running("web"), [goal.clone()].into(), "{place}");
        if ended {
            assert!(request > 8, "it makes more requests than {request}");
            return request;
        }
    }
    unreachable!("a run has an end");
}

#[test]
fn a_roll_out_that_dies_is_gone_on_with_and_nothing_is_done_twice() {
    let mut work: Vec<Work> = Vec::new();
    for cut in [Cut::BeforeSend, Cut::ReplyLost] {
        for later in LATER {
            for (back, nasty) in [(false, false), (false, true), (true, false), (true, true)] {
                work.push(threads::piece(move || every_request(back, nasty, later, cut)));
            }
        }
    }
    let points = threads::all(work);
    crate::skip::say(&format!("crash points tried in roll-outs on AWS: {points}"));
    assert!(points >= 100, "only {points} crash points");
}
