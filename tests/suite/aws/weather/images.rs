//! Images that take long, and images that fail.

use super::CALM;
use super::place::{Place, seconds};
use crate::fake_aws::Consistency;
use crate::fake_aws::ec2::ImageFate;
use amifactory::pipeline::BuildOptions;

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
