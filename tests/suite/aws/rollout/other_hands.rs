//! What another hand does to templates, groups, channels and images while it is rolled out, or before that.

use super::{Asked, Bench, OWN, TEMPLATE, Wire, home, image, words};
use crate::fake_aws::Consistency;
use crate::fake_aws::autoscaling::Group;
use crate::fake_aws::autoscaling::refresh::Status;
use amifactory::rollout::goal::Site;
use amifactory::rollout::{GroupPlan, carry_out, survey};
use std::time::Duration;

const THERE: Asked<'static> = Asked { back: false, retry: false, why: None, despite: None, take_over: None };
const BACK: Asked<'static> = Asked { back: true, ..THERE };
const WEB: &[&[&str]] = &[&["web"]];

fn refusal(plans: &[GroupPlan]) -> String {
    plans[0].stage.as_ref().unwrap_err().to_string()
}

impl Bench {
    /// What becomes of it where this happens between what is shown and what is begun.
    pub async fn meanwhile(&self, asked: Asked<'_>, happens: impl AsyncFnOnce()) -> Vec<String> {
        let target = self.scene.target();
        let (request, scene) = self.request(&target, WEB, asked).await.unwrap();
        let plans = survey(Site::home(&target), &request, &scene).await.unwrap().plans;
        happens().await;
        words(&carry_out(Site::home(&target), &self.scene.factory.channels, &request, &plans, &|_| {}).await.unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn a_way_back_that_ends_at_once_is_begun_once() {
    for consistency in [Consistency::none(), Consistency::nasty()] {
        let bench = Bench::new(&["web"]).await;
        assert_eq!(bench.rolled(WEB, THERE).await, ["web done"]);
        tokio::time::sleep(Duration::from_secs(600)).await;
        {
            let mut world = bench.scene.fake.world();
            world.autoscaling.unhealthy.insert(image(1, "us-east-1"));
            (world.latencies.running, world.latencies.stop) = (Duration::from_millis(1), Duration::from_millis(1));
            world.consistency = consistency;
        }
        let rolled = bench.rolled(WEB, BACK).await;
        assert!(rolled[0].starts_with("web failed: the refresh ended: failed"), "{rolled:?}");
        assert_eq!(bench.count("StartInstanceRefresh"), 2);
        tokio::time::sleep(Duration::from_secs(600)).await;
        let why = refusal(&bench.plan(WEB, BACK).await.unwrap());
        assert!(why.contains("had no success: failed") && why.contains("--retry"), "{why}");
        bench.scene.fake.world().autoscaling.unhealthy.clear();
        assert_eq!(bench.rolled(WEB, Asked { retry: true, ..BACK }).await, ["web done"]);
        assert_eq!(bench.running("web"), [image(1, "us-east-1")].into());
    }
}

#[tokio::test(start_paused = true)]
async fn the_way_back_that_is_in_flight_is_watched() {
    let mut bench = Bench::new(&["web"]).await;
    bench.policy.checkpoints = vec![30];
    bench.policy.checkpoint_delay = Duration::from_secs(3600);
    assert!(tokio::time::timeout(Duration::from_secs(120), bench.rolled(WEB, THERE)).await.is_err());
    bench.scaling().cancel_instance_refresh().auto_scaling_group_name("web").send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(bench.running("web").len(), 2, "it is half way");
    let begins = async {
        while bench.count("StartInstanceRefresh") < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        rolled = bench.rolled(WEB, BACK) => panic!("{rolled:?}"),
        () = begins => {}
    }
    assert_eq!(bench.rolled(WEB, BACK).await, ["web done"]);
    assert_eq!((bench.count("StartInstanceRefresh"), bench.running("web")), (2, [image(1, "us-east-1")].into()));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_only_looks_like_ours_is_left_alone() {
    let bench = Bench::new(&["web"]).await;
    let new = image(2, "us-east-1");
    bench.forge(&new, "x1e.32xlarge", "amifactory over 1: web 1.0.2 from prod for web").await;
    assert_eq!(bench.rolled(WEB, THERE).await, ["web done"]);
    assert_eq!(bench.seen("web").template.unwrap().1, "3");
    let kind = |number| {
        let world = bench.scene.fake.world();
        world.ec2.template_versions[&(TEMPLATE.to_owned(), number)].data.get("InstanceType").map(str::to_owned)
    };
    assert_eq!((kind(2).as_deref(), kind(3)), (Some("x1e.32xlarge"), None));
    // One over the version that it launches from does not pretend that the group came back to that.
    bench.forge(&new, "m7i.large", "amifactory over 3: web 1.0.2 from prod for web").await;
    assert_eq!(bench.rolled(WEB, BACK).await, ["web done"]);
    assert_eq!(bench.seen("web").template.unwrap().1, "1");
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_back_to_an_image_that_may_not_or_can_not_be_used() {
    let bench = Bench::new(&["web"]).await;
    assert_eq!(bench.rolled(WEB, THERE).await, ["web done"]);
    tokio::time::sleep(Duration::from_secs(600)).await;
    let old = image(1, "us-east-1");
    let revoked = async || bench.tag(&old, "amifactory:revoked", "CVE-2026-0002");
    let rolled = bench.meanwhile(BACK, revoked).await;
    assert!(rolled[0].starts_with("web not begun: version 1 names ami-"), "{rolled:?}");
    let why = refusal(&bench.plan(WEB, BACK).await.unwrap());
    assert!(why.contains("may not be used: web 1.0.1 is revoked: CVE-2026-0002\n  take another version"), "{why}");
    {
        let mut world = bench.scene.fake.world();
        let now = world.clock.now();
        world.ec2.images.get_mut(&old).unwrap().state.set(now, "disabled");
    }
    let why = refusal(&bench.plan(WEB, BACK).await.unwrap());
    assert!(why.contains("which is disabled\n  roll another image out"), "{why}");
    assert_eq!(bench.count("StartInstanceRefresh"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_changes_while_a_person_is_asked_is_seen() {
    let bench = Bench::new(&["web"]).await;
    bench.forge(&image(0, "us-east-1"), "m7i.large", "by hand").await;
    let rolled = bench
        .meanwhile(THERE, async || bench.change("web", |group| group.template = Some((TEMPLATE.into(), "2".into()))))
        .await;
    let told =
        "web not begun: it has changed since it was shown: it launched from version 1, and launches from version 2";
    assert!(rolled[0].starts_with(told), "{rolled:?}");
    let rolled = bench.meanwhile(THERE, async || bench.tag(&image(2, "us-east-1"), "amifactory:revoked", "CVE")).await;
    assert!(rolled[0].starts_with("web not begun: web 1.0.2 is revoked: CVE"), "{rolled:?}");
    assert_eq!((bench.images_of(TEMPLATE).len(), bench.count("StartInstanceRefresh")), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_was_written_by_hand_is_not_rolled_out() {
    let bench = Bench::new(&["web"]).await;
    let ssm = aws_sdk_ssm::Client::new(&Wire::new(&bench.scene.fake).config());
    let put = ssm.put_parameter().name("/amifactory/web/x86_64/channels/prod").value(image(3, "us-east-1"));
    put.overwrite(true).data_type("aws:ec2:image").send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    let error = bench.plan(WEB, THERE).await.unwrap_err().to_string();
    assert!(
        error.starts_with("prod was written by hand (revision 4), past all gates: what prod of web names"),
        "{error}"
    );
    assert!(error.contains("amifactory rollback web --channel prod"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_takes_each_new_version_at_once_is_named() {
    let bench = Bench::new(&["web"]).await;
    let of = |version: &str| Group { template: Some((TEMPLATE.into(), version.into())), ..Group::default() };
    let east = || home(OWN, "us-east-1");
    // Behind many others that are no matter.
    for at in 0..120 {
        bench.scene.group(&format!("other-{at:03}"), east(), of("1"));
    }
    assert!(bench.plan(WEB, THERE).await.unwrap()[0].is_begun());
    bench.scene.group("zulu", east(), of("$Latest"));
    let why = refusal(&bench.plan(WEB, THERE).await.unwrap());
    assert!(why.starts_with(&format!("the group zulu launches from $Latest of {TEMPLATE}")), "{why}");
    assert_eq!(bench.count("CreateLaunchTemplateVersion"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_warm_pool_comes_along() {
    let bench = Bench::new(&["web"]).await;
    assert_eq!(bench.rolled(WEB, THERE).await, ["web done"]);
    bench.change("web", |group| {
        group.warm = Some((0..60).map(|at| format!("i-{at:017x}")).collect());
        group.warm_template = Some((TEMPLATE.into(), "1".into()));
    });
    assert_eq!(bench.rolled(WEB, THERE).await, ["web done"]);
    assert_eq!(bench.seen("web").warm_template.unwrap().1, "2");
    assert_eq!(bench.rolled(WEB, THERE).await, ["web up to date"]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_of_another_hand_is_watched_and_what_it_lacks_is_told() {
    let mut bench = Bench::new(&["web"]).await;
    bench.policy.alarms = vec!["5xx".into()];
    bench.policy.bake = Duration::from_secs(60);
    bench.alarm("5xx", "OK");
    bench.forge(&image(2, "us-east-1"), "m7i.large", "by hand").await;
    let desired = aws_sdk_autoscaling::types::DesiredConfiguration::builder().launch_template(
        aws_sdk_autoscaling::types::LaunchTemplateSpecification::builder()
            .launch_template_id(TEMPLATE)
            .version("2")
            .build(),
    );
    let start = bench.scaling().start_instance_refresh().auto_scaling_group_name("web");
    start.desired_configuration(desired.build()).send().await.unwrap();
    let (request, _) = bench.request(&bench.scene.target(), WEB, THERE).await.unwrap();
    let plans = bench.plan(WEB, THERE).await.unwrap();
    let told = plans[0].seen.warnings(&request.pace()).join("\n");
    assert!(plans[0].is_in_flight() && told.contains("no alarm 5xx, less waiting at the end"), "{told}");
    assert_eq!(bench.rolled(WEB, THERE).await, ["web done"]);
    let told = bench.told.lock().unwrap().join("\n");
    assert!(told.contains("web: the refresh in flight has no alarm 5xx"), "{told}");
    // Our own lacks nothing.
    let own = Bench::new(&["web"]).await;
    let own = Bench { policy: bench.policy.clone(), ..own };
    own.alarm("5xx", "OK");
    assert!(tokio::time::timeout(Duration::from_secs(30), own.rolled(WEB, THERE)).await.is_err());
    assert!(matches!(own.seen("web").refreshes[0].status, Status::InProgress | Status::Baking));
    let plans = own.plan(WEB, THERE).await.unwrap();
    assert!(plans[0].is_in_flight() && plans[0].seen.warnings(&request.pace()).is_empty());
}
