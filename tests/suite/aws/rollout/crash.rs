//! The program dies at each of its requests, and the same command comes again: there is one new version, one refresh, and
//! the group is where it should be.

use super::{Asked, Bench, Wire, image};
use crate::aws::crash::threads::{self, Work};
use crate::aws::wire::Cut;
use crate::fake_aws::Consistency;
use amifactory::rollout::{Ended, Outcome};
use amifactory::target::aws::AwsTarget;
use std::time::Duration;

/// How long after its death the same command comes.
const LATER: [Duration; 2] = [Duration::ZERO, Duration::from_secs(3600)];

/// What is done, and from where.
#[derive(Debug, Clone, Copy)]
struct Case {
    waves: &'static [&'static [&'static str]],
    asked: Asked<'static>,
    /// What the groups run in the end: 1 is the old image, 2 the new one.
    goal: u32,
}

const ONE: &[&[&str]] = &[&["web"]];
const THERE: Asked<'static> = Asked { back: false, retry: false, why: None, despite: None, take_over: None };

const FORWARD: Case = Case { waves: ONE, asked: THERE, goal: 2 };
const BACK: Case = Case { waves: ONE, asked: Asked { back: true, ..THERE }, goal: 1 };
const RETRY: Case = Case { waves: ONE, asked: Asked { retry: true, ..THERE }, goal: 2 };
const WAVES: Case = Case { waves: &[&["web"], &["api"]], asked: THERE, goal: 2 };

impl Case {
    /// The world in which it begins.
    async fn world(self) -> Bench {
        let groups = self.groups();
        let bench = Bench::new(&groups).await;
        let new = image(2, "us-east-1");
        if self.asked.retry {
            bench.scene.fake.world().autoscaling.unhealthy.insert(new);
            let failed = bench.rolled(self.waves, THERE).await;
            assert!(failed[0].starts_with("web failed"), "{failed:?}");
            bench.scene.fake.world().autoscaling.unhealthy.clear();
        }
        if self.asked.back {
            bench.rolled(self.waves, THERE).await;
        }
        tokio::time::sleep(Duration::from_secs(600)).await;
        bench
    }

    fn groups(self) -> Vec<&'static str> {
        self.waves.iter().flat_map(|wave| wave.iter().copied()).collect()
    }
}

async fn every_request(case: Case, nasty: bool, later: Duration, cut: Cut) -> usize {
    let bench = case.world().await;
    let groups = case.groups();
    let refreshes = bench.seen("web").refreshes.len() + 1;
    let goal = image(case.goal, "us-east-1");
    if nasty {
        bench.scene.fake.world().consistency = Consistency::nasty();
    }
    let saved = bench.saved();
    for request in 0.. {
        bench.set_back(&saved);
        let place = format!("dies at request {request}, {cut:?}, {case:?}, nasty {nasty}, again after {later:?}");
        let wire = Wire::cut(&bench.scene.fake, request, cut);
        let target = AwsTarget::with_config(&wire.config());
        let dead = wire.dead();
        let ended = tokio::select! {
            biased;
            () = dead.notified() => false,
            ended = bench.roll(&target, case.waves, case.asked) => {
                assert!(ended.unwrap().iter().all(|group| group.outcome == Outcome::Done), "{place}");
                true
            }
        };
        tokio::time::sleep(later).await;
        let again = bench.roll(&bench.scene.target(), case.waves, case.asked).await.unwrap();
        let is_fine = |group: &Ended| matches!(group.outcome, Outcome::Done | Outcome::UpToDate);
        assert!(again.iter().all(is_fine), "{place}: {again:?}");
        for (at, group) in groups.iter().enumerate() {
            assert_eq!(bench.images_of(&template(at)).len(), 2, "{place}: one new version for {group}");
            assert_eq!(bench.seen(group).refreshes.len(), refreshes, "{place}: one refresh of {group}");
            assert_eq!(bench.running(group), [goal.clone()].into(), "{place}: {group}");
        }
        if ended {
            assert!(request > 8, "it makes more requests than {request}");
            return request;
        }
    }
    unreachable!("a run has an end");
}

fn template(at: usize) -> String {
    format!("lt-0000000000000000{}", at + 1)
}

#[test]
fn a_roll_out_that_dies_is_gone_on_with_and_nothing_is_done_twice() {
    let mut work: Vec<Work> = Vec::new();
    for cut in [Cut::BeforeSend, Cut::ReplyLost] {
        for later in LATER {
            for case in [FORWARD, BACK, RETRY, WAVES] {
                for nasty in [false, true] {
                    work.push(threads::piece(move || every_request(case, nasty, later, cut)));
                }
            }
        }
    }
    let points = threads::all(work);
    crate::skip::say(&format!("crash points tried in roll-outs on AWS: {points}"));
    assert!(points >= 400, "only {points} crash points");
}
