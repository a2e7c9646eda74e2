//! A promotion dies at each of its requests, and is gone on with in every way that there is.

use super::super::dying::{Death, Dying};
use super::super::machine::Machine;
use super::super::threads::{self, Work};
use super::{Bench, OVER, promote};
use amifactory::release::ReleaseError;
use amifactory::target::aws::AwsTarget;
use amifactory::target::{Settled, TargetError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Resume,
    PromoteAgain,
    AnotherMachine,
}

/// Dies at each request in turn. Answers with how many were tried.
async fn every_request(death: Death, after: After) -> usize {
    let bench = Bench::new().await;
    for request in 0.. {
        let place = format!("{death:?} at request {request}, then {after:?}");
        // To and fro, so that each try has something to do.
        let old = bench.staging();
        let [new, other] = match old.as_str() {
            "1.0.0" => ["1.0.1", "1.0.2"],
            "1.0.1" => ["1.0.2", "1.0.0"],
            _ => ["1.0.0", "1.0.1"],
        };
        let machine = Machine::new(&bench.fake);
        let wire = Dying::new(&bench.fake, machine.state.path(), &place, Some((request, death)));
        let target = AwsTarget::with_config(&wire.config());
        if wire.run(promote(&target, new)).await.is_some() {
            assert!(request > 10, "a promotion makes more requests than {request}");
            return request;
        }
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        let named = bench.staging();
        assert!(named == old || named == new, "{place}: {named}");
        match after {
            After::Resume => {
                let left = bench.locks().len();
                assert_eq!(bench.settle().await, vec![Settled::Underway; left], "{place}: not yet");
                tokio::time::sleep(OVER).await;
                let settled = bench.settle().await;
                let expected = if bench.staging() == named { Settled::Cleared } else { Settled::Finished };
                assert_eq!(settled, vec![expected; left], "{place}");
                assert!(left == 0 || bench.staging() == new, "{place}: what was begun is finished");
            }
            After::PromoteAgain => {
                let busy = promoted(bench.promote(new).await, &place);
                if busy {
                    assert_eq!(bench.staging(), named, "{place}");
                    tokio::time::sleep(OVER).await;
                    while promoted(bench.promote(new).await, &place) {}
                }
                assert_eq!(bench.staging(), new, "{place}");
            }
            After::AnotherMachine => {
                let busy = promoted(bench.promote(other).await, &place);
                if busy {
                    tokio::time::sleep(OVER).await;
                    while promoted(bench.promote(other).await, &place) {}
                }
                assert_eq!(bench.staging(), other, "{place}");
            }
        }
        let rests = bench.staging();
        bench.comes_to_rest(&place).await;
        assert_eq!(bench.staging(), rests, "{place}: it was at rest");
    }
    unreachable!("a promotion has an end");
}

/// Whether it has to be tried again: someone is at it, or was.
fn promoted(outcome: Result<(), ReleaseError>, place: &str) -> bool {
    match outcome {
        Ok(()) => false,
        Err(ReleaseError::Target(TargetError::Busy { by, until, .. })) => {
            assert!(by.starts_with("arn:") && until.ends_with('Z'), "{place}: {by} {until}");
            true
        }
        // What was left was finished first, and then the channel was not what it had been.
        Err(ReleaseError::Target(TargetError::Overtaken { .. }) | ReleaseError::Changed { .. }) => true,
        Err(error) => panic!("{place}: {error}"),
    }
}

#[test]
fn a_promotion_that_dies_is_finished_or_cleared_and_the_channel_names_old_or_new() {
    let mut work: Vec<Work> = Vec::new();
    for death in [Death::BeforeSend, Death::ReplyLost] {
        for after in [After::Resume, After::PromoteAgain, After::AnotherMachine] {
            work.push(threads::piece(move || every_request(death, after)));
        }
    }
    let points = threads::all(work);
    crate::skip::say(&format!("crash points tried in promotions on AWS: {points}"));
    assert!(points >= 60, "only {points} crash points");
}
