//! Images that take long, and images that fail.

use super::CALM;
use super::place::{Place, seconds};
use crate::fake_aws::Consistency;
use crate::fake_aws::ec2::ImageFate;
use amifactory::pipeline::BuildOptions;
use amifactory::target::{Target as _, TargetError};

#[tokio::test(start_paused = true)]
async fn three_hours_are_waited_for_without_hurry() {
    let place = Place::new(|_| {});
    let hours = seconds(3 * 3600);
    place.fake.world().ec2.pokes.images = vec![ImageFate::Takes(hours)];
    let ended = place.build().await;
    ended.well_within(hours + CALM);
    let looks = place.calls("DescribeImages").0 as u64;
    assert!(looks <= (hours + CALM).as_secs() / 5, "{looks} looks in {:?}", ended.took);
    let all = place.fake.world().calls.len() as u64;
    assert!(all <= looks + 120, "{all} calls, {looks} of them looks at the image: something else was asked for too");
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_is_made_again() {
    let place = Place::new(|settings| settings.consistency = Consistency::nasty());
    place.fake.world().ec2.pokes.images = vec![ImageFate::Fails(seconds(120))];
    let ended = place.build().await;
    // The failed one, and what is hidden at first twice.
    ended.well_within(CALM + seconds(120 + 60));
    insta::assert_snapshot!(place.told());
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn one_that_always_fails_is_given_up() {
    let place = Place::new(|_| {});
    place.fake.world().ec2.pokes.images = vec![ImageFate::Fails(seconds(60)); 20];
    // Three images of one minute.
    let ended = place.build().await;
    insta::assert_snapshot!(ended.badly_within(CALM + seconds(60)));
    assert_eq!(place.calls("CreateImage").0, 3);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn force_makes_another_image_of_the_same_plan() {
    let place = Place::new(|_| {});
    let first = place.build().await.well_within(CALM).image.id.clone();
    let forced = place.build_with(|_| {}, &BuildOptions { force: true, version: None }).await;
    let forced = forced.well_within(CALM);
    assert!(forced.fresh && forced.image.id != first);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_record_of_an_image_just_published_is_waited_for() {
    let place = Place::new(|settings| settings.consistency = Consistency::nasty());
    place.build().await.well_within(CALM + seconds(60));
    // The snapshot that holds it can be read after a minute.
    let again = place.build().await;
    assert!(!again.well_within(seconds(60 + 30)).fresh);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_image_of_someone_else_that_has_the_name_is_not_taken_for_ours() {
    let place = Place::new(|_| {});
    let name = {
        let (plan, _) = crate::aws::factory::plan(&place.target()).await;
        format!("web-{}-1", plan.digest.short())
    };
    let other = {
        let mut world = place.fake.world();
        let base = world.ec2.latest_al2023("us-east-1", "x86_64").unwrap();
        let mut image = world.ec2.images[&base].clone();
        let mut home = image.home.clone();
        home.account.clone_from(&world.account);
        (image.id, image.name, image.home) = ("ami-0badbadbadbadbad0".to_owned(), name, home);
        let id = image.id.clone();
        world.ec2.images.insert(id.clone(), image);
        id
    };
    insta::assert_snapshot!(place.build().await.badly_within(CALM));
    assert!(!place.fake.world().ssm.parameters().any(|(_, name, _)| name.starts_with("/amifactory/")));
    // Built again, it has a name of its own.
    assert_ne!(place.build().await.well_within(CALM).image.id.as_str(), other);
    place.fake.world().ec2.images.remove(&other);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_published_image_that_a_describe_leaves_out_is_not_deleted() {
    let place = Place::new(|_| {});
    let image = place.build().await.well_within(CALM).image.id.clone();
    let target = place.target();
    target.images().await.unwrap();
    let hidden = tokio::time::Instant::now() + seconds(100);
    place.fake.world().ec2.images.get_mut(image.as_str()).unwrap().visible = hidden;
    let refused = target.delete_image(&image).await.unwrap_err();
    assert!(matches!(refused, TargetError::Conflict { .. }), "{refused}");
    assert_eq!(place.calls("DeregisterImage").0, 0);
}
