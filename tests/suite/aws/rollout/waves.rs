//! One wave after the other, and none after a failure, outside of the window, or with an image that is no longer named.

use super::{Asked, Bench, TEMPLATE, Window, image};
use amifactory::target::{RefreshState, Target};
use std::time::Duration;
use time::{Time, UtcOffset, Weekday};

const WAVES: &[&[&str]] = &[&["canary"], &["a", "b"], &["c"]];

async fn bench() -> Bench {
    Bench::new(&["canary", "a", "b", "c"]).await
}

#[tokio::test(start_paused = true)]
async fn the_next_wave_begins_when_the_one_before_is_done() {
    let bench = bench().await;
    assert_eq!(bench.rolled(WAVES, Asked::default()).await, ["canary done", "a done", "b done", "c done"]);
    let times = |name: &str| {
        let refresh = bench.seen(name).refreshes[0].clone();
        (refresh.started, refresh.ended.unwrap())
    };
    assert!(times("canary").1 <= times("a").0 && times("canary").1 <= times("b").0);
    assert!(times("a").1 <= times("c").0 && times("b").1 <= times("c").0);
    // Those of a wave go side by side.
    assert!(times("a").0 < times("b").1 && times("b").0 < times("a").1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_halts_later_waves_and_lets_its_own_come_to_an_end() {
    let bench = bench().await;
    // Of the group `a` AWS knows nothing good.
    let begins = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if !bench.seen("a").refreshes.is_empty() {
                bench.change("a", |group| {
                    let now = tokio::time::Instant::now();
                    let refresh = &mut group.refreshes[0];
                    refresh.status = crate::fake_aws::autoscaling::refresh::Status::Failed;
                    (refresh.ended, refresh.reason) = (Some(now), Some("it went wrong".into()));
                });
                return;
            }
        }
    };
    let (rolled, ()) = tokio::join!(bench.rolled(WAVES, Asked::default()), begins);
    assert_eq!((rolled[0].as_str(), rolled[2].as_str()), ("canary done", "b done"));
    assert!(rolled[1].starts_with("a failed: ") && rolled[1].contains("failed (it went wrong)"), "{rolled:?}");
    assert_eq!(rolled[3], "c not begun: a group of wave 2 failed");
    assert_eq!(bench.seen("c").refreshes.len(), 0);
    assert_eq!(bench.images_of("lt-00000000000000004").len(), 1);
    // Tried again, it goes on where it was.
    let again = bench.rolled(WAVES, Asked { retry: true, ..Asked::default() }).await;
    assert_eq!(again, ["canary up to date", "a done", "b up to date", "c done"]);
}

#[tokio::test(start_paused = true)]
async fn a_wave_does_not_begin_after_the_window_has_closed_but_for_a_reason() {
    let mut bench = bench().await;
    bench.policy.bake = Duration::from_secs(3600);
    // The service's clock: it is known from the first answer on.
    let target = bench.scene.target();
    bench.request(&target, WAVES, Asked::default()).await.unwrap();
    let now = target.now();
    let closes = now + Duration::from_secs(1800);
    let days = (0..7).map(|day| Weekday::Monday.nth_next(day)).collect();
    let time = |at: time::OffsetDateTime| Time::from_hms(at.hour(), at.minute(), 0).unwrap();
    let from = time(now - Duration::from_secs(3600));
    bench.policy.window = Some(Window { days, from, to: time(closes), zone: UtcOffset::UTC });
    let rolled = bench.rolled(WAVES, Asked::default()).await;
    assert_eq!(rolled[0], "canary done");
    for (rolled, group) in rolled[1..].iter().zip(["a", "b", "c"]) {
        assert!(rolled.starts_with(&format!("{group} not begun: the maintenance window (")), "{rolled}");
        assert!(bench.seen(group).refreshes.is_empty());
    }
    let why = Asked { why: Some("an incident"), ..Asked::default() };
    assert_eq!(bench.rolled(WAVES, why).await, ["canary up to date", "a done", "b done", "c done"]);
    let description = |template: &str| {
        let world = bench.scene.fake.world();
        world.ec2.template_versions[&(template.to_owned(), 2)].description.clone().unwrap()
    };
    let kept = description("lt-00000000000000002");
    assert_eq!(kept, "amifactory over 1: web 1.0.2 from prod for a; outside of its window: an incident");
}

/// The reason counts from the moment on at which the window is closed: also where it was open when all began.
#[tokio::test(start_paused = true)]
async fn a_reason_is_kept_for_what_is_begun_after_the_window_has_closed() {
    let mut bench = bench().await;
    bench.policy.bake = Duration::from_secs(3600);
    let target = bench.scene.target();
    bench.request(&target, WAVES, Asked::default()).await.unwrap();
    let now = target.now();
    let days = (0..7).map(|day| Weekday::Monday.nth_next(day)).collect();
    let time = |at: time::OffsetDateTime| Time::from_hms(at.hour(), at.minute(), 0).unwrap();
    let (from, to) = (time(now - Duration::from_secs(3600)), time(now + Duration::from_secs(1800)));
    bench.policy.window = Some(Window { days, from, to, zone: UtcOffset::UTC });
    let why = Asked { why: Some("an incident"), ..Asked::default() };
    let ended = bench.roll(&target, WAVES, why).await.unwrap();
    assert_eq!(ended.iter().map(|ended| ended.outside).collect::<Vec<_>>(), [false, true, true, true]);
    // How far each was when it ended, and not when it was planned.
    assert!(ended.iter().all(|ended| ended.refresh == Some((RefreshState::Successful, 100))), "{ended:?}");
    let description = |template: &str| {
        let world = bench.scene.fake.world();
        world.ec2.template_versions[&(template.to_owned(), 2)].description.clone().unwrap()
    };
    assert_eq!(description(TEMPLATE), "amifactory over 1: web 1.0.2 from prod for canary");
    let kept = "amifactory over 1: web 1.0.2 from prod for a; outside of its window: an incident";
    assert_eq!(description("lt-00000000000000002"), kept);
    let told = bench.told.lock().unwrap().join("\n");
    assert!(told.contains("canary: begun, version 2, 3 to replace\n"), "{told}");
    assert!(told.contains("a: begun, version 2, 3 to replace; outside of its window: an incident\n"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_wave_does_not_begin_with_an_image_that_was_revoked_meanwhile() {
    let bench = bench().await;
    let revoked = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if !bench.seen("canary").refreshes.is_empty() {
                let mut world = bench.scene.fake.world();
                let (now, id) = (world.clock.now(), image(2, "us-east-1"));
                let mut tags = world.ec2.tags_at(&id, now);
                tags.insert("amifactory:revoked".into(), "CVE".into());
                world.ec2.tags.get_mut(&id).unwrap().set(now, tags);
                return;
            }
        }
    };
    let (rolled, ()) = tokio::join!(bench.rolled(WAVES, Asked::default()), revoked);
    assert!(rolled[0].starts_with("canary failed: web 1.0.2 was revoked while it went out (CVE)"), "{rolled:?}");
    assert_eq!(rolled[1], "a not begun: a group of wave 1 failed");
    // And nothing new begins with it.
    let error = bench.plan(WAVES, Asked::default()).await.unwrap_err().to_string();
    assert!(error.starts_with("web 1.0.2 is revoked"), "{error}");
}
