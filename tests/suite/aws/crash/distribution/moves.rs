//! A channel moves in all its places: never before all are ready, never differently here and there for long.

use super::super::dying::{Death, Dying};
use super::super::machine::{Machine, recipe_with};
use super::super::threads::{self, Work};
use super::{AWS, Bench, CONSUMER, OWNER, REGIONS, key, place, recipe_name, rules};
use crate::fake_aws::ssm::parameters::Put;
use amifactory::release::distribute::State;
use amifactory::release::{ReleaseError, promote};
use amifactory::target::aws::AwsTarget;
use amifactory::target::{Settled, TargetError};
use std::time::Duration;
use tokio::time::sleep;

/// Longer than a move belongs to whoever began it.
const OVER: Duration = Duration::from_secs(15 * 60 + 30);
/// In so many places the channel is: three regions, in each two accounts.
const PLACES: usize = 6;

fn all(version: &str) -> Vec<String> {
    vec![version.to_owned(); PLACES]
}

#[tokio::test(start_paused = true)]
async fn a_channel_moves_everywhere_and_back_and_verify_agrees() {
    let bench = Bench::released().await;
    assert_eq!(bench.prod(), all("1.0.0"));
    assert_eq!(bench.drift().await, [] as [String; 0]);
    let rows = bench.promote(&bench.target(), "1.0.1").await.unwrap();
    assert!(rows.len() == PLACES && rows.iter().all(|row| row.state == State::Moved), "{rows:#?}");
    assert_eq!((bench.prod(), bench.locks()), (all("1.0.1"), 0));
    let from = bench.fake.world().calls.len();
    let began = tokio::time::Instant::now();
    let back = bench.roll_back(&bench.target(), None).await.unwrap();
    assert!(back.moved && back.rows.len() == PLACES, "{:#?}", back.rows);
    assert_eq!((bench.prod(), bench.locks()), (all("1.0.0"), 0));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    println!("a rollback over {PLACES} places: {} calls, {:?}", bench.fake.world().calls.len() - from, began.elapsed());
    let again = bench.roll_back(&bench.target(), Some("1.0.0")).await.unwrap();
    assert!(!again.moved);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(bench.drift().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn no_pointer_moves_where_one_account_can_not_use_the_image() {
    let bench = Bench::released().await;
    bench.fake.world().ec2.key_users.remove(&key("eu-central-1"));
    let rows = bench.promote(&bench.target(), "1.0.1").await.unwrap();
    let failed: Vec<_> = rows.iter().filter(|row| row.state == State::Failed).collect();
    assert!(failed.len() == 1 && failed[0].why.as_ref().unwrap().contains("kms:Decrypt"), "{rows:#?}");
    assert_eq!((bench.prod(), bench.locks()), (all("1.0.0"), 0));
    bench.fake.world().ec2.key_users.entry(key("eu-central-1")).or_default().insert(CONSUMER.into());
    bench.promote(&bench.target(), "1.0.1").await.unwrap();
    assert_eq!(bench.prod(), all("1.0.1"));
}

#[tokio::test(start_paused = true)]
async fn a_place_that_does_not_follow_is_told_and_the_same_again_brings_it() {
    let bench = Bench::released().await;
    // Parameter Store drops what names an image that it does not find.
    bench.distribute(&bench.target()).await.unwrap();
    let target = bench.target();
    let prod = "/amifactory/web/x86_64/channels/prod";
    {
        let mut world = bench.fake.world();
        let now = world.clock.now();
        let put = Put::by_hand(prod, "latest, please");
        let store = &mut world.ssm.place(&place(OWNER, "us-west-2")).parameters;
        store.put(put, now, Duration::ZERO).unwrap();
        store.settle(now, &|_| true);
    }
    let found = bench.drift().await;
    assert!(found.iter().any(|drift| drift.contains("us-west-2")), "{found:?}");
    // What someone wrote there by hand is written over: home decides.
    let rows = bench.promote(&target, "1.0.1").await.unwrap();
    assert!(rows.iter().all(|row| row.state == State::Moved), "{rows:#?}");
    assert_eq!(bench.prod(), all("1.0.1"));
    let away = bench.value(&place(CONSUMER, "us-west-2"), &prod.replace("channels/prod", "versions/1.0.0")).unwrap();
    {
        let mut world = bench.fake.world();
        let now = world.clock.now();
        let store = &mut world.ssm.place(&place(CONSUMER, "us-west-2")).parameters;
        store.put(Put::by_hand(prod, &away), now, Duration::ZERO).unwrap();
        store.settle(now, &|_| true);
    }
    let found = bench.drift().await;
    let here = format!("{prod} in us-west-2 of account {CONSUMER}");
    assert!(
        found.len() == 1 && found[0].contains(&here) && found[0].contains("promote web@1.0.1 --to prod"),
        "{found:?}"
    );
    let rows = bench.promote(&bench.target(), "1.0.1").await.unwrap();
    assert!(rows.iter().all(|row| row.state == State::Moved), "{rows:#?}");
    assert_eq!((bench.prod(), bench.drift().await), (all("1.0.1"), Vec::new()));
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Resume,
    Again,
}

const STRIPES: usize = 6;

/// Dies at each request of a promotion whose copies are there. Each stripe has a world in which `prod` goes to and fro.
async fn every_request(after: After, stripe: usize) -> usize {
    let bench = Bench::released().await;
    bench.promote(&bench.target(), "1.0.1").await.unwrap();
    let mut tried = 0;
    for request in (stripe..).step_by(STRIPES) {
        let old = bench.prod()[0].clone();
        let new = if old == "1.0.0" { "1.0.1" } else { "1.0.0" };
        let death = [Death::BeforeSend, Death::ReplyLost][request / STRIPES % 2];
        let place = format!("{death:?} at request {request}, then {after:?}");
        let machine = Machine::new(&bench.fake);
        let wire = Dying::new(&bench.fake, machine.state.path(), &place, Some((request, death)));
        let target = AwsTarget::with_config(&wire.config());
        if wire.run(bench.promote(&target, new)).await.is_some() {
            return tried;
        }
        tried += 1;
        sleep(Duration::from_secs(5)).await;
        let named = bench.prod();
        assert!(named.iter().all(|version| *version == old || version == new), "{place}: {named:?}");
        assert!(named[0] == new || named == all(&old), "{place}: a place moved before home: {named:?}");
        let left = bench.locks();
        assert!(left > 0 || named == all(&old) || named == all(new), "{place}: nobody would finish it: {named:?}");
        match after {
            After::Resume => {
                assert_eq!(bench.settle().await, vec![Settled::Underway; left], "{place}: not yet");
                sleep(OVER).await;
                bench.settle().await;
                let expected = if left > 0 || named[0] == new { all(new) } else { all(&old) };
                assert_eq!(bench.prod(), expected, "{place}");
            }
            After::Again => {
                if let Err(error) = bench.promote(&bench.target(), new).await {
                    let busy = matches!(&error, ReleaseError::Target(TargetError::Busy { .. }));
                    assert!(busy, "{place}: {error}");
                    sleep(OVER).await;
                    bench.promote(&bench.target(), new).await.unwrap();
                }
                assert_eq!(bench.prod(), all(new), "{place}");
                // One that died as it let go has left its lock, and nothing to do.
                sleep(OVER).await;
                bench.settle().await;
                assert_eq!(bench.prod(), all(new), "{place}");
            }
        }
        assert_eq!(bench.locks(), 0, "{place}");
        sleep(Duration::from_secs(10)).await;
        assert_eq!(bench.drift().await, [] as [String; 0], "{place}");
    }
    tried
}

#[test]
fn a_promotion_over_places_that_dies_is_finished_or_cleared_in_all_of_them() {
    let mut work: Vec<Work> = Vec::new();
    for after in [After::Resume, After::Again] {
        for stripe in 0..STRIPES {
            work.push(threads::piece(move || every_request(after, stripe)));
        }
    }
    let points = threads::all(work);
    crate::skip::say(&format!("crash points tried in promotions over {} regions: {points}", REGIONS.len()));
    assert!(points >= 100, "only {points} crash points");
}

/// Two who move it to different versions, the second a little later each time but before the first has ended: never both,
/// and all places agree.
async fn two_at_once(later: u64) -> usize {
    let bench = Bench::released().await;
    Machine::new(&bench.fake).build(&recipe_with(2, AWS), "the third image").await;
    for version in ["1.0.1", "1.0.2", "1.0.0"] {
        bench.promote(&bench.target(), version).await.unwrap();
    }
    let (one, two) = (bench.target(), bench.target());
    let second = async {
        sleep(Duration::from_millis(later)).await;
        bench.roll_back(&two, Some("1.0.2")).await
    };
    let (first, second) = tokio::join!(bench.promote(&one, "1.0.1"), second);
    let place = format!("{later} ms later: {:?}, {:?}", first.is_ok(), second.as_ref().map(|done| done.moved).ok());
    let second_moved = second.is_ok_and(|done| done.moved);
    assert!(!(first.is_ok() && second_moved), "both have moved it: {place}");
    assert!(first.is_ok() || second_moved, "nobody has: {place}");
    let won = if second_moved { "1.0.2" } else { "1.0.1" };
    assert_eq!((bench.prod(), bench.locks()), (all(won), 0), "{place}");
    1
}

#[test]
fn two_managers_over_several_places_never_both_succeed() {
    let work: Vec<Work> = (0..8).map(|step| threads::piece(move || two_at_once(step * 150))).collect();
    assert_eq!(threads::all(work), 8);
}

/// A rule that became stricter since says nothing of an image that the channel names: it is only brought to all places.
#[tokio::test(start_paused = true)]
async fn what_the_channel_names_already_is_asked_no_gate_again() {
    let bench = Bench::released().await;
    let mut stricter = rules();
    (stricter[1].approval, stricter[1].soak) = (true, Duration::from_secs(86_400));
    let ask = |version: &str| promote::Request {
        recipe: recipe_name(),
        version: Some(version.parse().unwrap()),
        to: "prod".into(),
        arch: None,
        why: None,
        overridden: Some("it is there".into()),
        approval: None,
        take_over: false,
    };
    let there = promote::plan(&bench.target(), &stricter, &ask("1.0.0")).await.unwrap();
    assert!(there.is_done() && there.unmet.is_empty(), "{:?}", there.unmet);
    assert!(there.override_unused && there.note.overridden.is_none() && there.note.gates.is_empty());
    let other = promote::plan(&bench.target(), &stricter, &ask("1.0.1")).await.unwrap();
    assert_eq!((other.unmet.len(), other.override_unused, other.named_once), (2, false, None));
}
