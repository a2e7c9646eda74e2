//! Plans whose bundles don't fit into requests: their components go through a bucket, and nothing stays there.

use super::shared::{self, seconds};
use crate::aws::crash::dying::{Death, Dying};
use crate::aws::factory::{self, bundle, step};
use crate::aws::weather::place::Place;
use crate::builder_commands::noise;
use crate::fake_aws::ec2::Home;
use crate::fake_aws::s3::Object;
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
    for case in ["none", "elsewhere", "another account's", "another account's, open to everybody", "no permission"] {
        let place = Place::new(|_| {});
        match case {
            "none" => {}
            "elsewhere" => place.fake.world().s3.insert(BUCKET, Home { region: "eu-west-1".into(), ..home() }),
            "another account's" => {
                place.fake.world().s3.insert(BUCKET, Home { account: "999999999999".into(), ..home() });
            }
            "another account's, open to everybody" => {
                place.fake.world().s3.insert(BUCKET, Home { account: "999999999999".into(), ..home() });
                place.fake.world().s3.buckets.get_mut(BUCKET).unwrap().open = true;
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
        assert!(place.fake.world().s3.buckets.values().all(|bucket| bucket.objects.is_empty()), "{case}");
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
    assert!(told.contains("what was read from the bucket acme-image-components is not what was put there"), "{told}");
    // Nothing of it stays, so that the same build goes through once nobody meddles.
    let parts = |place: &Place| {
        let world = place.fake.world();
        let all: Vec<String> =
            world.imagebuilder.resources.keys().filter(|arn| arn.contains("-part-")).cloned().collect();
        all
    };
    assert_eq!(parts(&place), [] as [String; 0]);
    assert!(place.fake.world().imagebuilder.images.is_empty());
    assert_eq!(in_bucket(&place), [] as [String; 0]);
    place.fake.world().s3.tampered = false;
    place.build_on(&target, &plan, &launch, &BuildOptions::default()).await.well_within(seconds(900));
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_keeps_versions_keeps_none_of_these() {
    let place = place();
    place.fake.world().s3.buckets.get_mut(BUCKET).unwrap().versioned = true;
    let target = target(&place);
    let (plan, launch) = large(&target).await;
    place.build_on(&target, &plan, &launch, &BuildOptions::default()).await.well_within(seconds(900));
    assert!(place.calls("PutObject").0 >= 3);
    assert_eq!(place.fake.world().s3.buckets[BUCKET].versions, []);
}

/// Buckets don't keep anything else from being found, and `resume` does not ask them.
#[tokio::test(start_paused = true)]
async fn a_bucket_that_can_not_be_looked_into_hides_nothing_else() {
    let place = place();
    place.fake.world().s3.insert("elsewhere", Home { region: "eu-west-1".into(), ..home() });
    // Someone else's, who lets everybody in, with documents that look like ours: they are not taken for ours.
    place.fake.world().s3.insert("squatted", Home { account: "999999999999".into(), ..home() });
    place.fake.world().s3.buckets.get_mut("squatted").unwrap().open = true;
    let old = time::OffsetDateTime::now_utc() - Duration::from_secs(86_400);
    let ours = "amifactory/components/amifactory-web-part-0123456789abcdef-0123456789abcdef.yaml";
    for key in [ours, "amifactory/components/amifactory-notes.txt", "amifactory/components/amifactory-a-b.yaml"] {
        let object = Object { bytes: Vec::new(), modified: old };
        for bucket in [BUCKET, "squatted"] {
            place.fake.world().s3.buckets.get_mut(bucket).unwrap().objects.insert(key.into(), object.clone());
        }
    }
    let all = [BUCKET, "elsewhere", "squatted", "not-there"].map(str::to_owned);
    let target = place.target().by_image_builder(all.into());
    assert_eq!(sweep::find(&target, &place.state()).await.unwrap(), []);
    assert_eq!(place.calls("ListObjectsV2").0, 0);
    let uploads = target.uploads().await.unwrap();
    let found: Vec<String> = uploads.old.iter().map(|one| one.id.clone()).collect();
    assert_eq!(found, [format!("s3://{BUCKET}/{ours}")]);
    let unread: Vec<&str> = uploads.unread.iter().map(|(bucket, _)| bucket.as_str()).collect();
    assert_eq!((unread, uploads.young.len()), (vec!["squatted"], 0));
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
            let stays = in_bucket(&place).len();
            assert_eq!(swept(&place).await, (0, stays), "{at}");
            tokio::time::sleep(Duration::from_secs(3700)).await;
            assert_eq!(swept(&place).await, (stays, 0), "{at}");
            assert_eq!(in_bucket(&place), [] as [String; 0], "{at}");
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

/// What `sweep --yes` removes: how many documents it takes, and how many it leaves.
async fn swept(place: &Place) -> (usize, usize) {
    let target = target(place);
    let mut found = sweep::find(&target, &place.state()).await.unwrap();
    let uploads = target.uploads().await.unwrap();
    let (old, young) = (uploads.old.len(), uploads.young.len());
    found.extend(uploads.old.into_iter().map(sweep::part));
    sweep::remove(&target, &place.state(), found).await.unwrap();
    (old, young)
}
