//! A way back that is open at once, whatever others have left; and no image is taken away that a channel has named.

use super::super::dying::{Death, Dying};
use super::super::machine::Machine;
use super::{Bench, OVER, promote, recipe_name, rules};
use amifactory::pipeline::{StateFolder, sweep};
use amifactory::release::rollback::{self, Ended, Request};
use amifactory::release::{ReleaseError, revoke};
use amifactory::target::aws::AwsTarget;
use amifactory::target::{Settled, TargetError};

fn back(to: &str, take_over: bool) -> Request {
    Request {
        accept: false,
        recipe: recipe_name(),
        channel: "staging".into(),
        arch: None,
        to: Some(to.parse().unwrap()),
        why: None,
        take_over,
    }
}

/// A promotion of 1.0.1 that has died: before the channel was written, or right after that.
async fn dead(before: Option<&str>, death: Death) -> Bench {
    for request in 5..40 {
        let bench = Bench::new().await;
        if let Some(version) = before {
            bench.promote(version).await.unwrap();
        }
        let machine = Machine::new(&bench.fake);
        let wire = Dying::new(&bench.fake, machine.state.path(), "the promotion", Some((request, death)));
        let target = AwsTarget::with_config(&wire.config());
        assert!(wire.run(promote(&target, "1.0.1")).await.is_none(), "it did not die");
        if bench.locks().len() == 1 && (bench.staging() == "1.0.1") == (death == Death::ReplyLost) {
            return bench;
        }
    }
    panic!("no promotion died where it should");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_does_not_wait_for_a_promotion_that_has_happened() {
    let bench = dead(None, Death::ReplyLost).await;
    assert_eq!((bench.staging().as_str(), bench.locks().len()), ("1.0.1", 1));
    rollback::roll_back(&bench.target(), &rules(), &back("1.0.0", false)).await.unwrap();
    assert_eq!((bench.staging().as_str(), bench.locks().len()), ("1.0.0", 0));
    bench.comes_to_rest("after it").await;
    assert_eq!(bench.staging(), "1.0.0");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_takes_over_where_it_is_told_that_the_other_run_is_dead() {
    let bench = dead(Some("1.0.2"), Death::BeforeSend).await;
    assert_eq!((bench.staging().as_str(), bench.locks().len()), ("1.0.2", 1));
    let error = rollback::roll_back(&bench.target(), &rules(), &back("1.0.0", false)).await.err().unwrap();
    assert!(matches!(error, ReleaseError::Target(TargetError::Busy { .. })), "{error}");
    let told = "amifactory rollback web --channel staging --arch x86_64 --take-over";
    assert!(error.to_string().contains(told) && error.to_string().contains("(1.0.1)"), "{error}");
    rollback::roll_back(&bench.target(), &rules(), &back("1.0.0", true)).await.unwrap();
    assert_eq!((bench.staging().as_str(), bench.locks().len()), ("1.0.0", 0));
}

fn take_over() -> Request {
    Request { to: None, ..back("1.0.0", true) }
}

/// A step back from there would be one too many: two versions behind what was about to come.
#[tokio::test(start_paused = true)]
async fn a_take_over_stays_where_the_move_has_not_happened() {
    let bench = dead(Some("1.0.2"), Death::BeforeSend).await;
    assert_eq!((bench.staging().as_str(), bench.locks().len()), ("1.0.2", 1));
    let done = rollback::roll_back(&bench.target(), &rules(), &take_over()).await.unwrap();
    assert_eq!((done.ended, done.cleared.len()), (Some(Ended::Stayed), 1));
    assert_eq!((bench.staging().as_str(), bench.locks().len()), ("1.0.2", 0));
    bench.comes_to_rest("after it").await;
    assert_eq!(bench.staging(), "1.0.2");
    // The next one is a step back like any other.
    rollback::roll_back(&bench.target(), &rules(), &Request { take_over: false, ..take_over() }).await.unwrap();
    assert_eq!(bench.staging(), "1.0.0");
}

#[tokio::test(start_paused = true)]
async fn a_take_over_goes_back_where_the_move_has_happened() {
    let bench = dead(Some("1.0.2"), Death::ReplyLost).await;
    assert_eq!((bench.staging().as_str(), bench.locks().len()), ("1.0.1", 1));
    let done = rollback::roll_back(&bench.target(), &rules(), &take_over()).await.unwrap();
    assert_eq!(done.ended, None);
    assert_eq!((bench.staging().as_str(), bench.locks().len()), ("1.0.2", 0));
}

#[tokio::test(start_paused = true)]
async fn a_take_over_finishes_a_rollback_and_goes_no_step_further() {
    for death in [Death::BeforeSend, Death::ReplyLost] {
        let mut found = false;
        for request in 5..40 {
            let bench = Bench::new().await;
            bench.promote("1.0.1").await.unwrap();
            bench.promote("1.0.2").await.unwrap();
            let machine = Machine::new(&bench.fake);
            let wire = Dying::new(&bench.fake, machine.state.path(), "the rollback", Some((request, death)));
            let target = AwsTarget::with_config(&wire.config());
            let step = Request { take_over: false, ..take_over() };
            assert!(wire.run(rollback::roll_back(&target, &rules(), &step)).await.is_none(), "it did not die");
            let expected = if death == Death::ReplyLost { "1.0.1" } else { "1.0.2" };
            if bench.locks().len() != 1 || bench.staging() != expected {
                continue;
            }
            found = true;
            let done = rollback::roll_back(&bench.target(), &rules(), &take_over()).await.unwrap();
            assert_eq!(done.ended, Some(Ended::Finished), "{death:?}");
            assert_eq!((bench.staging().as_str(), bench.locks().len()), ("1.0.1", 0), "{death:?}");
            bench.comes_to_rest("after it").await;
            assert_eq!(bench.staging(), "1.0.1");
            break;
        }
        assert!(found, "no rollback died where it should: {death:?}");
    }
}

/// A channel that names nothing has nothing to go back to and nothing to stay at.
#[tokio::test(start_paused = true)]
async fn a_first_promotion_that_died_is_taken_over_by_the_next_one() {
    let to_prod = || amifactory::release::promote::Request { to: "prod".into(), ..super::request("1.0.0") };
    for request in 5..40 {
        let bench = Bench::new().await;
        let machine = Machine::new(&bench.fake);
        let wire = Dying::new(&bench.fake, machine.state.path(), "the first", Some((request, Death::BeforeSend)));
        let target = AwsTarget::with_config(&wire.config());
        let dies = async {
            let shown = amifactory::release::promote::plan(&target, &rules(), &to_prod()).await.unwrap();
            amifactory::release::promote::carry_out(&target, &shown).await
        };
        assert!(wire.run(dies).await.is_none(), "it did not die");
        let prod = || bench.value(&super::CHANNEL.replace("staging", "prod"));
        if bench.locks().len() != 1 || prod().is_some() {
            continue;
        }
        let way_back = Request { channel: "prod".into(), ..take_over() };
        let error = rollback::roll_back(&bench.target(), &rules(), &way_back).await.err().unwrap();
        let told = "amifactory promote web@1.0.0 --to prod --arch x86_64 --take-over --why REASON --yes";
        assert!(matches!(error, ReleaseError::Empty { .. }) && error.to_string().contains(told), "{error}");
        let target = bench.target();
        let shown = amifactory::release::promote::plan(&target, &rules(), &to_prod()).await.unwrap();
        let error = amifactory::release::promote::carry_out(&target, &shown).await.unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
        let asked = amifactory::release::promote::Request { take_over: true, ..to_prod() };
        let shown = amifactory::release::promote::plan(&target, &rules(), &asked).await.unwrap();
        amifactory::release::promote::carry_out(&target, &shown).await.unwrap();
        assert_eq!((prod(), bench.locks().len()), (Some(bench.image("1.0.0")), 0));
        return;
    }
    panic!("no promotion died where it should");
}

/// Finished first, the promotion that died would bring out the very image that someone wants to be rid of.
#[tokio::test(start_paused = true)]
async fn a_rollback_does_not_finish_what_was_begun() {
    let bench = dead(Some("1.0.2"), Death::BeforeSend).await;
    tokio::time::sleep(OVER).await;
    rollback::roll_back(&bench.target(), &rules(), &back("1.0.0", false)).await.unwrap();
    let named: Vec<String> = bench.history().await.moves.iter().map(|m| m.version().unwrap().to_string()).collect();
    assert_eq!(named, ["1.0.0", "1.0.2", "1.0.0"]);
    assert_eq!(bench.settle().await, [] as [Settled; 0]);
}

/// A second rollback goes further back, and not to what the first has left.
#[tokio::test(start_paused = true)]
async fn two_rollbacks_go_two_steps_back() {
    let bench = Bench::new().await;
    bench.promote("1.0.1").await.unwrap();
    bench.promote("1.0.2").await.unwrap();
    let last = || Request { to: None, ..back("1.0.0", false) };
    for expected in ["1.0.1", "1.0.0"] {
        rollback::roll_back(&bench.target(), &rules(), &last()).await.unwrap();
        assert_eq!(bench.staging(), expected);
    }
    let error = rollback::roll_back(&bench.target(), &rules(), &last()).await.err().unwrap();
    assert!(matches!(error, ReleaseError::NothingBefore { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_channel_goes_where_it_never_was_only_with_a_reason() {
    let bench = Bench::new().await;
    let error = rollback::roll_back(&bench.target(), &rules(), &back("1.0.2", false)).await.err().unwrap();
    assert!(matches!(error, ReleaseError::NeverNamed { .. }), "{error}");
    assert_eq!(bench.staging(), "1.0.0");
    let told = Request { why: Some("the fire is out in 1.0.2".into()), ..back("1.0.2", false) };
    assert!(rollback::roll_back(&bench.target(), &rules(), &told).await.unwrap().forward);
    let history = bench.history().await;
    let note = history.last().unwrap().note.clone().unwrap();
    assert_eq!((note.overridden.as_deref(), note.gates), (Some("the fire is out in 1.0.2"), vec!["all".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn an_image_that_was_revoked_since_it_was_shown_is_not_moved_to() {
    let bench = Bench::new().await;
    let target = bench.target();
    let shown = amifactory::release::promote::plan(&target, &rules(), &super::request("1.0.1")).await.unwrap();
    let version = "1.0.1".parse().unwrap();
    revoke::revoke(&bench.target(), &recipe_name(), version, None, "a key was left in it").await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    let error = amifactory::release::promote::carry_out(&target, &shown).await.unwrap_err();
    assert!(error.to_string().contains("is revoked: a key was left in it"), "{error}");
    let again = amifactory::release::promote::again(&target, &rules(), &super::request("1.0.1"), &shown).await;
    assert!(matches!(again, Err(ReleaseError::Revoked { .. })));
    assert_eq!((bench.staging().as_str(), bench.locks().len()), ("1.0.0", 0));
}

/// What a pointer says was perhaps written by hand: no channel and no rollback follows it to another version's image.
#[tokio::test(start_paused = true)]
async fn a_pointer_by_hand_opens_no_gate() {
    let bench = Bench::new().await;
    bench.write_by_hand(&bench.image("1.0.2"));
    let to_prod = amifactory::release::promote::Request { to: "prod".into(), ..super::request("1.0.2") };
    let planned = amifactory::release::promote::plan(&bench.target(), &rules(), &to_prod).await.unwrap();
    assert_eq!(planned.unmet.iter().map(|unmet| unmet.gate).collect::<Vec<_>>(), ["from"]);
    assert!(planned.unmet[0].is.contains("pointed at it by hand (revision 2)"), "{}", planned.unmet[0].is);
    bench.write_beside("/amifactory/web/x86_64/versions/1.0.2", &bench.image("1.0.0"));
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    for outcome in [
        amifactory::release::promote::plan(&bench.target(), &rules(), &to_prod).await.err(),
        rollback::roll_back(&bench.target(), &rules(), &back("1.0.2", false)).await.err(),
    ] {
        let error = outcome.unwrap();
        assert!(matches!(error, ReleaseError::AnotherImage { .. }), "{error}");
        assert!(error.to_string().contains("is web 1.0.0"), "{error}");
    }
}

/// The image of a version whose pointer someone has removed may run anywhere, and its channels may go back to it.
#[tokio::test(start_paused = true)]
async fn what_a_channel_has_named_is_nothing_left_over() {
    let bench = Bench::new().await;
    bench.promote("1.0.1").await.unwrap();
    let image = bench.image("1.0.0");
    bench.remove_by_hand("/amifactory/web/x86_64/versions/1.0.0");
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    let (target, machine) = (bench.target(), Machine::new(&bench.fake));
    let state = StateFolder::open(machine.state.path()).unwrap();
    assert!(sweep::was_named(&target, &recipe_name(), &image.parse().unwrap()).await.unwrap());
    assert_eq!(sweep::find(&target, &state).await.unwrap(), []);
}
