//! Refreshes that fail: the group goes back, it is said, and nothing is tried again unasked. And the way back by hand.

use super::{Asked, Bench, TEMPLATE, image, words};
use crate::fake_aws::autoscaling::refresh::Status;
use amifactory::rollout::goal::Site;
use amifactory::rollout::{carry_out, survey};
use std::time::Duration;

const THERE: Asked<'static> = Asked { back: false, retry: false, why: None, despite: None, take_over: None };
const BACK: Asked<'static> = Asked { back: true, ..THERE };
const RETRY: Asked<'static> = Asked { retry: true, ..THERE };

#[tokio::test(start_paused = true)]
async fn what_does_not_become_healthy_goes_back_and_is_not_tried_again_unasked() {
    let bench = Bench::new(&["web"]).await;
    let new = image(2, "us-east-1");
    bench.scene.fake.world().autoscaling.unhealthy.insert(new.clone());
    let failed = "web failed: the refresh ended: rolled back (Instances failed to become healthy in time.)";
    assert_eq!(bench.rolled(&[&["web"]], Asked::default()).await, [failed]);
    assert_eq!(bench.running("web"), [image(1, "us-east-1")].into());
    let plans = bench.plan(&[&["web"]], Asked::default()).await.unwrap();
    let refusal = plans[0].stage.as_ref().unwrap_err().to_string();
    assert!(refusal.contains("had no success: rolled back") && refusal.contains("--retry"), "{refusal}");
    bench.scene.fake.world().autoscaling.unhealthy.clear();
    assert_eq!(bench.rolled(&[&["web"]], RETRY).await, ["web done"]);
    // The version of the first try serves the second.
    assert_eq!(bench.images_of(TEMPLATE).len(), 2);
    assert_eq!(bench.running("web"), [new].into());
}

#[tokio::test(start_paused = true)]
async fn an_alarm_brings_it_back_also_while_it_bakes() {
    let mut bench = Bench::new(&["web"]).await;
    bench.policy.alarms = vec!["5xx".into()];
    bench.policy.bake = Duration::from_secs(3600);
    bench.alarm("5xx", "OK");
    let fake = bench.scene.fake.clone();
    let alarm = async {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            let world = fake.world();
            let mut all = world.autoscaling.groups.values().flat_map(|group| &group.refreshes);
            if all.any(|refresh| refresh.status == Status::Baking) {
                drop(all);
                drop(world);
                return bench.alarm("5xx", "ALARM");
            }
        }
    };
    let (rolled, ()) = tokio::join!(bench.rolled(&[&["web"]], Asked::default()), alarm);
    assert_eq!(rolled, ["web failed: the refresh ended: rolled back (CloudWatch alarm 5xx went into ALARM.)"]);
    assert_eq!(bench.running("web"), [image(1, "us-east-1")].into());
    assert_eq!(bench.seen("web").template.unwrap().1, "1");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_under_an_alarm_that_rings_or_is_not_there() {
    let mut bench = Bench::new(&["web", "api"]).await;
    bench.policy.alarms = vec!["5xx".into(), "slow".into()];
    bench.alarm("5xx", "OK");
    let refusal = |plans: Vec<amifactory::rollout::GroupPlan>| plans[0].stage.clone().unwrap_err().to_string();
    let missing = refusal(bench.plan(&[&["web"]], Asked::default()).await.unwrap());
    assert!(missing.contains("not in this region and account: slow"), "{missing}");
    bench.alarm("slow", "ALARM");
    let ringing = refusal(bench.plan(&[&["web"]], Asked::default()).await.unwrap());
    assert!(ringing.contains("ring already: slow") && !ringing.contains("5xx"), "{ringing}");
    assert_eq!(bench.count("CreateLaunchTemplateVersion") + bench.count("StartInstanceRefresh"), 0);
    // One that begins to ring after the first wave holds back the second; the third run has nothing to do in the first.
    bench.alarm("slow", "INSUFFICIENT_DATA");
    let fake = bench.scene.fake.clone();
    let rings = async {
        while fake.world().count("StartInstanceRefresh") == 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        while bench.seen("web").refreshes[0].status != Status::Successful {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bench.alarm("5xx", "ALARM");
    };
    let (rolled, ()) = tokio::join!(bench.rolled(&[&["web"], &["api"]], Asked::default()), rings);
    assert_eq!(rolled[0], "web done");
    assert!(
        rolled[1].starts_with("api not begun: CloudWatch alarms that watch over it ring already: 5xx"),
        "{rolled:?}"
    );
    bench.alarm("5xx", "OK");
    let rolled = bench.rolled(&[&["web"], &["api"]], Asked::default()).await;
    assert_eq!(rolled, ["web up to date", "api done"]);
}

#[tokio::test(start_paused = true)]
async fn what_quiets_an_alarm_is_begun_although_it_rings_and_the_others_watch() {
    let mut bench = Bench::new(&["web", "api"]).await;
    bench.policy.alarms = vec!["5xx".into(), "slow".into(), "new".into()];
    bench.alarm("5xx", "OK");
    bench.alarm("slow", "ALARM");
    bench.alarm("new", "INSUFFICIENT_DATA");
    let waves: &[&[&str]] = &[&["web"], &["api"]];
    let despite = Asked { despite: Some("it mends that"), ..THERE };
    let refusal = bench.plan(waves, THERE).await.unwrap()[0].stage.clone().unwrap_err().to_string();
    assert!(refusal.contains("ring already: slow") && refusal.contains("--despite-alarms REASON"), "{refusal}");
    let seen = bench.survey(waves, despite).await.unwrap();
    assert!(seen.plans.iter().all(|plan| plan.is_begun()) && seen.silent == ["new"], "{:?}", seen.silent);
    // The roll-out of the first wave quiets it: it watches over the second.
    let fake = bench.scene.fake.clone();
    let quiets = async {
        while fake.world().count("StartInstanceRefresh") == 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        bench.alarm("slow", "OK");
    };
    let (rolled, ()) = tokio::join!(bench.rolled(waves, despite), quiets);
    assert_eq!(rolled, ["web done", "api done"]);
    assert_eq!(bench.seen("web").refreshes[0].preferences.alarms, ["5xx", "new"]);
    assert_eq!(bench.seen("api").refreshes[0].preferences.alarms, ["5xx", "slow", "new"]);
    let world = bench.scene.fake.world();
    let kept = world.ec2.template_versions[&(TEMPLATE.to_owned(), 2)].description.clone().unwrap();
    assert_eq!(kept, "amifactory over 1: web 1.0.2 from prod for web; despite alarms: it mends that");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_nobody_was_shown_to_ring_holds_it_up() {
    let mut bench = Bench::new(&["web"]).await;
    bench.policy.alarms = vec!["5xx".into(), "slow".into()];
    bench.alarm("5xx", "OK");
    bench.alarm("slow", "ALARM");
    let despite = Asked { despite: Some("it mends that"), ..THERE };
    let target = bench.scene.target();
    let (request, scene) = bench.request(&target, &[&["web"]], despite).await.unwrap();
    let plans = survey(Site::home(&target), &request, &scene).await.unwrap().plans;
    bench.alarm("5xx", "ALARM");
    let ended = carry_out(Site::home(&target), &bench.scene.factory.channels, &request, &plans, &|_| {}).await.unwrap();
    let rolled = words(&ended);
    assert!(
        rolled[0].starts_with("web not begun: CloudWatch alarms that watch over it ring already: 5xx;"),
        "{rolled:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_way_back_that_fails_is_told() {
    let bench = Bench::new(&["web"]).await;
    {
        let mut world = bench.scene.fake.world();
        world.autoscaling.unhealthy.insert(image(2, "us-east-1"));
        world.autoscaling.rollbacks_fail = true;
    }
    let rolled = bench.rolled(&[&["web"]], Asked::default()).await;
    assert!(rolled[0].starts_with("web failed: the refresh ended: rollback failed"), "{rolled:?}");
}

#[tokio::test(start_paused = true)]
async fn back_goes_to_what_the_group_had_before_and_no_further() {
    let bench = Bench::new(&["web"]).await;
    let refusal = bench.plan(&[&["web"]], BACK).await.unwrap()[0].stage.clone().unwrap_err().to_string();
    assert!(refusal.contains("was not made by a roll-out"), "{refusal}");
    bench.rolled(&[&["web"]], Asked::default()).await;
    assert_eq!(bench.rolled(&[&["web"]], BACK).await, ["web done"]);
    assert_eq!(bench.running("web"), [image(1, "us-east-1")].into());
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(bench.rolled(&[&["web"]], BACK).await, ["web up to date"]);
    // A nightly roll-out does not bring it forth again. Who asks for that has the version that there is.
    let refusal = bench.plan(&[&["web"]], THERE).await.unwrap()[0].stage.clone().unwrap_err().to_string();
    assert!(refusal.starts_with("it was brought back from 1.0.2 (version 2) to version 1, 20"), "{refusal}");
    assert!(refusal.contains("amifactory rollback web --channel prod") && refusal.contains("--retry"), "{refusal}");
    assert_eq!(bench.count("StartInstanceRefresh"), 2);
    assert_eq!(bench.rolled(&[&["web"]], RETRY).await, ["web done"]);
    assert_eq!((bench.images_of(TEMPLATE).len(), bench.seen("web").refreshes.len()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn back_turns_a_refresh_round_that_is_in_flight() {
    let mut bench = Bench::new(&["web"]).await;
    bench.policy.bake = Duration::from_secs(3600);
    // Whoever has begun it has stopped watching.
    let watching = bench.rolled(&[&["web"]], Asked::default());
    assert!(tokio::time::timeout(Duration::from_secs(120), watching).await.is_err());
    assert_eq!(bench.seen("web").refreshes[0].status, Status::Baking);
    assert_eq!(bench.rolled(&[&["web"]], BACK).await, ["web done"]);
    assert_eq!(bench.seen("web").refreshes[0].status, Status::RollbackSuccessful);
    assert_eq!(bench.running("web"), [image(1, "us-east-1")].into());
    assert_eq!((bench.count("RollbackInstanceRefresh"), bench.count("StartInstanceRefresh")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_gone_is_nothing_to_go_back_to() {
    let bench = Bench::new(&["web"]).await;
    bench.rolled(&[&["web"]], Asked::default()).await;
    bench.scene.fake.world().ec2.images.remove(&image(1, "us-east-1"));
    let refusal = bench.plan(&[&["web"]], BACK).await.unwrap()[0].stage.clone().unwrap_err().to_string();
    assert!(refusal.contains("version 1 names ami-") && refusal.contains("is gone"), "{refusal}");
}

#[tokio::test(start_paused = true)]
async fn back_is_open_where_the_image_may_no_longer_be_used() {
    let bench = Bench::new(&["web"]).await;
    bench.rolled(&[&["web"]], Asked::default()).await;
    {
        let mut world = bench.scene.fake.world();
        let (now, id) = (world.clock.now(), image(2, "us-east-1"));
        let mut tags = world.ec2.tags_at(&id, now);
        tags.insert("amifactory:revoked".into(), "CVE-2026-0001".into());
        world.ec2.tags.get_mut(&id).unwrap().set(now, tags);
    }
    assert!(bench.plan(&[&["web"]], Asked::default()).await.is_err());
    assert_eq!(bench.rolled(&[&["web"]], BACK).await, ["web done"]);
    assert_eq!(bench.running("web"), [image(1, "us-east-1")].into());
}

#[tokio::test(start_paused = true)]
async fn groups_that_share_a_template_go_and_come_back_each_by_itself() {
    let bench = Bench::new(&["web"]).await;
    bench.group("api", "lt-00000000000000002", 1).await;
    // It launches from the first one's template.
    let shared = Some((TEMPLATE.to_owned(), "1".to_owned()));
    bench.change("api", |group| {
        group.template = shared.clone();
        group.members.iter_mut().for_each(|member| member.template = shared.clone());
    });
    assert_eq!(bench.rolled(&[&["web", "api"]], Asked::default()).await, ["web done", "api done"]);
    assert_eq!(bench.images_of(TEMPLATE).len(), 3, "each has a version that says whose it is");
    assert_eq!(bench.rolled(&[&["api"]], BACK).await, ["api done"]);
    assert_eq!(bench.running("api"), [image(1, "us-east-1")].into());
    assert_eq!(bench.running("web"), [image(2, "us-east-1")].into());
    assert_eq!(bench.rolled(&[&["web", "api"]], RETRY).await, ["web up to date", "api done"]);
    assert_eq!(bench.images_of(TEMPLATE).len(), 3);
}
