//! Plans whose bundles don't fit into requests: their components go through a bucket, and nothing stays there.

use super::shared::{self, seconds};
use crate::aws::crash::dying::{Death, Dying};
use crate::aws::factory::{self, bundle, step};
use crate::aws::weather::place::Place;
use crate::builder_commands::noise;
use crate::fake_aws::ec2::Home;
use amifactory::identity::{ImageId, TargetKind};
use amifactory::pipeline::tags::ImageState;
use amifactory::pipeline::{BuildOptions, sweep};
use amifactory::plan::Plan;
use amifactory::target::aws::AwsTarget;
use amifactory::target::aws::imagebuilder::room;
use amifactory::target::{LaunchBase, Target as _};
use std::collections::BTreeSet;
use std::time::Duration;

const BUCKET: &str = "acme-image-components";

fn home() -> Home {
    Home { account: "123456789012".into(), region: "us-east-1".into() }
}

/// A world with the bucket.
fn place() -> Place {
    let place = Place::new(|_| {});
    place.fake.world().s3.insert(BUCKET, home());
    place
}

fn buckets() -> BTreeSet<String> {
    [BUCKET.to_owned()].into()
}

fn target(place: &Place) -> AwsTarget {
    place.target().by_image_builder(buckets())
}

/// More than 17 parts of 11 KB.
async fn large(target: &AwsTarget) -> (Plan, LaunchBase) {
    let (mut plan, launch) = factory::plan(target).await;
    plan.aws.component_bucket = Some(BUCKET.into());
    plan.bundles.apply = bundle("apply", &[step("group/hello/0", &format!(": {}", noise(460_000)))]);
    (plan, launch)
}

fn in_bucket(place: &Place) -> Vec<String> {
    place.fake.world().s3.keys(BUCKET).into_iter().map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_for_requests_goes_through_the_bucket_and_does_not_stay_there() {
    let place = place();
    let target = target(&place);
    assert_eq!(target.kind(), TargetKind::ImageBuilder);
    let (plan, launch) = large(&target).await;
    let room = room(&plan).unwrap();
    assert_eq!(room.bucket.as_deref(), Some(BUCKET));
    let ended = place.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
    let built = ended.well_within(seconds(900));
    assert_eq!(ImageState::of(&built.image.tags), ImageState::Verified);
    let (put, failed) = place.calls("PutObject");
    assert!(put >= 3 && failed == 0, "{put} {failed}");
    assert_eq!(place.calls("DeleteObject"), (put, 0));
    assert_eq!(in_bucket(&place), [] as [String; 0]);
    assert_eq!(place.leaks().await, [] as [String; 0]);
    assert_eq!(shared::left(&place), [] as [String; 0]);

    // The same plan finds them as they are.
    let again = BuildOptions { force: true, ..BuildOptions::default() };
    place.build_on(&target, &plan, &launch, &again).await.well_within(seconds(900));
    assert_eq!(place.calls("PutObject"), (put, 0));
    // So it does where the image recipe has to be made anew.
    place.fake.world().imagebuilder.resources.retain(|arn, _| !arn.contains(":image-recipe/"));
    place.build_on(&target, &plan, &launch, &again).await.well_within(seconds(900));
    assert_eq!(place.calls("PutObject"), (put, 0));
}

#[tokio::test(start_paused = true)]
async fn without_the_bucket_nothing_is_created() {
    let place = place();
    let target = shared::target(&place);
    let (mut plan, launch) = large(&target).await;
    plan.aws.component_bucket = None;
    let ended = place.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
    let told = ended.badly_within(seconds(60));
    assert!(told.contains("component_bucket"), "{told}");
    assert_eq!(shared::changes(&place, 0), [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_can_not_be_used_is_told_with_what_to_do() {
    let mut told = Vec::new();
    for case in ["none", "elsewhere", "another account's", "no permission"] {
        let place = Place::new(|_| {});
        match case {
            "none" => {}
            "elsewhere" => place.fake.world().s3.insert(BUCKET, Home { region: "eu-west-1".into(), ..home() }),
            "another account's" => {
                place.fake.world().s3.insert(BUCKET, Home { account: "999999999999".into(), ..home() });
            }
            _ => {
                place.fake.world().s3.insert(BUCKET, home());
                place.fake.world().credentials.default_mut().denied.insert("s3:PutObject".into());
            }
        }
        let target = target(&place);
        let (plan, launch) = large(&target).await;
        let ended = place.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
        told.push(format!("-- {case}\n{}", ended.badly_within(seconds(120))));
        assert_eq!(place.leaks().await, [] as [String; 0]);
        assert_eq!(shared::left(&place), [] as [String; 0]);
    }
    insta::assert_snapshot!(told.join("\n"));
}

/// Whoever may write to the bucket does not decide what is built.
#[tokio::test(start_paused = true)]
async fn what_someone_puts_in_its_place_is_not_built() {
    let place = place();
    place.fake.world().s3.tampered = true;
    let target = target(&place);
    let (plan, launch) = large(&target).await;
    let ended = place.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
    let told = ended.badly_within(seconds(120));
    assert!(told.contains("it is there, and holds something else than its name says"), "{told}");
    assert!(place.fake.world().imagebuilder.images.is_empty());
    assert_eq!(in_bucket(&place), [] as [String; 0]);
}

/// The numbers of the requests by which documents come and go, in a build that nothing stops.
async fn requests() -> Vec<usize> {
    let place = place();
    let target = target(&place);
    let (plan, launch) = large(&target).await;
    place.build_on(&target, &plan, &launch, &BuildOptions::default()).await.well_within(seconds(900));
    let world = place.fake.world();
    let about = |action: &str| ["PutObject", "CreateComponent", "DeleteObject"].contains(&action);
    let calls = world.calls.iter().enumerate();
    calls.filter(|(_, call)| about(&call.action)).map(|(number, _)| number).collect()
}

#[tokio::test(start_paused = true)]
async fn crash_contract_of_documents_in_a_bucket() {
    let all = requests().await;
    assert!(all.len() >= 12, "{}", all.len());
    let mut left = 0;
    for (number, request) in all.iter().step_by(2).enumerate() {
        for death in [Death::BeforeSend, Death::ReplyLost] {
            let at = format!("{death:?} at request {request}");
            let place = place();
            let wire = Dying::new(&place.fake, place.folder.path(), &at, Some((*request, death)));
            let dying = AwsTarget::with_config(&wire.config()).by_image_builder(buckets());
            let dead = wire
                .run(async {
                    let (plan, launch) = large(&dying).await;
                    place.build_on(&dying, &plan, &launch, &BuildOptions::default()).await
                })
                .await;
            assert!(dead.is_none(), "{at}");
            left += in_bucket(&place).len();
            // What may be at work stays.
            let (found, _) = swept(&place).await;
            assert!(!found.iter().any(|told| told.starts_with("document in S3")), "{at}: {found:?}");
            tokio::time::sleep(Duration::from_secs(3700)).await;
            let stays = in_bucket(&place).len();
            let (found, _) = swept(&place).await;
            let told = found.iter().filter(|told| told.starts_with("document in S3")).count();
            assert_eq!((told, in_bucket(&place).len()), (stays, 0), "{at}: {found:?}");
            if number == 0 || number + 1 == all.len().div_ceil(2) {
                let target = target(&place);
                let (plan, launch) = large(&target).await;
                let built = place.build_on(&target, &plan, &launch, &BuildOptions::default()).await;
                let image: &ImageId = &built.well_within(seconds(900)).image.id;
                assert!(image.as_str().starts_with("ami-"));
                assert_eq!(in_bucket(&place), [] as [String; 0]);
            }
        }
    }
    assert!(left > 0, "no death has left anything: it was not tried");
}

/// What `sweep --yes` lists and removes.
async fn swept(place: &Place) -> (Vec<String>, usize) {
    let target = target(place);
    let found = sweep::find(&target, &place.state()).await.unwrap();
    let told = found.iter().map(|left| left.resource.to_string()).collect();
    let removed = sweep::remove(&target, &place.state(), found).await.unwrap().len();
    (told, removed)
}
