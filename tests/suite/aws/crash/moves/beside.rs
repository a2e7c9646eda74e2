//! What others do beside a move or a build: revoke its image, pin or delete its channel, label its versions.

use super::super::machine::{self, Machine, planned, recipe};
use super::frozen::{Frozen, Stands};
use super::{Bench, CHANNEL, OVER, name, promote, recipe_name, request, rules};
use crate::fake_aws::ec2::Timeline;
use crate::fake_aws::ec2::model::Home;
use crate::fake_aws::ssm::parameters::Put;
use amifactory::pipeline::tags;
use amifactory::release::intent::Foreign;
use amifactory::release::pin::{self, Which};
use amifactory::release::revoke::{self, Revoked};
use amifactory::release::{Class, ReleaseError, leftover, promote as release, verify};
use amifactory::target::aws::AwsTarget;
use amifactory::target::{Settled, Target, TargetError};
use serde_json::json;
use std::time::Duration;

const DEV: &str = "/amifactory/web/x86_64/channels/dev";
const LOCK: &str = "/amifactory/web/x86_64/moves/staging";

async fn revoke(bench: &Bench, version: &str) -> Vec<Revoked> {
    let version = version.parse().unwrap();
    revoke::revoke(&bench.target(), &recipe_name(), version, None, "a key was left in it").await.unwrap()
}

/// Takes the marks away, as if nothing had been.
fn unrevoke(bench: &Bench, version: &str) {
    untag(bench, version);
    let mut world = bench.fake.world();
    let home = Home { account: world.account.clone(), region: "us-east-1".to_owned() };
    world.ssm.place(&home).parameters.delete(&mark_of(version));
}

fn mark_of(version: &str) -> String {
    format!("/amifactory/web/x86_64/revoked/{version}")
}

/// What a revoke leaves that dies before it has tagged the image.
fn mark(bench: &Bench, version: &str, image: &str) {
    let mark = json!({"image": image, "reason": "a key was left in it", "by": "ann", "at": "2026-01-02T03:04:05Z"});
    bench.write_beside(&mark_of(version), &mark.to_string());
}

fn is_tagged(bench: &Bench, image: &str) -> bool {
    let world = bench.fake.world();
    let now = world.clock.now();
    world.ec2.tags_at(image, now).contains_key(tags::REVOKED)
}

/// Takes the tags away alone.
fn untag(bench: &Bench, version: &str) {
    let image = bench.image(version);
    let mut world = bench.fake.world();
    let now = world.clock.now();
    let mut own = world.ec2.tags_at(&image, now);
    own.retain(|key, _| key != tags::REVOKED && key != tags::REVOKED_BY);
    world.ec2.tags.insert(image, Timeline::new(now, own));
}

async fn drift(bench: &Bench) -> Vec<String> {
    let verified = verify::verify(&bench.target(), &rules(), &[recipe_name()]).await.unwrap();
    verified.drift.into_iter().map(|drift| format!("{}: {}; {}", drift.what, drift.wrong, drift.mend)).collect()
}

/// At each request of a promotion someone else revokes its image: never do both say that all is well where the channel
/// names it.
#[tokio::test(start_paused = true)]
async fn a_channel_never_names_a_revoked_image_unless_someone_is_told() {
    let bench = Bench::new().await;
    let (mut told_mover, mut told_revoker) = (0, 0);
    for stands in [Stands::BeforeSend, Stands::BeforeReply] {
        for at in 0.. {
            let place = format!("the mover stands {stands:?} {at}");
            while bench.staging() != "1.0.0" {
                bench.promote("1.0.0").await.unwrap();
            }
            let wire = Frozen::new(&bench.fake, at, stands);
            let target = AwsTarget::with_config(&wire.config());
            let (moved, revoked) = wire.run(promote(&target, "1.0.2"), revoke(&bench, "1.0.2")).await;
            let Some(revoked) = revoked else {
                let ended = moved.as_ref().err().map(ToString::to_string);
                assert!(at > 10, "a promotion makes more requests than {at}: {ended:?}");
                break;
            };
            let [revoked] = revoked.as_slice() else { panic!("{place}: {revoked:?}") };
            if bench.staging() == "1.0.2" {
                let staging = "staging".parse().unwrap();
                let knows = revoked.channels.contains(&staging) || !revoked.moving.is_empty();
                assert!(moved.is_err() || knows, "{place}: {revoked:?}");
                told_revoker += usize::from(knows);
            }
            if let Err(error) = &moved
                && bench.staging() == "1.0.2"
            {
                let text = error.to_string();
                assert!(matches!(error, ReleaseError::Target(TargetError::Unusable { .. })), "{place}: {text}");
                assert!(text.contains("a key was left in it") && text.contains("NAMES IT NOW"), "{place}: {text}");
                assert!(text.contains("amifactory rollback web --channel staging"), "{place}: {text}");
                told_mover += 1;
            }
            assert_eq!(bench.locks(), [] as [String; 0], "{place}");
            unrevoke(&bench, "1.0.2");
        }
    }
    assert!(told_mover > 0 && told_revoker > 0, "{told_mover} {told_revoker}");
}

#[tokio::test(start_paused = true)]
async fn whoever_revokes_waits_for_moves_that_were_begun_before() {
    let bench = Bench::new().await;
    let mover = bench.target();
    let promotion = release::plan(&mover, &rules(), &request("1.0.2")).await.unwrap();
    let (_, held) = mover.hold_move(&promotion.as_move(Default::default())).await.unwrap();
    let (revoked, ()) = tokio::join!(revoke(&bench, "1.0.2"), async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        mover.let_go(&held).await.unwrap();
    });
    let named: Vec<&str> = revoked[0].channels.iter().map(|channel| channel.as_str()).collect();
    assert_eq!((named, revoked[0].moving.len()), (vec!["dev", "staging"], 0));
}

#[tokio::test(start_paused = true)]
async fn a_promotion_that_loses_says_to_what() {
    let bench = Bench::new().await;
    let target = bench.target();
    let promotion = release::plan(&target, &rules(), &request("1.0.2")).await.unwrap();
    revoke(&bench, "1.0.2").await;
    let error = release::carry_out(&target, &promotion).await.unwrap_err();
    assert!(matches!(error, ReleaseError::Target(TargetError::Revoked { .. })), "{error}");
    assert_eq!(error.class(), Class::Refused);
    insta::assert_snapshot!(error.to_string().replace(&bench.image("1.0.2"), "ami-…"));
    unrevoke(&bench, "1.0.2");
    let image = bench.image("1.0.2");
    bench.ec2().disable_image().image_id(&image).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let error = release::carry_out(&target, &promotion).await.unwrap_err();
    assert!(error.to_string().contains("it is not available, but disabled"), "{error}");
    assert_eq!(error.class(), Class::Failed);
    bench.fake.world().ec2.images.remove(&image);
    let error = release::carry_out(&target, &promotion).await.unwrap_err();
    assert!(error.to_string().contains("it is gone"), "{error}");
    assert_eq!((bench.staging(), bench.locks()), ("1.0.0".to_owned(), Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_build_that_a_pin_has_overtaken_takes_its_write_back() {
    let bench = Bench::new().await;
    let before = bench.value(DEV);
    let wire = Frozen::before(&bench.fake, "PutParameter", &["/channels/dev"]);
    let target = AwsTarget::with_config(&wire.config());
    let machine = Machine::new(&bench.fake);
    let which = Which { recipe: recipe_name(), channel: "dev".into(), arch: None };
    let build = async {
        let (plan, launch) = planned(&recipe(3), &target).await;
        machine::build(&target, &machine::state(machine.state.path()), &plan, &launch).await
    };
    let (there, channels) = (bench.target(), rules());
    let (built, pinned) = wire.run(build, pin::pin(&there, &channels, &which, "audit", None)).await;
    let (built, _) = (built.unwrap(), pinned.unwrap().unwrap());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(built.fresh && bench.image("1.0.3") == built.image.id.as_str());
    assert_eq!(bench.value(DEV), before);
    assert_eq!(drift(&bench).await, [] as [String; 0]);
    // It has come to its end, and the channel goes on once it is let go.
    assert!(!Machine::new(&bench.fake).build(&recipe(3), "again").await.fresh);
    pin::unpin(&bench.target(), &rules(), &which).await.unwrap();
    let next = Machine::new(&bench.fake).build(&recipe(4), "the next").await;
    assert_eq!(bench.value(DEV), Some(next.image.id.to_string()));
}

/// Its history is gone, and the channel names what it was moved to.
#[tokio::test(start_paused = true)]
async fn a_channel_that_someone_deletes_is_made_anew_by_the_move() {
    let bench = Bench::new().await;
    for version in ["1.0.1", "1.0.0"] {
        bench.promote(version).await.unwrap();
    }
    let wire = Frozen::before(&bench.fake, "PutParameter", &["/channels/staging"]);
    let target = AwsTarget::with_config(&wire.config());
    let (moved, deleted) = wire.run(promote(&target, "1.0.2"), async { bench.remove_by_hand(CHANNEL) }).await;
    deleted.unwrap();
    moved.unwrap();
    assert_eq!((bench.staging(), bench.locks()), ("1.0.2".to_owned(), Vec::new()));
    assert_eq!(bench.history().await.moves.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_label_on_the_oldest_version_is_told_before_and_when_it_stops_the_channel() {
    let bench = Bench::new().await;
    let label = bench.ssm().label_parameter_version().name(CHANNEL).parameter_version(1).labels("stable");
    label.send().await.unwrap();
    assert_eq!(drift(&bench).await, [] as [String; 0]);
    let write = |count: usize| {
        for _ in 0..count {
            let image = bench.image("1.0.0");
            let mut world = bench.fake.world();
            let home = Home { account: world.account.clone(), region: "us-east-1".to_owned() };
            let now = world.clock.now();
            let put = Put { data_type: Some("aws:ec2:image".to_owned()), ..Put::by_hand(CHANNEL, &image) };
            let store = &mut world.ssm.place(&home).parameters;
            store.put(put, now, Duration::ZERO).unwrap();
            store.settle(now, &|_| true);
        }
    };
    write(92);
    let unlabel = format!("aws ssm unlabel-parameter-version --name {CHANNEL} --parameter-version 1 --labels stable");
    let told = drift(&bench).await;
    assert!(told.iter().any(|drift| drift.contains(&unlabel) && drift.contains("after 7 more moves")), "{told:?}");
    write(7);
    let error = bench.promote("1.0.2").await.unwrap_err().to_string();
    assert!(error.contains("ParameterMaxVersionLimitExceeded") || error.contains("label"), "{error}");
    assert!(error.contains(&unlabel), "{error}");
    let unlabel = bench.ssm().unlabel_parameter_version().name(CHANNEL).parameter_version(1).labels("stable");
    unlabel.send().await.unwrap();
    bench.promote("1.0.2").await.unwrap();
    assert_eq!(bench.staging(), "1.0.2");
}

/// A lock that opens gates by its own word, in somebody else's name.
#[tokio::test(start_paused = true)]
async fn a_lock_that_vouches_for_itself_is_finished_for_its_writer_alone() {
    let colleague = "arn:aws:iam::123456789012:user/colleague";
    let boss = "arn:aws:iam::123456789012:user/boss";
    for (by, more, way) in [
        (boss, json!({"override": "urgent", "gates": ["soak", "approval"]}), "--to staging --override REASON"),
        (boss, json!({"approved_by": "lead", "approval": "yes"}), "--approved-by NAME --approval-reason TEXT"),
        (
            boss,
            json!({"kind": "rollback", "from": null, "override": "x", "gates": ["all"]}),
            "rollback web --channel staging --to 1.0.1 --why REASON",
        ),
        (colleague, json!({"override": "urgent", "gates": ["soak", "approval"]}), ""),
    ] {
        let bench = Bench::new().await;
        let mut rules = rules();
        (rules[1].soak, rules[1].approval) = (Duration::from_secs(86_400), more.get("approval").is_some());
        if more.get("approval").is_some() {
            rules[1].soak = Duration::ZERO;
        }
        let mut note =
            json!({"at": "2026-11-21T12:00:00Z", "kind": "promote", "by": by, "version": "1.0.1", "from": "dev"});
        for (key, value) in more.as_object().unwrap() {
            note[key] = value.clone();
        }
        let lock = json!({"id": "00", "by": "x", "follows": 1, "to": bench.image("1.0.1"), "note": note});
        // The service writes down that it was the colleague.
        bench.write_beside(LOCK, &lock.to_string());
        tokio::time::sleep(OVER).await;
        let verified = verify::verify(&bench.target(), &rules, &[recipe_name()]).await.unwrap();
        let told = verified.drift.iter().any(|drift| drift.wrong.contains("user/boss, and was written by"));
        assert_eq!(told, by == boss, "{note}: {:?}", verified.drift);
        let found = leftover::find(&bench.target(), &[recipe_name()]).await.unwrap();
        let settled = leftover::settle(&bench.target(), None, &rules, found.moves).await;
        let [(underway, outcome, _)] = settled.as_slice() else { panic!("{settled:?}") };
        let told = leftover::told(underway, outcome);
        if by == boss {
            assert!(matches!(outcome, Settled::Refused(Foreign::Vouched { .. })), "{note}: {outcome:?}");
            assert!(told.contains("user/colleague") && told.contains(way), "{told}");
        } else {
            assert_eq!(outcome, &Settled::Finished, "{note}");
        }
        assert_eq!(bench.staging(), if by == boss { "1.0.0" } else { "1.0.1" }, "{note}");
        assert_eq!(bench.locks(), [] as [String; 0], "{note}");
    }
}

/// What can't be read keeps nothing that can be from being settled, whether one recipe is looked at or several.
#[tokio::test(start_paused = true)]
async fn a_damaged_lock_is_cleared_and_the_others_are_settled() {
    for recipes in [vec![recipe_name()], vec![recipe_name(), "other".parse().unwrap()]] {
        let bench = Bench::new().await;
        let target = bench.target();
        let promotion = release::plan(&target, &rules(), &request("1.0.2")).await.unwrap();
        target.hold_move(&promotion.as_move(Default::default())).await.unwrap();
        bench.write_beside("/amifactory/web/x86_64/moves/prod", "{\"who\":\"knows\u{1b}\"}");
        tokio::time::sleep(OVER).await;
        let left = leftover::find(&target, &recipes).await.unwrap();
        let (moves, damaged) = (left.moves, left.damaged);
        assert_eq!((moves.len(), damaged.len()), (1, 1), "{damaged:?}");
        let told = leftover::clear(&target, &damaged[0]).await.unwrap();
        assert!(told.contains("/channels/prod") && !told.contains('\u{1b}'), "{told}");
        let settled = leftover::settle(&target, None, &rules(), moves).await;
        assert_eq!(settled[0].1, Settled::Cleared);
        assert_eq!(bench.locks(), [] as [String; 0]);
        // What can be read is nobody's to clear this way.
        target
            .hold_move(
                &{ release::plan(&target, &rules(), &request("1.0.1")).await.unwrap() }.as_move(Default::default()),
            )
            .await
            .unwrap();
        target.clear_damaged(&name()).await.unwrap();
        assert_eq!(bench.locks().len(), 1);
    }
}

/// What can't be settled says so, and the next one is settled all the same.
#[tokio::test(start_paused = true)]
async fn what_can_not_be_settled_is_told_by_itself() {
    let bench = Bench::new().await;
    let target = bench.target();
    let promotion = release::plan(&target, &rules(), &request("1.0.2")).await.unwrap();
    target.hold_move(&promotion.as_move(Default::default())).await.unwrap();
    tokio::time::sleep(OVER).await;
    let found = leftover::find(&target, &[recipe_name()]).await.unwrap();
    bench.fake.world().credentials.default_mut().denied.insert("ssm:GetParameterHistory".into());
    let settled = leftover::settle(&target, None, &rules(), found.moves).await;
    let Settled::Failed(why) = &settled[0].1 else { panic!("{settled:?}") };
    assert!(why.contains("ssm:GetParameterHistory"), "{why}");
    let told = leftover::told(&settled[0].0, &settled[0].1);
    assert!(told.contains("could not be settled") && told.lines().count() == 1, "{told}");
    assert_eq!(bench.locks().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_marked_alone_goes_nowhere_and_revoke_does_the_rest() {
    let bench = Bench::new().await;
    let target = bench.target();
    // Of another image it says nothing of this one.
    mark(&bench, "1.0.1", &bench.image("1.0.2"));
    assert!(matches!(bench.promote("1.0.2").await, Err(ReleaseError::Revoked { .. })));
    bench.promote("1.0.1").await.unwrap();
    bench.remove_by_hand(&mark_of("1.0.1"));

    // Between the decision and the move.
    let promotion = release::plan(&target, &rules(), &request("1.0.2")).await.unwrap();
    mark(&bench, "1.0.2", &bench.image("1.0.2"));
    let error = release::carry_out(&target, &promotion).await.unwrap_err();
    assert!(matches!(error, ReleaseError::Target(TargetError::Revoked { .. })), "{error}");
    assert_eq!((bench.staging(), bench.locks()), ("1.0.1".to_owned(), Vec::new()));
    assert!(matches!(bench.promote("1.0.2").await, Err(ReleaseError::Revoked { .. })));

    // A build of the same plan, with its channel there and without.
    for _ in 0..2 {
        let built = Machine::new(&bench.fake).build(&recipe(2), "marked").await;
        assert_eq!((built.fresh, tags::revoked(&built.image.tags)), (false, Some("a key was left in it")));
        if bench.value(DEV).is_some() {
            bench.remove_by_hand(DEV);
        }
    }
    assert_eq!(bench.value(DEV), None);

    let told = drift(&bench).await;
    let rest =
        "1.0.2 is marked revoked, and its tags don't say so; amifactory revoke web@1.0.2 --reason … does the rest";
    assert!(told.iter().any(|drift| drift.contains(rest)), "{told:#?}");
    let version = "1.0.2".parse().unwrap();
    let revoked = revoke::revoke(&bench.target(), &recipe_name(), version, None, "another word").await.unwrap();
    assert_eq!((revoked[0].reason.as_str(), &revoked[0].forgettable), ("a key was left in it", &None));
    assert!(is_tagged(&bench, &bench.image("1.0.2")));
    tokio::time::sleep(Duration::from_secs(10)).await;
    let told = drift(&bench).await;
    assert!(!told.iter().any(|drift| drift.contains("is marked revoked")), "{told:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_build_publishes_no_revoked_image_where_its_channel_is_gone() {
    let bench = Bench::new().await;
    revoke(&bench, "1.0.2").await;
    bench.remove_by_hand(DEV);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let built = Machine::new(&bench.fake).build(&recipe(2), "again").await;
    assert_eq!((built.fresh, tags::revoked(&built.image.tags)), (false, Some("a key was left in it")));
    assert_eq!(bench.value(DEV), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_revoked_is_what_the_tags_say_whatever_became_of_the_pointer() {
    let bench = Bench::new().await;
    let [first, second, third] = ["1.0.0", "1.0.1", "1.0.2"].map(|version| bench.image(version));
    bench.write_beside("/amifactory/web/x86_64/versions/1.0.1", &first);
    let revoked = revoke(&bench, "1.0.1").await;
    assert_eq!((revoked.len(), revoked[0].image.as_str()), (1, second.as_str()));
    assert_eq!(revoked[0].misnamed.as_ref().map(|image| image.as_str()), Some(first.as_str()));
    assert_eq!((is_tagged(&bench, &first), is_tagged(&bench, &second)), (false, true));
    bench.remove_by_hand("/amifactory/web/x86_64/versions/1.0.2");
    let revoked = revoke(&bench, "1.0.2").await;
    assert_eq!((revoked[0].image.as_str(), &revoked[0].misnamed), (third.as_str(), &None));
    assert!(is_tagged(&bench, &third));
}

#[tokio::test(start_paused = true)]
async fn of_an_image_that_is_gone_no_other_mark_is_believed() {
    let bench = Bench::new().await;
    let image = bench.image("1.0.1");
    bench.fake.world().ec2.images.remove(&image);
    mark(&bench, "1.0.1", &bench.image("1.0.2"));
    let version = || "1.0.1".parse().unwrap();
    let again = async || revoke::revoke(&bench.target(), &recipe_name(), version(), None, "the real reason").await;
    let error = again().await.unwrap_err().to_string();
    assert!(error.contains("aws ssm delete-parameter --name /amifactory/web/x86_64/revoked/1.0.1"), "{error}");
    bench.remove_by_hand(&mark_of("1.0.1"));
    let revoked = again().await.unwrap();
    assert_eq!((revoked[0].gone, revoked[0].reason.as_str()), (true, "the real reason"));
    // Now its pointer is by what the fleet knows it, and nobody is told to delete that.
    let told = drift(&bench).await;
    assert!(!told.iter().any(|drift| drift.contains("which is gone") || drift.contains("versions/1.0.1")), "{told:?}");

    // What is there and is somebody else's is not gone.
    bench.remove_by_hand(&mark_of("1.0.1"));
    let foreign = bench.fake.world().ec2.latest_al2023("us-east-1", "x86_64").unwrap();
    bench.write_beside("/amifactory/web/x86_64/versions/1.0.1", &foreign);
    let error = again().await.unwrap_err();
    assert!(matches!(error, ReleaseError::AnotherImage { .. }), "{error}");
    assert_eq!(bench.value(&mark_of("1.0.1")), None);
}
