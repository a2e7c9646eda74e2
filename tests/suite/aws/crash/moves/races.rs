//! Two who move one channel at once: at each request of the first the second one runs from beginning to end.

use super::super::threads::{self, Work};
use super::frozen::{Frozen, Stands};
use super::{Bench, OVER, promote};
use amifactory::target::aws::AwsTarget;
use std::time::Duration;
use tokio::time::sleep;

/// How long the first stands still before the second begins: not at all, or until its time is over.
const PAUSES: [Duration; 2] = [Duration::ZERO, OVER];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Second {
    Promotes,
    WritesByHand,
}

async fn every_request(stands: Stands, pause: Duration, second: Second) -> usize {
    let bench = Bench::new().await;
    for request in 0.. {
        let place = format!("the first stands {stands:?} {request} for {pause:?}, the second {second:?}");
        // Each try begins alike.
        while bench.staging() != "1.0.0" {
            bench.promote("1.0.0").await.unwrap();
        }
        let revision = bench.history().await.last().unwrap().revision;
        let wire = Frozen::new(&bench.fake, request, stands);
        let target = AwsTarget::with_config(&wire.config());
        let others = async {
            sleep(pause).await;
            match second {
                Second::Promotes => bench.promote("1.0.2").await,
                Second::WritesByHand => {
                    bench.write_by_hand(&bench.image("1.0.2"));
                    Ok(())
                }
            }
        };
        let (first, Some(said)) = wire.run(promote(&target, "1.0.1"), others).await else {
            assert!(request > 10, "a promotion makes more requests than {request}");
            return request;
        };
        let (first_said, second_said) = (first.map_err(|e| e.to_string()), said.map_err(|e| e.to_string()));
        let told = format!("{place}: first {first_said:?}, second {second_said:?}");
        let at_end = bench.staging();
        let history = bench.history().await;
        let moves: Vec<String> = history
            .moves
            .iter()
            .filter(|moved| moved.revision > revision)
            .map(|moved| format!("{} {:?}", moved.revision, moved.version()))
            .collect();
        let told = format!("{told}: {at_end}: {moves:?}");
        match (&first_said, &second_said) {
            (Ok(()), Ok(())) => {
                // One after the other: the second has seen what the first did, or the other way round.
                assert!(moves.len() == 2, "{told}");
                let last_is_second = at_end == "1.0.2";
                assert!(last_is_second || second == Second::WritesByHand || at_end == "1.0.1", "{told}");
                let saw = match second {
                    // Whoever succeeded later began when the other had ended: nothing was between.
                    Second::Promotes => history.is_whole(),
                    Second::WritesByHand => true,
                };
                assert!(saw, "{told}");
            }
            (Ok(()), Err(_)) => assert_eq!(at_end, "1.0.1", "{told}"),
            (Err(_), Ok(())) => assert_eq!(at_end, "1.0.2", "{told}"),
            (Err(_), Err(_)) => assert!(pause > Duration::ZERO, "{told}"),
        }
        bench.comes_to_rest(&told).await;
        assert_eq!(bench.staging(), at_end, "{told}: it was at rest");
    }
    unreachable!("a promotion has an end");
}

#[test]
fn two_that_promote_at_once_never_both_succeed() {
    let mut work: Vec<Work> = Vec::new();
    for stands in [Stands::BeforeSend, Stands::BeforeReply] {
        for pause in PAUSES {
            for second in [Second::Promotes, Second::WritesByHand] {
                work.push(threads::piece(move || every_request(stands, pause, second)));
            }
        }
    }
    let points = threads::all(work);
    crate::skip::say(&format!("interleavings of two promotions on AWS: {points}"));
    assert!(points >= 80, "only {points} interleavings");
}
