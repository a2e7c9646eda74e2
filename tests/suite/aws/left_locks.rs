//! What the program says of locks that someone left or forged, and that a plan leaves them as they are.

use super::distribution::{IMAGE, OWNER, built, run, world};
use super::loopback::Cloud;
use crate::fake_aws::ec2::Home;
use crate::fake_aws::ssm::parameters::Put;
use crate::program::TestFactory;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

const LOCK: &str = "/amifactory/tiny/x86_64/moves/prod";

/// A factory whose images stay at home, with version 1.4.12 that no channel has named, and a lock that is to bring it past
/// all gates to `prod`.
fn forged() -> (Cloud, TestFactory) {
    let (cloud, factory) = (world(), TestFactory::tiny("true"));
    factory.write("amifactory.yaml", "default_target: aws\nchannels: [dev, prod]\n");
    built(&cloud);
    forge(&cloud, 0);
    (cloud, factory)
}

fn home() -> Home {
    Home { account: OWNER.into(), region: "us-east-1".into() }
}

/// Its time is over.
fn forge(cloud: &Cloud, follows: u64) {
    forge_since(cloud, follows, Duration::from_secs(16 * 60));
}

fn forge_since(cloud: &Cloud, follows: u64, ago: Duration) {
    let by = "arn:aws:iam::123456789012:user/colleague";
    let note = json!({
        "at": "2026-11-20T12:00:00Z", "kind": "promote", "by": by, "version": "1.4.12", "from": "dev",
        "why": format!("forged after {follows}"),
    });
    let lock = json!({"id": "00", "by": by, "follows": follows, "to": IMAGE, "note": note});
    let mut world = cloud.fake.world();
    let then = Instant::now().checked_sub(ago).unwrap();
    let store = &mut world.ssm.place(&home()).parameters;
    store.put(Put::by_hand(LOCK, &lock.to_string()), then, Duration::ZERO).unwrap();
    store.settle(then, &|_| true);
}

fn is_locked(cloud: &Cloud) -> bool {
    cloud.fake.world().ssm.parameters().any(|(_, name, _)| name == LOCK)
}

/// Calls that change anything.
fn changes(cloud: &Cloud, from: usize) -> Vec<String> {
    let looks = ["Describe", "Get", "List", "AssumeRole"];
    let world = cloud.fake.world();
    let all = world.calls[from..].iter().map(|call| call.action.clone());
    all.filter(|action| !looks.iter().any(|look| action.starts_with(look))).collect()
}

#[test]
fn a_plan_settles_nothing_and_writes_nothing() {
    let (cloud, factory) = forged();
    let from = cloud.fake.world().calls.len();
    for more in [&[][..], &["--override", "a test"]] {
        let (code, text) =
            run(&cloud, &factory, &[&["promote", "tiny@1.4.12", "--to", "prod", "--plan"], more].concat());
        assert_eq!(code, if more.is_empty() { 3 } else { 0 }, "{text}");
    }
    let (_, text) = run(&cloud, &factory, &["sweep"]);
    assert!(text.contains("it is finished or cleared"), "{text}");
    assert!(cloud.fake.world().calls.len() > from);
    assert_eq!(changes(&cloud, from), [] as [String; 0]);
    assert!(is_locked(&cloud));
}

#[test]
fn a_sweep_tells_in_json_which_locks_it_refused_and_why() {
    let (cloud, factory) = forged();
    let (code, text) = run(&cloud, &factory, &["sweep", "--yes", "--format", "json"]);
    let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap_or_else(|_| panic!("{text}"));
    let refused = &result["refused"][0];
    assert_eq!(
        (code, &refused["kind"], &refused["id"]),
        (0, &json!("move"), &json!("/amifactory/tiny/x86_64/channels/prod"))
    );
    let why = refused["why"].as_str().unwrap();
    for part in [
        "it did not meet the gates of its channel",
        "from (tiny 1.4.12 was never in dev",
        "promote tiny@1.4.12 --to prod",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert!(!is_locked(&cloud));
}

#[test]
fn a_promotion_and_a_rollback_say_what_they_clear() {
    let (cloud, factory) = forged();
    let (code, text) =
        run(&cloud, &factory, &["promote", "tiny@1.4.12", "--to", "prod", "--yes", "--override", "a test"]);
    assert!(code == 0 && text.contains("prod names tiny 1.4.12 now"), "{code}: {text}");
    assert!(text.contains(&format!("/amifactory/tiny/x86_64/channels/prod does not move to {IMAGE}")), "{text}");
    assert!(text.contains("find out who could write it") && !is_locked(&cloud), "{text}");

    forge(&cloud, 1);
    let back = ["rollback", "tiny", "--channel", "prod", "--to", "1.4.12", "--take-over"];
    let (code, text) = run(&cloud, &factory, &back);
    assert!(
        code == 0 && text.contains(&format!("to {IMAGE} that arn:aws:iam::{OWNER}:user/colleague had begun")),
        "{text}"
    );
    assert!(text.contains("is cleared") && !is_locked(&cloud), "{text}");
}

#[test]
fn who_meets_a_move_that_is_under_way_hears_of_it_once_and_how_it_is_taken_over() {
    let (cloud, factory) = (world(), TestFactory::tiny("true"));
    factory.write("amifactory.yaml", "default_target: aws\nchannels: [dev, prod]\n");
    built(&cloud);
    forge_since(&cloud, 0, Duration::from_secs(60));
    let promote = ["promote", "tiny@1.4.12", "--to", "prod", "--override", "a test"];
    let told = "amifactory promote tiny@1.4.12 --to prod --arch x86_64 --take-over --why REASON --yes";

    let (code, text) = run(&cloud, &factory, &[&promote[..], &["--plan"]].concat());
    assert!(code == 3 && text.contains("under-way") && text.contains("user/colleague moves it to"), "{code}: {text}");
    let unfolded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(unfolded.contains(told), "{text}");
    let (code, text) = run(&cloud, &factory, &["history", "tiny"]);
    assert!(code == 0 && text.contains(&format!("is being moved to {IMAGE} (1.4.12) by")), "{code}: {text}");
    assert!(text.contains(told), "{text}");
    let (code, text) = run(&cloud, &factory, &[&promote[..], &["--yes"]].concat());
    assert!(code == 1 && text.matches("being moved to").count() == 1 && text.contains(told), "{code}: {text}");
    let (code, text) = run(&cloud, &factory, &["rollback", "tiny", "--channel", "prod", "--take-over"]);
    assert!(code == 2 && text.contains(told), "{code}: {text}");
    // A reason goes with it.
    let (code, text) = run(&cloud, &factory, &[&promote[..], &["--take-over", "--yes"]].concat());
    assert!(code == 2 && text.contains("--why") && is_locked(&cloud), "{code}: {text}");
    let dead = ["--take-over", "--why", "their machine burned", "--yes"];
    let (code, text) = run(&cloud, &factory, &[&promote[..], &dead].concat());
    assert!(code == 0 && text.contains("prod names tiny 1.4.12 now"), "{code}: {text}");
    assert!(text.contains("user/colleague had begun is cleared") && !is_locked(&cloud), "{text}");
    let (_, text) = run(&cloud, &factory, &["history", "tiny"]);
    assert!(text.contains("their machine burned") && !text.contains("being moved"), "{text}");

    // Where the channel names it already, nothing may be there to go back to: what was decided is brought to its end. Whoever
    // asks for the way back hears that it stays.
    forge_since(&cloud, 1, Duration::from_secs(60));
    let (_, text) = run(&cloud, &factory, &["history", "tiny"]);
    assert!(text.contains(told), "{text}");
    let (code, text) = run(&cloud, &factory, &["rollback", "tiny", "--channel", "prod", "--take-over"]);
    let stays = format!("prod stays at tiny 1.4.12 ({IMAGE}), the move to 1.4.12 was cleared");
    assert!(code == 0 && text.contains(&stays) && !is_locked(&cloud), "{code}: {text}");
}

/// What can't be read as a lock moves nothing, and stops neither `resume` nor `sweep`.
#[test]
fn a_lock_that_can_not_be_read_is_told_and_removed() {
    let (cloud, factory) = forged();
    let damage = || {
        let mut world = cloud.fake.world();
        let now = world.clock.now();
        let store = &mut world.ssm.place(&home()).parameters;
        store.put(Put::by_hand(LOCK, "{\"who\":\"knows\"}"), now, Duration::ZERO).unwrap();
        store.settle(now, &|_| true);
    };
    damage();
    let (code, text) = run(&cloud, &factory, &["sweep"]);
    assert!(code == 0 && text.contains("it moves nothing, and is nobody's") && is_locked(&cloud), "{code}: {text}");
    // Its build can't be planned here, which is told beside it.
    let (_, text) = run(&cloud, &factory, &["resume"]);
    assert!(text.contains("it moved nothing, and was nobody's"), "{text}");
    assert!(text.contains("moves of channels were settled") && !is_locked(&cloud), "{text}");
    damage();
    let (code, text) = run(&cloud, &factory, &["sweep", "--yes", "--format", "json"]);
    let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap_or_else(|_| panic!("{text}"));
    let found = &result["found"][0];
    assert_eq!(
        (code, &found["kind"], &found["id"]),
        (0, &json!("move"), &json!("/amifactory/tiny/x86_64/channels/prod"))
    );
    assert!(!is_locked(&cloud));
}
