//! What is due, from what is seen: without a service, and in every state that a refresh can have.

use super::*;
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
    }
}

fn named(version: &str) -> TemplateRef {
    TemplateRef { template: "lt-1".into(), version: version.into() }
}

fn version(number: i64, image: &str, description: &str) -> TemplateVersion {
    let (by, at) = (String::new(), String::new());
    TemplateVersion { number, image: Some(image.into()), description: description.into(), by, at }
}

fn ours(number: i64, image: &str, over: i64) -> TemplateVersion {
    version(number, image, &label::write(&goal(), "web", over, None))
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
    }
}

/// A group that launches from that version, with instances of these.
fn seen(at: &str, members: &[&str], versions: &[TemplateVersion], refreshes: &[Refresh]) -> Seen {
    let member =
        |(at, version): (usize, &&str)| Member { id: format!("i-{at}"), template: Some(named(version)), held: None };
    let group = ScalingGroup {
        name: "web".into(),
        source: LaunchSource::Template(named(at)),
        members: members.iter().enumerate().map(member).collect(),
        suspended: Vec::new(),
        warm: None,
        warmup: None,
    };
    Seen { group, versions: versions.to_vec(), refreshes: refreshes.to_vec(), arch: Some(Arch::X86_64) }
}

fn forth(seen: &Seen) -> Result<Stage, Refusal> {
    forward(seen, &goal(), None, None)
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
            told.push(format!("{whose} {state:?}\n  forth: {}\n  back: {}", word(forth(&seen)), word(back(&seen))));
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
    assert!(matches!(forward(&seen, &goal(), None, Some(&failed.id)), Ok(Stage::Due { .. })));
    // One that failed since is not forgiven with it.
    assert!(matches!(forward(&seen, &goal(), None, Some("another")), Err(Refusal::FailedBefore { .. })));
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
    let to = |at: &str, members: &[&str]| match back(&seen(at, members, &versions, &[])) {
        Ok(Stage::Due { to, .. }) => to,
        Ok(Stage::UpToDate) => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(to("3", &["3"]), Some(2));
    // Back at 2 it goes no further, and brings along what is left of 3.
    assert_eq!((to("2", &["2"]), to("2", &["3"])), (None, Some(2)));
    assert_eq!(back(&seen("1", &["1"], &versions[..1], &[])), Err(Refusal::NothingBefore));
    let other = [version(1, OLD, ""), version(2, NEW, &label::write(&goal(), "another", 1, None))];
    assert_eq!(back(&seen("2", &["2"], &other, &[])), Err(Refusal::NothingBefore));
}
