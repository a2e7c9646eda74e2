//! Credentials that expire in the middle.

use super::CALM;
use super::place::{Place, called, seconds};
use crate::fake_aws::World;

fn expire(world: &mut World) {
    world.credentials.default_mut().expires = Some(world.clock.now());
}

fn renew(world: &mut World) {
    world.credentials.default_mut().expires = None;
}

#[tokio::test(start_paused = true)]
async fn they_are_renewed_in_time() {
    for action in ["RunInstances", "SendCommand", "CreateImage", "CreateTags"] {
        let place = Place::new(|_| {});
        place.when(move |world| called(world, action), expire);
        let fake = place.fake.clone();
        tokio::spawn(async move {
            while fake.world().credentials.default_mut().expires.is_none() {
                tokio::time::sleep(seconds(1)).await;
            }
            tokio::time::sleep(seconds(8)).await;
            renew(&mut fake.world());
        });
        place.build().await.well_within(CALM + seconds(20));
        assert_eq!(place.leaks().await, [] as [String; 0], "expired after {action}");
    }
}

#[tokio::test(start_paused = true)]
async fn they_are_not_renewed_and_a_later_run_goes_on() {
    for action in ["RunInstances", "SendCommand", "StopInstances", "CreateImage", "StartSnapshot", "CreateTags"] {
        let place = Place::new(|_| {});
        place.when(move |world| called(world, action), expire);
        let ended = place.build().await;
        let text = ended.badly_within(CALM);
        assert!(text.contains("give valid AWS credentials and region, then run the same command again"), "{text}");
        if action == "RunInstances" {
            insta::assert_snapshot!(text);
        }
        tokio::time::sleep(seconds(3600)).await;
        renew(&mut place.fake.world());
        place.build().await.well_within(CALM);
        let (asked, refused) = place.calls("CreateImage");
        assert_eq!(asked - refused, 1, "one image, expired after {action}");
        assert_eq!(place.leaks().await, [] as [String; 0], "expired after {action}");
    }
}

#[tokio::test(start_paused = true)]
async fn they_are_not_renewed_and_sweep_removes_what_is_left() {
    for action in ["RunInstances", "CreateImage", "StartSnapshot", "CreateTags"] {
        let place = Place::new(|_| {});
        place.when(move |world| called(world, action), expire);
        place.build().await.badly_within(CALM);
        renew(&mut place.fake.world());
        // After its last tags the image may just have been published: then it stays.
        if action != "CreateTags" {
            assert_ne!(place.leaks().await, [] as [String; 0], "after {action} there is something to sweep");
        }
        assert_eq!(place.leaks_after_sweep().await, [] as [String; 0], "expired after {action}");
    }
}
