//! AccessDenied for each action that a build needs: never asked again, named, nothing left behind.

use super::CALM;
use super::place::Place;
use crate::fake_aws::record::Outcome;

fn deny(place: &Place, action: &str) {
    place.fake.world().credentials.default_mut().denied.insert(action.to_owned());
}

/// How often a call was refused for lack of this permission.
fn refused(place: &Place) -> usize {
    let refusals = ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"];
    let world = place.fake.world();
    world.calls.iter().filter(|call| matches!(&call.outcome, Outcome::Error(code) if refusals.contains(&code.as_str()))).count()
}

/// Without these nothing is left: what was begun can still be taken away.
const CLEAN: &[&str] = &[
    "ec2:RunInstances",
    "iam:PassRole",
    "ssm:DescribeInstanceInformation",
    "ssm:SendCommand",
    "ssm:GetCommandInvocation",
    "ec2:ModifyInstanceAttribute",
    "ec2:StopInstances",
    "ec2:CreateImage",
    "ec2:CreateTags",
    "ebs:StartSnapshot",
    "ebs:PutSnapshotBlock",
    "ebs:CompleteSnapshot",
];

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_named_and_nothing_is_left() {
    let mut texts = Vec::new();
    for action in CLEAN {
        let place = Place::new(|settings| settings.consistency = crate::fake_aws::Consistency::nasty());
        deny(&place, action);
        let text = place.build().await.badly_within(CALM);
        assert!(text.contains(&format!("add {action} to the policy")), "{action}: {text}");
        // Reads may be needed again on the way out; what changes something is asked for once.
        let most = if action.contains(":Describe") { 2 } else { 1 };
        assert!((1..=most).contains(&refused(&place)), "{action} was asked for {} times", refused(&place));
        let mut left = place.leaks().await;
        if action.contains(":Describe") {
            // The next look at what is there is refused as well; the builder that is known goes all the same.
            left.retain(|id| id.starts_with("i-"));
        }
        assert_eq!(left, [] as [String; 0], "{action}: left behind\n{}", place.told());
        texts.push(text);
    }
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[tokio::test(start_paused = true)]
async fn a_verified_image_waits_for_the_right_to_publish() {
    let place = Place::new(|_| {});
    deny(&place, "ssm:PutParameter");
    insta::assert_snapshot!(place.build().await.badly_within(CALM));
    assert_eq!(refused(&place), 1);
    let left = place.leaks().await;
    assert!(!left.iter().any(|id| id.starts_with("i-") || id.starts_with("vol-")), "{left:?}");
    place.fake.world().credentials.default_mut().denied.clear();
    place.build().await.well_within(CALM);
    assert_eq!(place.calls("CreateImage").0, 1, "it is published as it is");
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_removed_is_told_of() {
    let place = Place::new(|_| {});
    deny(&place, "ec2:TerminateInstances");
    let text = place.build().await.badly_within(CALM);
    insta::assert_snapshot!(format!("{text}\n\n{}", place.told()));
    // Once where it is due, once per builder on the way out.
    assert!(refused(&place) <= 3, "{}", refused(&place));
    let left = place.leaks().await;
    assert!(left.iter().any(|id| id.starts_with("i-")) && !left.iter().any(|id| id.starts_with("ami-")), "{left:?}");
    place.fake.world().credentials.default_mut().denied.clear();
    assert_eq!(place.leaks_after_sweep().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_can_not_be_removed_does_not_keep_its_builder() {
    let place = Place::new(|_| {});
    deny(&place, "ec2:DeregisterImage");
    deny(&place, "ec2:CreateTags-never");
    place.fake.world().ec2.pokes.images = vec![crate::fake_aws::ec2::ImageFate::Fails(super::seconds(5)); 9];
    let text = place.build().await.badly_within(CALM);
    insta::assert_snapshot!(format!("{text}\n\n{}", place.told()));
    let left = place.leaks().await;
    assert!(!left.iter().any(|id| id.starts_with("i-") || id.starts_with("vol-")), "{left:?}");
    place.fake.world().credentials.default_mut().denied.clear();
    assert_eq!(place.leaks_after_sweep().await, [] as [String; 0]);
}
