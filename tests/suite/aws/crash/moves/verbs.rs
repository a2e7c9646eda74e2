//! Rollback, pins, revocation and verification on AWS.

use super::super::machine::{Machine, recipe};
use super::{Bench, CHANNEL, name, promote, recipe_name, rules};
use amifactory::pipeline::published;
use amifactory::release::pin::{self, Which};
use amifactory::release::rollback::{self, Request};
use amifactory::release::{Kind, ReleaseError, revoke, verify};
use amifactory::target::{Pin, PointerName, Slot, Target, TargetError};

fn back(to: Option<&str>) -> Request {
    Request {
        accept: false,
        take_over: false,
        recipe: recipe_name(),
        channel: "staging".into(),
        arch: None,
        to: to.map(|version| version.parse().unwrap()),
        why: Some("it smells".into()),
    }
}

async fn drift(bench: &Bench) -> Vec<String> {
    let verified = verify::verify(&bench.target(), &rules(), &[recipe_name()]).await.unwrap();
    verified.drift.into_iter().map(|drift| format!("{}: {}; {}", drift.what, drift.wrong, drift.mend)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_move_is_recorded_with_the_parameter_and_takes_these_calls() {
    let bench = Bench::new().await;
    let target = bench.target();
    let promotion = amifactory::release::promote::plan(&target, &rules(), &super::request("1.0.2")).await.unwrap();
    let from = bench.fake.world().calls.len();
    amifactory::release::promote::carry_out(&target, &promotion).await.unwrap();
    let calls: Vec<String> = bench.fake.world().calls[from..].iter().map(|call| call.action.clone()).collect();
    // The lock, the look, the pin with the version's mark, the image; the move, read back until it shows; the image and the
    // mark once more; whose lock it is, and away with it.
    let (begin, rest) = calls.split_at(5);
    assert_eq!(begin, ["PutParameter", "GetParameterHistory", "GetParameters", "DescribeImages", "PutParameter"]);
    let (shows, end) = rest.split_at(rest.len() - 4);
    assert!(shows.iter().all(|call| call == "GetParameters") && (1..=3).contains(&shows.len()), "{calls:?}");
    assert_eq!(end, ["DescribeImages", "GetParameters", "GetParameters", "DeleteParameter"]);

    rollback::roll_back(&bench.target(), &rules(), &back(None)).await.unwrap();
    assert_eq!(bench.staging(), "1.0.0");
    rollback::roll_back(&bench.target(), &rules(), &back(Some("1.0.1"))).await.unwrap();
    let history = bench.history().await;
    let kinds: Vec<Kind> = history.moves.iter().map(|moved| moved.note.as_ref().unwrap().kind).collect();
    assert_eq!(kinds, [Kind::Promote, Kind::Promote, Kind::Rollback, Kind::Rollback]);
    assert!(history.is_whole() && history.last().unwrap().by.as_deref().unwrap().starts_with("arn:aws:"));
    let dev = PointerName { slot: Slot::Channel("dev".parse().unwrap()), ..name() };
    let of_builds = amifactory::release::scene::history(&bench.target(), &dev).await.unwrap();
    assert!(of_builds.is_whole() && of_builds.moves.len() == 3, "{}", of_builds.verdict());
    assert!(of_builds.moves.iter().all(|m| m.note.as_ref().unwrap().kind == Kind::Publish && m.by.is_some()));
    assert_eq!(drift(&bench).await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn more_moves_than_are_kept_leave_a_whole_chain() {
    let bench = Bench::new().await;
    let target = bench.target();
    for round in 0..110 {
        promote(&target, if round % 2 == 0 { "1.0.1" } else { "1.0.0" }).await.unwrap();
    }
    let history = bench.history().await;
    assert_eq!((history.moves.len(), history.earlier_dropped, history.is_whole()), (100, true, true));
}

#[tokio::test(start_paused = true)]
async fn a_build_leaves_a_pinned_channel_alone_and_is_done() {
    let bench = Bench::new().await;
    let which = Which { recipe: recipe_name(), channel: "dev".into(), arch: None };
    pin::pin(&bench.target(), &rules(), &which, "a demo", None).await.unwrap();
    let dev = "/amifactory/web/x86_64/channels/dev";
    let before = bench.value(dev);
    let built = Machine::new(&bench.fake).build(&recipe(3), "pinned").await;
    assert!(built.fresh && bench.value(dev) == before);
    assert_eq!(bench.image("1.0.3"), built.image.id.to_string());
    assert!(!Machine::new(&bench.fake).build(&recipe(3), "again").await.fresh);
    // For `resume` it has come to its end too, also after the channel was let go.
    let ended = async || {
        let target = bench.target();
        let all = published::ended(&target, &|_| Some("dev".parse().unwrap())).await.unwrap();
        let image = all.into_iter().find(|image| image.id == built.image.id).unwrap();
        image.tags["amifactory:state"].clone()
    };
    assert_eq!(ended().await, "published");
    pin::unpin(&bench.target(), &rules(), &which).await.unwrap();
    assert_eq!(ended().await, "published");
    assert_eq!(drift(&bench).await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_pin_holds_also_where_it_came_between() {
    let bench = Bench::new().await;
    let target = bench.target();
    let promotion = amifactory::release::promote::plan(&target, &rules(), &super::request("1.0.2")).await.unwrap();
    let which = Which { recipe: recipe_name(), channel: "staging".into(), arch: None };
    pin::pin(&bench.target(), &rules(), &which, "audit {{week}}", None).await.unwrap();
    let error = amifactory::release::promote::carry_out(&target, &promotion).await.unwrap_err();
    assert!(matches!(error, ReleaseError::Target(TargetError::Held { .. })), "{error}");
    let error = bench.promote("1.0.2").await.unwrap_err();
    assert!(matches!(error, ReleaseError::Pinned { .. }) && error.to_string().contains("audit {{week}}"), "{error}");
    assert!(matches!(rollback::roll_back(&target, &rules(), &back(None)).await, Err(ReleaseError::Pinned { .. })));
    assert_eq!((bench.staging(), bench.locks()), ("1.0.0".to_owned(), Vec::new()));
    let held: Option<Pin> = target.pin(&name()).await.unwrap();
    assert!(held.unwrap().by.starts_with("arn:aws:"));
}

#[tokio::test(start_paused = true)]
async fn a_revoked_image_goes_nowhere() {
    let bench = Bench::new().await;
    let revoked =
        revoke::revoke(&bench.target(), &recipe_name(), "1.0.0".parse().unwrap(), None, "a key was left in it").await;
    let revoked = revoked.unwrap();
    assert_eq!(revoked[0].channels, ["staging".parse().unwrap()]);
    // Answers that are shared for seconds show it too.
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    assert!(drift(&bench).await.iter().any(|drift| drift.contains("which is revoked: a key was left in it")));
    bench.promote("1.0.1").await.unwrap();
    for to in [None, Some("1.0.0")] {
        let error = match rollback::roll_back(&bench.target(), &rules(), &back(to)).await {
            Ok(_) => panic!("rolled back to {to:?}"),
            Err(error) => error,
        };
        assert!(matches!(error, ReleaseError::Revoked { .. } | ReleaseError::NothingBefore { .. }), "{error}");
    }
    assert!(matches!(bench.promote("1.0.0").await, Err(ReleaseError::Revoked { .. })));
    assert_eq!(drift(&bench).await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_others_wrote_and_deleted_is_found() {
    let bench = Bench::new().await;
    bench.promote("1.0.1").await.unwrap();
    bench.write_by_hand(&bench.image("1.0.2"));
    let found = drift(&bench).await;
    assert!(found.len() == 1 && found[0].contains("user/colleague") && found[0].contains(CHANNEL), "{found:?}");
    assert!(found[0].contains("amifactory rollback web --channel staging"), "{found:?}");
    rollback::roll_back(&bench.target(), &rules(), &back(None)).await.unwrap();
    assert_eq!((bench.staging(), drift(&bench).await), ("1.0.1".to_owned(), Vec::new()));
    // Garbage, which Parameter Store would not take today: whoever looks says where it is.
    bench.write_by_hand("latest, please");
    let found = drift(&bench).await;
    assert!(found.len() == 1 && found[0].contains("pointer /amifactory/web/x86_64/channels/staging"), "{found:?}");
    assert!(found[0].contains("amifactory rollback web --channel staging"), "{found:?}");
    rollback::roll_back(&bench.target(), &rules(), &back(Some("1.0.2"))).await.unwrap();
    assert_eq!((bench.staging(), drift(&bench).await), ("1.0.2".to_owned(), Vec::new()));
    assert!(bench.history().await.is_whole());
    bench.promote("1.0.1").await.unwrap();
    // An image is deleted behind our back.
    let image = bench.image("1.0.1");
    bench.fake.world().ec2.images.remove(&image);
    let found = drift(&bench).await;
    assert_eq!(found.iter().filter(|drift| drift.contains("is gone")).count(), 2, "{found:?}");
    let error = bench.promote("1.0.1").await.unwrap_err();
    assert!(matches!(error, ReleaseError::Gone { .. }), "{error}");
    rollback::roll_back(&bench.target(), &rules(), &back(Some("1.0.2"))).await.unwrap();
    assert_eq!(bench.staging(), "1.0.2");
}

#[tokio::test(start_paused = true)]
async fn of_two_who_pin_at_once_one_is_told_and_the_reason_stays() {
    let which = Which { recipe: recipe_name(), channel: "staging".into(), arch: None };
    for was_held in [false, true] {
        let bench = Bench::new().await;
        if was_held {
            pin::pin(&bench.target(), &rules(), &which, "before", None).await.unwrap();
            pin::unpin(&bench.target(), &rules(), &which).await.unwrap();
        }
        let (one, two) = (bench.target(), bench.target());
        let channels = rules();
        let (one, two) = tokio::join!(
            pin::pin(&one, &channels, &which, "freeze", None),
            pin::pin(&two, &channels, &which, "audit", None)
        );
        let (won, lost) = match (one, two) {
            (Ok((_, won)), Err(lost)) | (Err(lost), Ok((_, won))) => (won, lost),
            (one, two) => panic!("{was_held}: {one:?}, {two:?}"),
        };
        assert!(lost.to_string().contains(&won.why), "{lost}");
        assert_eq!(bench.target().pin(&name()).await.unwrap(), Some(won), "{was_held}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pin_waits_for_a_move_that_began_before_it_or_says_that_it_may_still_happen() {
    let bench = Bench::new().await;
    let which = Which { recipe: recipe_name(), channel: "staging".into(), arch: None };
    let mover = bench.target();
    let promotion = amifactory::release::promote::plan(&mover, &rules(), &super::request("1.0.2")).await.unwrap();
    let (_, held) = mover.hold_move(&promotion.as_move(Default::default())).await.unwrap();
    let error = pin::pin(&bench.target(), &rules(), &which, "freeze", None).await.unwrap_err();
    assert!(matches!(error, ReleaseError::PinnedUnderway { .. }), "{error}");
    assert!(error.to_string().contains("may still move"), "{error}");
    pin::unpin(&bench.target(), &rules(), &which).await.unwrap();
    let (target, channels) = (bench.target(), rules());
    let (pinned, _) = tokio::join!(pin::pin(&target, &channels, &which, "freeze", None), async {
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        mover.let_go(&held).await.unwrap();
    });
    pinned.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_no_document_of_ours_is_drift_and_has_a_way_out() {
    let bench = Bench::new().await;
    bench.write_beside("/amifactory/web/x86_64/pins/staging", "junk");
    bench.write_beside("/amifactory/web/x86_64/moves/staging", "junk");
    let found = drift(&bench).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().any(|drift| drift.contains("amifactory unpin web --channel staging")), "{found:?}");
    assert!(found.iter().any(|drift| drift.contains("the next move of staging removes it")), "{found:?}");
    assert_eq!(bench.settle().await, []);
    let which = Which { recipe: recipe_name(), channel: "staging".into(), arch: None };
    pin::unpin(&bench.target(), &rules(), &which).await.unwrap();
    bench.promote("1.0.2").await.unwrap();
    assert_eq!((bench.staging(), drift(&bench).await), ("1.0.2".to_owned(), Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_channel_of_another_type_says_that_it_must_be_made_again() {
    let bench = Bench::new().await;
    let image = bench.image("1.0.1");
    bench.remove_by_hand(CHANNEL);
    bench.write_beside(CHANNEL, &image);
    let found = drift(&bench).await;
    let told = |text: &str| text.contains("data type `text`") && text.contains("aws ssm delete-parameter");
    assert!(found.iter().any(|drift| told(drift)), "{found:?}");
    let error = bench.promote("1.0.2").await.unwrap_err().to_string();
    assert!(told(&error) && error.contains("--format json"), "{error}");
    // What does not touch it goes on.
    let which = Which { recipe: recipe_name(), channel: "dev".into(), arch: None };
    pin::pin(&bench.target(), &rules(), &which, "freeze", None).await.unwrap();
    bench.remove_by_hand(CHANNEL);
    bench.promote("1.0.2").await.unwrap();
    assert_eq!((bench.staging(), drift(&bench).await), ("1.0.2".to_owned(), Vec::new()));
}
