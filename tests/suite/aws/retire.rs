//! What keeps an image on AWS: everything that may launch from it, by its name or ARN; and everything that can't be read.

use super::crash::machine::{Machine, RECIPE, recipe};
use super::crash::scene::QUICK;
use super::wire::Wire;
use crate::fake_aws::agents::shell::ShellAgent;
use crate::fake_aws::autoscaling::Group;
use crate::fake_aws::ec2::consumers::{Fleet, Template};
use crate::fake_aws::ec2::model::{Home, SpotRequest};
use crate::fake_aws::record::Outcome;
use crate::fake_aws::{Fake, Faults, Latencies, Settings};
use amifactory::fleet::retire::{Reason, Verdict, Wanted, decide, survey};
use amifactory::recipe::{Factory, OtherService, Retention};
use amifactory::target::aws::AwsTarget;
use amifactory::target::{Shelf, Target};
use aws_sdk_ec2::types::{LaunchPermission, LaunchPermissionModifications};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub const DAY: Duration = Duration::from_secs(86_400);

/// A world with four versions, of which nothing keeps the first two: the third is what `dev` goes back to.
pub struct Bench {
    pub fake: Fake,
    pub factory: Factory,
}

pub fn retention(not_used_here: &[OtherService]) -> Retention {
    Retention {
        keep: Some(1),
        maximum_age: None,
        keep_per_channel: 2,
        not_used_here: not_used_here.iter().copied().collect(),
        not_used_by: Default::default(),
        soak: 7 * DAY,
        snapshot_price: 0.05,
    }
}

impl Bench {
    pub async fn new() -> Bench {
        let fake = Fake::new(Settings {
            latencies: Latencies { call: Duration::ZERO, ..QUICK },
            start: time::OffsetDateTime::now_utc(),
            ..Settings::new(Arc::new(ShellAgent::new().unwrap()))
        });
        for revision in 0..4 {
            Machine::new(&fake).build(&recipe(revision), "the images").await;
        }
        let mut bench = Bench { fake, factory: recipe(0) };
        bench.retain(retention(&OtherService::ALL));
        // What ends has ended: builders are no longer listed.
        tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
        bench
    }

    pub fn retain(&mut self, retention: Retention) {
        self.factory.recipes.values_mut().for_each(|recipe| recipe.retention = Some(retention.clone()));
    }

    pub fn ec2(&self) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&Wire::new(&self.fake).config())
    }

    pub fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&Wire::new(&self.fake).config())
    }

    pub fn home(&self) -> Home {
        Home { account: self.fake.world().account.clone(), region: "us-east-1".to_owned() }
    }

    /// The first version's image.
    pub fn image(&self) -> String {
        let pointers = super::crash::contract::parameters(&self.fake.world());
        pointers["/amifactory/web/x86_64/versions/1.0.0"].clone()
    }

    /// By version, what becomes of each.
    async fn verdicts(&self) -> BTreeMap<String, Verdict> {
        let target = AwsTarget::with_config(&Wire::new(&self.fake).config());
        let recipes = [RECIPE.parse().unwrap()];
        let busy = BTreeMap::new();
        let wanted = Wanted { factory: &self.factory, recipes: &recipes, only: None, busy: &busy, home: None };
        let items = survey(&target, target.shelf().unwrap(), &wanted).await.unwrap();
        let decided = |item: &amifactory::fleet::retire::Item| {
            (item.version.to_string(), decide(&item.facts, item.retention.as_ref(), target.now()))
        };
        assert!(self.fake.world().unknown_calls.is_empty(), "{:?}", self.fake.world().unknown_calls);
        items.iter().map(decided).collect()
    }

    /// Why the first version stays; nothing where it would go.
    pub async fn reasons(&self) -> Vec<Reason> {
        match self.verdicts().await.remove("1.0.0").unwrap() {
            Verdict::Keep(reasons) => reasons,
            Verdict::Remove => Vec::new(),
            Verdict::Finish => panic!("nothing was begun"),
        }
    }

    /// It stays for just this reason.
    pub async fn held(&self, why: &str, by: &str) {
        let reasons = self.reasons().await;
        assert_eq!(reasons.len(), 1, "{by}: {reasons:?}");
        assert_eq!((reasons[0].kind, reasons[0].why.as_str()), ("in-use", why));
        let found = reasons[0].by.as_deref().unwrap();
        assert!(found.contains(by), "{found}, expected {by}");
    }

    pub async fn free(&self) {
        assert_eq!(self.reasons().await, [] as [Reason; 0]);
    }

    pub fn template(&self, id: &str, images: &[&str]) {
        let images = images.iter().map(|image| (*image).to_owned()).collect();
        let template = Template { home: self.home(), images };
        self.fake.world().ec2.templates.insert(id.to_owned(), template);
    }

    pub async fn put(&self, name: &str, value: &str) {
        let put = self.ssm().put_parameter().name(name).value(value).overwrite(true);
        put.r#type(aws_sdk_ssm::types::ParameterType::String).send().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_factory_keeps_and_what_is_free() {
    let bench = Bench::new().await;
    let verdicts = bench.verdicts().await;
    let kinds = |version: &str| match &verdicts[version] {
        Verdict::Keep(reasons) => reasons.iter().map(|reason| reason.kind).collect(),
        _ => Vec::new(),
    };
    assert_eq!(kinds("1.0.3"), ["newest", "channel"]);
    assert_eq!(kinds("1.0.2"), ["rollback-target"]);
    assert_eq!((&verdicts["1.0.1"], &verdicts["1.0.0"]), (&Verdict::Remove, &Verdict::Remove));
    // All its snapshots are counted: the root's and that of its evidence.
    let target = AwsTarget::with_config(&Wire::new(&bench.fake).config());
    let images = target.images().await.unwrap();
    let sizes = target.sizes(&images).await.unwrap();
    let id: amifactory::identity::ImageId = bench.image().parse().unwrap();
    let image = bench.image();
    let expected: u64 = {
        let world = bench.fake.world();
        let now = world.clock.now();
        let build = world.ec2.tags_at(&image, now)["amifactory:build"].clone();
        let of_build = |id: &str| world.ec2.tags_at(id, now).get("amifactory:build") == Some(&build);
        world.ec2.snapshots.values().filter(|s| of_build(&s.id)).map(|s| s.size << 30).sum()
    };
    assert_eq!(sizes.get(&id), Some(&expected));
    assert!(expected > 1 << 30);
}

#[tokio::test(start_paused = true)]
async fn everything_that_may_launch_from_an_image_keeps_it_by_name() {
    let bench = Bench::new().await;
    let (image, ec2) = (bench.image(), bench.ec2());
    bench.free().await;

    // An instance, stopped too; not once it is terminated.
    let launch = ec2.run_instances().image_id(&image).instance_type("m7i.large".into()).min_count(1).max_count(1);
    let launched = launch.send().await.unwrap();
    let id = launched.instances()[0].instance_id().unwrap().to_owned();
    tokio::time::sleep(Duration::from_secs(60)).await;
    bench.held("an instance uses it", &format!("arn:aws:ec2:us-east-1:{}:instance/{id}", bench.home().account)).await;
    ec2.stop_instances().instance_ids(&id).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    bench.held("an instance uses it", &id).await;
    let child = ec2.create_image().instance_id(&id).name("a child").send().await.unwrap().image_id.unwrap();
    ec2.terminate_instances().instance_ids(&id).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    // What was made from an instance of it says that it is its source, and is no copy.
    bench.held("a child image uses it", &format!("image/{child}")).await;
    ec2.deregister_image().image_id(&child).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    bench.free().await;

    // Any version of a template, on whatever page.
    for n in 0..450 {
        bench.template(&format!("lt-{n:017x}"), &["ami-0123456789abcdef0"]);
    }
    let mut versions = vec!["ami-0123456789abcdef0"; 450];
    versions[220] = &image;
    bench.template("lt-00000000000000fff", &versions);
    bench.held("a launch template uses it", "launch-template/lt-00000000000000fff:221").await;
    bench.template("lt-00000000000000fff", &["ami-0123456789abcdef0"]);
    bench.free().await;

    // A parameter, as a value or in a document; then only in a version with a label.
    bench.put("/app/config", &format!("{{\"image\":\"{image}\"}}")).await;
    bench.held("a parameter uses it", "parameter/app/config").await;
    bench.put("/app/config", "nothing").await;
    bench.free().await;
    bench.put("golden", &image).await;
    let label = bench.ssm().label_parameter_version().name("golden").parameter_version(1).labels("stable");
    label.send().await.unwrap();
    bench.put("golden", "ami-0123456789abcdef0").await;
    bench.held("a parameter uses it", "arn:aws:ssm:us-east-1:123456789012:parameter/golden:stable").await;
    // A template that resolves that label keeps it too, also where the parameter can't be told from others.
    bench.template("lt-00000000000000fff", &["resolve:ssm:golden:stable"]);
    let by: Vec<_> = bench.reasons().await.into_iter().filter_map(|reason| reason.by).collect();
    assert!(by.len() == 2 && by.iter().any(|by| by.ends_with("lt-00000000000000fff:1")), "{by:?}");
    bench.ssm().delete_parameter().name("golden").send().await.unwrap();
    bench.free().await;

    // Fleets, as long as they are not over.
    for (state, holds) in [("active", true), ("modifying", true), ("cancelled_running", false), ("failed", false)] {
        let fleet = Fleet { home: bench.home(), state, image: image.clone() };
        bench.fake.world().ec2.spot_fleets.insert("sfr-1".into(), fleet);
        if holds { bench.held("a spot fleet uses it", "spot-fleet-request/sfr-1").await } else { bench.free().await }
    }
    for (state, holds) in [("active", true), ("submitted", true), ("deleted", false), ("deleted_running", false)] {
        let fleet = Fleet { home: bench.home(), state, image: image.clone() };
        bench.fake.world().ec2.fleets.insert("fleet-1".into(), fleet);
        if holds { bench.held("a fleet uses it", "fleet/fleet-1").await } else { bench.free().await }
    }

    // Requests on the spot market: one that is persistent launches again when its instance ends.
    for (state, holds) in
        [("active", true), ("open", true), ("disabled", true), ("closed", false), ("cancelled", false)]
    {
        let request = SpotRequest {
            id: "sir-0000000a".into(),
            home: bench.home(),
            instance: "i-0000000000000000a".into(),
            image: image.clone(),
            kind: "t3.small".into(),
            zone: "us-east-1a".into(),
            persistent: true,
            interruption: "stop".into(),
            created: tokio::time::Instant::now(),
            state,
            status: "fulfilled".into(),
        };
        bench.fake.world().ec2.spot_requests.insert(request.id.clone(), request);
        match holds {
            true => bench.held("a spot request uses it", "spot-instances-request/sir-0000000a").await,
            false => bench.free().await,
        }
    }

    // A copy, and whoever may launch it elsewhere.
    let copy = ec2.copy_image().source_image_id(&image).source_region("us-east-1").name("a copy");
    let copy = copy.send().await.unwrap().image_id.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    bench.held("a copy uses it", &format!("image/{copy}")).await;
    ec2.deregister_image().image_id(&copy).send().await.unwrap();
    let share = LaunchPermissionModifications::builder();
    let share = share.add(LaunchPermission::builder().user_id("210987654321").build()).build();
    bench.fake.world().ec2.encrypt_with_own_key();
    ec2.modify_image_attribute().image_id(&image).launch_permission(share).send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let way_out = "a launch permission uses it; where nobody there does, say retention: {not_used_by: [\"210987654321\"]}, or \
                   give it a role (distribution: accounts:), to look there";
    bench.held(way_out, "210987654321").await;
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_read_keeps_every_image() {
    let mut bench = Bench::new().await;
    // Services that nobody has declared unused, each by its name.
    bench.retain(retention(&[OtherService::Emr, OtherService::Batch]));
    let unread: Vec<String> = bench.reasons().await.into_iter().filter_map(|reason| reason.by).collect();
    assert_eq!(unread, ["AWS CodeBuild", "Amazon EKS", "Elastic Beanstalk"]);
    bench.retain(retention(&OtherService::ALL));
    // A template that resolves a parameter of another account.
    bench.template("lt-00000000000000fff", &["resolve:ssm:arn:aws:ssm:us-east-1:210987654321:parameter/golden"]);
    let reasons = bench.reasons().await;
    assert!(reasons.len() == 1 && reasons[0].why.contains("lt-00000000000000fff:1"), "{reasons:?}");
    bench.fake.world().ec2.templates.clear();
    bench.template("lt-0000000000000000a", &["ami-0123456789abcdef0"]);
    let group = Group { configuration: Some("none".into()), ..Group::default() };
    let home = bench.home();
    bench.fake.world().autoscaling.groups.insert((home, "empty".into()), group);
    bench.put("/app/one", &bench.image().replace("ami-", "x-")).await;
    bench.free().await;
    for action in [
        "ec2:DescribeInstances",
        "ec2:DescribeLaunchTemplates",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:DescribeSpotInstanceRequests",
        "ec2:DescribeSpotFleetRequests",
        "ec2:DescribeFleets",
        "ec2:DescribeImageAttribute",
        "ssm:DescribeParameters",
        "ec2:DescribeImageReferences",
        "ec2:DescribeFastLaunchImages",
        "ec2:DescribeLockedSnapshots",
        "ec2:DescribeFastSnapshotRestores",
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeLaunchConfigurations",
        "autoscaling:DescribeInstanceRefreshes",
    ] {
        bench.fake.world().credentials.default_mut().denied.insert(action.to_owned());
        let reasons = bench.reasons().await;
        let told =
            reasons.iter().any(|r| r.kind == "unknown" && r.why.contains(&format!("add {action} to the policy")));
        assert!(told, "{action}: {reasons:?}");
        bench.fake.world().credentials.default_mut().denied.remove(action);
    }
    bench.free().await;
}

#[tokio::test(start_paused = true)]
async fn bad_weather_changes_no_verdict_and_nothing_is_ever_changed() {
    let bench = Bench::new().await;
    for n in 0..30 {
        bench.template(&format!("lt-{n:017x}"), &["ami-0123456789abcdef0"]);
        bench.put(&format!("/app/{n}"), "text").await;
    }
    let calm = bench.verdicts().await;
    let from = bench.fake.world().calls.len();
    bench.fake.world().weather.rates = Faults { reset_rate: 0.1, throttle_rate: 0.3, ..Faults::bad_weather() };
    for _ in 0..5 {
        assert_eq!(bench.verdicts().await, calm);
    }
    let world = bench.fake.world();
    let calls = &world.calls[from..];
    let reads = |action: &str| action.starts_with("Describe") || action.starts_with("Get");
    assert!(calls.iter().all(|call| reads(&call.action)), "only looks");
    assert!(calls.iter().any(|call| call.outcome != Outcome::Ok), "there was weather");
}
