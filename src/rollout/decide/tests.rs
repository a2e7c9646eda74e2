//! What is due, from what is seen: without a service, and in every state that a refresh can have.

use super::*;
use crate::identity::Digest;
use crate::target::Member;
use time::macros::datetime;

const OLD: &str = "ami-0000000000000000a";
const NEW: &str = "ami-0000000000000000b";

fn goal() -> Goal {
    Goal {
        recipe: "web".parse().unwrap(),
        channel: "prod".parse().unwrap(),
        arch: Arch::X86_64,
        version: "1.0.2".parse().unwrap(),
        image: NEW.parse().unwrap(),
        region: None,
    }
}

fn named(version: &str) -> TemplateRef {
    TemplateRef { template: "lt-1".into(), version: version.into() }
}

fn version(number: i64, image: &str, description: &str) -> TemplateVersion {
    TemplateVersion {
        number,
        image: Some(image.into()),
        description: description.into(),
        by: String::new(),
        at: "2026-11-19T10:00:00Z".into(),
        is_default: number == 1,
        but_image: Digest::of(b"m7i.large"),
    }
}

fn ours(number: i64, image: &str, over: i64) -> TemplateVersion {
    version(number, image, &label::write(&goal(), "web", over, Reasons::default()))
}

fn refresh(to: &str, state: RefreshState) -> Refresh {
    let ended = state.is_over().then_some(datetime!(2026-11-20 10:00 UTC));
    let started = Some(datetime!(2026-11-20 09:00 UTC));
    Refresh {
        id: format!("to-{to}"),
        state,
        reason: String::new(),
        percent: 0,
        left: 2,
        started,
        ended,
        desired: Some(named(to)),
        pace: None,
    }
}

/// A group that launches from that version, with instances of these.
fn seen(at: &str, members: &[&str], versions: &[TemplateVersion], refreshes: &[Refresh]) -> Seen {
    let member =
        |(at, version): (usize, &&str)| Member { id: format!("i-{at}"), template: Some(named(version)), held: None };
    let group = ScalingGroup {
        name: "web".into(),
        region: "us-east-1".into(),
        source: LaunchSource::Template(named(at)),
        members: members.iter().enumerate().map(member).collect(),
        suspended: Vec::new(),
        warm: None,
        warmup: None,
    };
    let (versions, refreshes) = (versions.to_vec(), refreshes.to_vec());
    Seen {
        group,
        versions,
        refreshes,
        arch: Some(Arch::X86_64),
        recipe: None,
        gone: None,
        revoked: [].into(),
        at: datetime!(2026-11-20 12:00 UTC),
    }
}

fn forth(seen: &Seen) -> Result<Stage, Refusal> {
    forward(seen, &goal(), Reasons::default(), None)
}

const STATES: [RefreshState; 12] = [
    RefreshState::Pending,
    RefreshState::InProgress,
    RefreshState::Baking,
    RefreshState::Successful,
    RefreshState::Failing,
    RefreshState::Failed,
    RefreshState::Cancelling,
    RefreshState::Cancelled,
    RefreshState::RollbackInProgress,
    RefreshState::RollbackFailed,
    RefreshState::RollbackSuccessful,
    RefreshState::Unknown,
];

#[test]
fn every_state_of_the_last_refresh_says_what_is_due() {
    let versions = [version(1, OLD, ""), ours(2, NEW, 1), version(3, OLD, "by hand")];
    let mut told = Vec::new();
    for (to, whose) in [("2", "ours"), ("3", "another")] {
        for state in STATES {
            let seen = seen("1", &["1", "1"], &versions, &[refresh(to, state)]);
            let word = |stage: Result<Stage, Refusal>| match stage {
                Ok(Stage::UpToDate) => "up to date".to_owned(),
                Ok(Stage::InFlight(_)) => "watched".to_owned(),
                Ok(Stage::GoBack(_)) => "turned round".to_owned(),
                Ok(Stage::Due { to, .. }) => format!("begun to {to:?}"),
                Err(refusal) => format!("refused: {}", refusal.to_string().lines().next().unwrap()),
            };
            told.push(format!(
                "{whose} {state:?}\n  forth: {}\n  back: {}",
                word(forth(&seen)),
                word(back(&seen, &goal(), None))
            ));
        }
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_version_is_made_once_and_instances_that_have_it_stay() {
    let versions = [version(1, OLD, ""), ours(2, NEW, 1)];
    let Ok(Stage::Due { to, replaced, .. }) = forth(&seen("1", &["1", "1"], &versions[..1], &[])) else { panic!() };
    assert_eq!((to, replaced), (None, 2));
    let Ok(Stage::Due { to, replaced, .. }) = forth(&seen("1", &["1", "2"], &versions, &[])) else { panic!() };
    assert_eq!((to, replaced), (Some(2), 1));
    // The same image under another hand's description is another version, in which more may differ.
    let by_hand = [version(1, OLD, ""), version(2, NEW, "with more memory")];
    let Ok(Stage::Due { to, .. }) = forth(&seen("1", &["1"], &by_hand, &[])) else { panic!() };
    assert_eq!(to, None);
    // A group that launches the image already, with instances that have another one.
    let Ok(Stage::Due { source, to, replaced, .. }) = forth(&seen("2", &["1", "2"], &versions, &[])) else { panic!() };
    assert_eq!((source, to, replaced), (2, Some(2), 1));
    assert_eq!(forth(&seen("2", &["2", "2"], &versions, &[])), Ok(Stage::UpToDate));
    assert_eq!(forth(&seen("2", &[], &versions, &[])), Ok(Stage::UpToDate));
}

#[test]
fn what_failed_is_tried_again_only_where_that_is_asked_for() {
    let versions = [version(1, OLD, ""), ours(2, NEW, 1)];
    let failed = refresh("2", RefreshState::RollbackSuccessful);
    let seen = seen("1", &["1"], &versions, std::slice::from_ref(&failed));
    assert!(matches!(forth(&seen), Err(Refusal::FailedBefore { .. })));
    assert!(matches!(forward(&seen, &goal(), Reasons::default(), Some(&failed.id)), Ok(Stage::Due { .. })));
    // One that failed since is not forgiven with it.
    assert!(matches!(forward(&seen, &goal(), Reasons::default(), Some("another")), Err(Refusal::FailedBefore { .. })));
}

#[test]
fn what_a_group_was_brought_back_from_is_not_rolled_again_unasked() {
    let other = "ami-0000000000000000c";
    let versions = [version(1, OLD, ""), ours(2, NEW, 1), ours(3, other, 1)];
    let to = |number: &str, state| refresh(number, state);
    let (fine, failed) = (RefreshState::Successful, RefreshState::RollbackSuccessful);
    let why = |at: &str, members: &[&str], refreshes: &[Refresh]| match forth(&seen(at, members, &versions, refreshes))
    {
        Err(Refusal::CameBack { from, to, .. }) => format!("came back from {from} to {to}"),
        Err(Refusal::FailedBefore { .. }) => "failed".to_owned(),
        Ok(Stage::Due { .. }) => "due".to_owned(),
        answer => panic!("{answer:?}"),
    };
    let back = [to("1", fine), to("2", fine)];
    assert_eq!(why("1", &["1"], &back), "came back from 2 to 1");
    // Also from one that had failed half way; and where another image came and went since, by itself or by hand.
    assert_eq!(why("1", &["1"], &[to("1", fine), to("2", RefreshState::Failed)]), "came back from 2 to 1");
    let since = |last| [to("3", last), to("1", fine), to("2", fine)];
    assert_eq!(why("1", &["1"], &since(failed)), "came back from 2 to 1");
    assert_eq!(why("3", &["3"], &since(fine)), "came back from 2 to 1");
    // On the way back someone has cancelled it.
    assert_eq!(why("2", &["1", "2"], &[to("1", RefreshState::Cancelled), to("2", fine)]), "came back from 2 to 1");
    // Tried again since: the newest try counts.
    assert_eq!(why("1", &["1"], &[to("2", failed), to("1", fine), to("2", fine)]), "failed");
    assert_eq!(why("1", &["2"], &[to("2", fine), to("1", fine), to("2", fine)]), "due");
    // A refresh to a version from which nobody came is no way back.
    assert_eq!(why("1", &["1"], &[to("1", fine)]), "due");
    let seen = seen("1", &["1"], &versions, &back);
    assert!(matches!(forward(&seen, &goal(), Reasons::default(), Some("to-1")), Ok(Stage::Due { .. })));
    let told = forth(&seen).unwrap_err().to_string();
    assert_eq!(
        told,
        "it was brought back from 1.0.2 (version 2) to version 1, 2026-11-20T10:00:00Z\n  amifactory rollback web --channel \
         prod --arch x86_64 moves the channel, where the image is bad; --retry rolls it out all the same"
    );
    // Whoever goes back a second time is not held up.
    assert_eq!(super::back(&seen, &goal(), None), Ok(Stage::UpToDate));
}

#[test]
fn ones_own_way_back_is_known_for_what_it_is() {
    let versions = [version(1, OLD, ""), ours(2, NEW, 1), version(3, "ami-0000000000000000c", "by hand")];
    let mut going = refresh("1", RefreshState::InProgress);
    going.percent = 50;
    let mut other = goal();
    other.image = "ami-0000000000000000d".parse().unwrap();
    for goal in [goal(), other.clone()] {
        let at_2 = seen("2", &["1", "2"], &versions, std::slice::from_ref(&going));
        let told = forward(&at_2, &goal, Reasons::default(), None).unwrap_err().to_string();
        assert_eq!(
            told,
            "it is on its way back to version 1, over which a roll-out had gone: that refresh is in progress (50 %)\n  wait \
             for its end; this watches it: amifactory rollout web --channel prod --arch x86_64 --rollback --group web"
        );
    }
    // The rest of one that was cancelled half way.
    let rest = [going.clone(), refresh("2", RefreshState::Cancelled)];
    let told = forth(&seen("1", &["1", "2"], &versions, &rest));
    assert!(matches!(told, Err(Refusal::OnItsWayBack { to: 1, .. })), "{told:?}");
    // Another hand's refresh is not ours.
    let told = forth(&seen("2", &["2"], &versions, &[refresh("3", RefreshState::InProgress)]));
    assert!(!matches!(told, Err(Refusal::OnItsWayBack { .. })), "{told:?}");
    let told = forward(&seen("1", &["1"], &versions, &[going]), &other, Reasons::default(), None);
    assert!(matches!(told, Err(Refusal::Busy { .. })), "{told:?}");
}

#[test]
fn answers_that_contradict_each_other_are_asked_for_again() {
    let versions = [version(1, OLD, ""), ours(2, NEW, 1)];
    let now = datetime!(2026-11-20 10:01 UTC);
    let settled = |seen: &Seen, now| seen.is_settled(NEW, now);
    assert!(settled(&seen("1", &["1"], &versions, &[]), now));
    // A refresh goes to a version that is not listed yet; the group launches from one.
    let going = refresh("2", RefreshState::InProgress);
    assert!(!settled(&seen("1", &["1"], &versions[..1], std::slice::from_ref(&going)), now));
    assert!(settled(&seen("1", &["1"], &versions, &[going]), now));
    assert!(!settled(&seen("2", &["2"], &versions[..1], &[]), now));
    // A refresh has just ended well, and the group does not show it yet; much later someone has changed the group.
    let done = refresh("2", RefreshState::Successful);
    assert!(!settled(&seen("1", &["2"], &versions, std::slice::from_ref(&done)), now));
    assert!(settled(&seen("2", &["2"], &versions, std::slice::from_ref(&done)), now));
    assert!(settled(&seen("1", &["1"], &versions, &[done]), now + Duration::from_secs(600)));
}

#[test]
fn the_way_back_ends_where_it_began() {
    let versions = [version(1, OLD, ""), ours(2, "ami-0000000000000000c", 1), ours(3, NEW, 2)];
    let gone = [refresh("3", RefreshState::Successful)];
    let to = |at: &str, members: &[&str]| match back(&seen(at, members, &versions, &gone), &goal(), None) {
        Ok(Stage::Due { to, .. }) => to,
        Ok(Stage::UpToDate) => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(to("3", &["3"]), Some(2));
    // Back at 2 it goes no further, and brings along what is left of 3.
    assert_eq!((to("2", &["2"]), to("2", &["3"])), (None, Some(2)));
    assert_eq!(back(&seen("1", &["1"], &versions[..1], &[]), &goal(), None), Err(Refusal::NothingBefore));
    let other = [version(1, OLD, ""), version(2, NEW, &label::write(&goal(), "another", 1, Reasons::default()))];
    assert_eq!(back(&seen("2", &["2"], &other, &[]), &goal(), None), Err(Refusal::NothingBefore));
}

#[test]
fn a_version_that_no_refresh_went_to_is_no_evidence() {
    // Made over the one that it launches from, by whoever: a roll-out that died, or another hand.
    let mut versions = [version(1, OLD, ""), ours(2, "ami-0000000000000000c", 1), ours(3, NEW, 2)];
    let went = [refresh("2", RefreshState::Successful)];
    let back = |versions: &[TemplateVersion]| back(&seen("2", &["2"], versions, &went), &goal(), None);
    assert!(matches!(back(&versions), Ok(Stage::Due { source: 2, to: Some(1), replaced: 1, .. })));
    // So old that AWS would not know it any more.
    versions[2].at = "2026-10-01T00:00:00Z".into();
    assert_eq!(back(&versions), Err(Refusal::Forgotten { version: 3, current: 2, before: 1 }));
}

#[test]
fn the_way_back_is_known_while_it_goes_and_when_it_failed() {
    let versions = [version(1, OLD, ""), ours(2, NEW, 1)];
    let cancelled = refresh("2", RefreshState::Cancelled);
    // Cancelled half way, the rest is brought back to what the group launches from all the time.
    let half = |state| seen("1", &["1", "2"], &versions, &[refresh("1", state), cancelled.clone()]);
    assert!(matches!(back(&half(RefreshState::InProgress), &goal(), None), Ok(Stage::InFlight(_))));
    let failed = half(RefreshState::Failed);
    assert!(matches!(back(&failed, &goal(), None), Err(Refusal::FailedBefore { state: RefreshState::Failed, .. })));
    assert!(matches!(back(&failed, &goal(), Some("to-1")), Ok(Stage::Due { to: Some(1), replaced: 1, .. })));
    // What AWS itself brought back is a failure of the way there alone.
    let brought = seen("1", &["1", "2"], &versions, &[refresh("2", RefreshState::RollbackSuccessful)]);
    assert!(matches!(back(&brought, &goal(), None), Ok(Stage::Due { to: Some(1), .. })));
}

#[test]
fn a_version_that_differs_in_more_than_its_image_is_not_taken_over() {
    let mut versions = [version(1, OLD, ""), ours(2, NEW, 1)];
    let to = |versions: &[TemplateVersion]| match forth(&seen("1", &["1"], versions, &[])) {
        Ok(Stage::Due { to, .. }) => to,
        other => panic!("{other:?}"),
    };
    assert_eq!(to(&versions), Some(2));
    versions[1].but_image = Digest::of(b"x1e.32xlarge");
    assert_eq!(to(&versions), None);
}

#[test]
fn what_waits_in_a_warm_pool_is_replaced_too() {
    let versions = [version(1, OLD, ""), ours(2, NEW, 1)];
    let mut seen = seen("2", &["2"], &versions, &[]);
    let waits = |version: &str| Member { id: "i-w".into(), template: Some(named(version)), held: None };
    seen.group.warm = Some(vec![waits("1"), waits("2")]);
    assert!(matches!(forth(&seen), Ok(Stage::Due { to: Some(2), replaced: 0, warm: 1, .. })));
    seen.group.warm = Some(vec![waits("2")]);
    assert_eq!(forth(&seen), Ok(Stage::UpToDate));
}

#[test]
fn a_refresh_of_another_hand_is_told_apart_by_what_it_lacks() {
    let pace = Pace {
        least: 90,
        most: 100,
        checkpoints: vec![20],
        delay: Duration::from_secs(600),
        bake: Duration::from_secs(600),
        warmup: None,
        alarms: vec!["5xx".into()],
        comes_back: true,
    };
    let mut going = refresh("2", RefreshState::InProgress);
    going.pace = Some(pace.clone());
    assert!(lacks(&going, &pace).is_empty());
    let bare = Pace {
        checkpoints: vec![],
        bake: Duration::ZERO,
        alarms: vec![],
        comes_back: false,
        least: 50,
        ..pace.clone()
    };
    going.pace = Some(bare);
    let all = ["no alarm 5xx", "other checkpoints", "less waiting at the end", "fewer instances in service"];
    assert_eq!(lacks(&going, &pace), all.into_iter().chain(["no way back by itself"]).collect::<Vec<_>>());
    let versions = [version(1, OLD, ""), ours(2, NEW, 1)];
    let mut seen = seen("1", &["1"], &versions, &[going]);
    seen.group.suspended = vec!["HealthCheck".into(), "AZRebalance".into()];
    let told = seen.warnings(&pace).join("\n");
    assert!(
        told.contains("its processes HealthCheck are suspended") && told.contains("it has no alarm 5xx, "),
        "{told}"
    );
}

#[test]
fn commands_can_be_pasted() {
    let mut versions = [version(1, OLD, ""), ours(2, NEW, 1)];
    versions[0].is_default = true;
    let mut seen = seen("$Latest", &["1"], &versions, &[]);
    seen.group.name = "web tier's".into();
    let told = forth(&seen).unwrap_err().to_string();
    let command = "update-auto-scaling-group --auto-scaling-group-name 'web tier'\\''s' --region us-east-1 --launch-template \
                   LaunchTemplateId=lt-1,Version=2";
    assert!(told.contains(command), "{told}");
    seen.group.source = LaunchSource::Template(named(""));
    let told = forth(&seen).unwrap_err().to_string();
    assert!(told.contains("version $Default") && told.ends_with("LaunchTemplateId=lt-1,Version=1"), "{told}");
    seen.group.source = LaunchSource::Template(named("1"));
    seen.group.suspended = vec!["InstanceRefresh".into(), "AddToLoadBalancer".into()];
    let told = forth(&seen).unwrap_err().to_string();
    assert!(told.contains("--region us-east-1 --scaling-processes InstanceRefresh AddToLoadBalancer"), "{told}");
}
