//! Snapshots for the evidence that fail.

use super::CALM;
use super::place::{Place, seconds};

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_fails_is_begun_again() {
    let place = Place::new(|_| {});
    place.fake.world().ebs.failing = 2;
    place.build().await.well_within(CALM + seconds(30));
    assert_eq!(place.calls("StartSnapshot").0, 3);
    assert_eq!(place.leaks().await, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn where_all_fail_nothing_is_published_and_a_later_run_goes_on() {
    let place = Place::new(|_| {});
    place.fake.world().ebs.failing = usize::MAX;
    insta::assert_snapshot!(place.build().await.badly_within(CALM));
    assert_eq!(place.calls("PutParameter").0, 0);
    // Again, and once more: what failed before is in nobody's way.
    place.build().await.badly_within(CALM);
    place.fake.world().ebs.failing = 1;
    place.build().await.well_within(CALM + seconds(30));
    let (asked, refused) = place.calls("CreateImage");
    assert_eq!(asked - refused, 1, "one image");
    assert_eq!(place.leaks().await, [] as [String; 0]);
}
