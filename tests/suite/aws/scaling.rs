//! What Auto Scaling would launch from an image keeps it, however few instances there are.

use super::retire::Bench;
use crate::fake_aws::autoscaling::refresh::{Refresh, Source, Status};
use crate::fake_aws::autoscaling::{Group, Mixed, Override};
use amifactory::fleet::retire::Reason;

const TEMPLATE: &str = "lt-00000000000000fff";
const OTHER: &str = "ami-0123456789abcdef0";

fn by(version: &str) -> Group {
    Group { template: Some((TEMPLATE.into(), version.into())), ..Group::default() }
}

fn mixed(image: &str) -> Mixed {
    let plain = Override::default();
    let own = Override { image: Some(image.into()), ..Override::default() };
    Mixed { template: (TEMPLATE.into(), "1".into()), overrides: vec![plain, own], ..Mixed::default() }
}

impl Bench {
    fn group(&self, name: &str, group: Group) {
        let key = (self.home(), name.to_owned());
        let groups = &mut self.fake.world().autoscaling.groups;
        // A group that is changed keeps its refreshes.
        let refreshes = groups.get(&key).map(|group| group.refreshes.clone()).unwrap_or_default();
        groups.insert(key, Group { refreshes, ..group });
    }

    fn configuration(&self, name: &str, image: &str) {
        let home = self.home();
        self.fake.world().autoscaling.configurations.insert((home, name.into()), image.into());
    }

    /// The refreshes of a group, oldest first.
    fn refresh(&self, group: &str, refreshes: &[(Status, Source)]) {
        let key = (self.home(), group.to_owned());
        let mut world = self.fake.world();
        let now = world.clock.now();
        let standing = |(at, (status, brings)): (usize, &(Status, Source))| {
            Refresh::standing(&format!("refresh-{at}"), *status, brings.clone(), now)
        };
        world.autoscaling.groups.get_mut(&key).unwrap().refreshes =
            refreshes.iter().enumerate().map(standing).collect();
    }

    fn arn(&self, group: &str) -> String {
        let account = self.home().account;
        format!("arn:aws:autoscaling:us-east-1:{account}:autoScalingGroup:1:autoScalingGroupName/{group}")
    }

    /// What holds the first version, and why.
    async fn holders(&self) -> Vec<(String, String)> {
        let told = |reason: Reason| (reason.by.unwrap_or_default(), reason.why);
        self.reasons().await.into_iter().map(told).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_launch_configuration_that_no_group_names_keeps_its_image() {
    let bench = Bench::new().await;
    for n in 0..120 {
        bench.configuration(&format!("a-{n:03}"), OTHER);
    }
    bench.free().await;
    bench.configuration("z-old", &bench.image());
    let account = bench.home().account;
    let arn = format!("arn:aws:autoscaling:us-east-1:{account}:launchConfiguration:1:launchConfigurationName/z-old");
    bench.held("a launch configuration uses it", &arn).await;
    // A group that launches by it is named beside it.
    bench.group("web", Group { configuration: Some("z-old".into()), ..Group::default() });
    let holders = bench.holders().await;
    assert_eq!(holders.len(), 2, "{holders:?}");
    assert!(holders.contains(&(bench.arn("web"), "an Auto Scaling group uses it".into())), "{holders:?}");
}

#[tokio::test(start_paused = true)]
async fn a_group_is_named_beside_the_version_of_the_template_that_it_launches_by() {
    let bench = Bench::new().await;
    bench.template(TEMPLATE, &[OTHER, &bench.image(), OTHER]);
    bench.fake.world().ec2.default_versions.insert(TEMPLATE.into(), 2);
    // Every version counts; a group only where it names this one.
    for (version, named) in [("2", true), ("$Default", true), ("", true), ("$Latest", false), ("1", false)] {
        bench.group("web", by(version));
        let holders = bench.holders().await;
        assert!(holders.iter().any(|(by, _)| by.ends_with(&format!("{TEMPLATE}:2"))), "{version}: {holders:?}");
        assert_eq!(holders.iter().any(|(by, _)| *by == bench.arn("web")), named, "{version}: {holders:?}");
    }
    // One whose template is gone launches nothing.
    bench.fake.world().ec2.templates.clear();
    bench.free().await;
}

#[tokio::test(start_paused = true)]
async fn an_image_that_only_an_empty_groups_override_names_is_kept() {
    let bench = Bench::new().await;
    bench.template(TEMPLATE, &[OTHER]);
    // On the second page.
    for n in 0..150 {
        bench.group(&format!("a-{n:03}"), by("1"));
    }
    bench.group("z-mixed", Group { mixed: Some(mixed(OTHER)), ..Group::default() });
    bench.free().await;
    bench.group("z-mixed", Group { mixed: Some(mixed(&bench.image())), ..Group::default() });
    bench.held("an Auto Scaling group uses it", &bench.arn("z-mixed")).await;
    // By a template of its own.
    bench.template("lt-0000000000000000a", &[&bench.image()]);
    let own = Override { template: Some(("lt-0000000000000000a".into(), "1".into())), ..Override::default() };
    let policy = Mixed { template: (TEMPLATE.into(), "1".into()), overrides: vec![own], ..Mixed::default() };
    bench.group("z-mixed", Group { mixed: Some(policy), ..Group::default() });
    let holders = bench.holders().await;
    assert!(holders.len() == 2 && holders.iter().any(|(by, _)| *by == bench.arn("z-mixed")), "{holders:?}");
}

#[tokio::test(start_paused = true)]
async fn an_empty_group_keeps_what_its_template_resolves_at_each_launch() {
    let bench = Bench::new().await;
    bench.put("golden", &bench.image()).await;
    let label = bench.ssm().label_parameter_version().name("golden").parameter_version(1).labels("stable");
    label.send().await.unwrap();
    bench.put("golden", OTHER).await;
    bench.template(TEMPLATE, &["resolve:ssm:golden:stable"]);
    bench.group("web", by("$Latest"));
    let holders = bench.holders().await;
    let why = |by: &str| holders.iter().find(|(found, _)| found.ends_with(by)).map(|(_, why)| why.as_str());
    assert_eq!(why(&bench.arn("web")), Some("an Auto Scaling group uses it"), "{holders:?}");
    assert_eq!(why(&format!("{TEMPLATE}:1")), Some("a launch template uses it"), "{holders:?}");
    // By an override, and a version of the parameter.
    bench.template(TEMPLATE, &[OTHER]);
    bench.group("web", Group { mixed: Some(mixed("resolve:ssm:golden:1")), ..Group::default() });
    let holders = bench.holders().await;
    assert!(holders.iter().any(|(by, _)| *by == bench.arn("web")), "{holders:?}");
}

/// One name that Parameter Store refuses says nothing of what the others give.
#[tokio::test(start_paused = true)]
async fn a_parameter_that_is_refused_makes_no_other_unread() {
    let bench = Bench::new().await;
    bench.put("golden", &bench.image()).await;
    let refused = "a".repeat(3000);
    bench.template(TEMPLATE, &[&format!("resolve:ssm:{refused}"), "resolve:ssm:golden"]);
    let reasons = bench.reasons().await;
    let unknown: Vec<&Reason> = reasons.iter().filter(|reason| reason.kind == "unknown").collect();
    assert_eq!((unknown.len(), unknown[0].by.as_ref()), (1, Some(&refused)), "{reasons:?}");
    assert!(unknown[0].why.contains(&format!("{TEMPLATE}:1 resolves it")), "{reasons:?}");
    let used =
        reasons.iter().filter(|reason| reason.by.as_ref().is_some_and(|by| by.ends_with(&format!("{TEMPLATE}:2"))));
    assert_eq!(
        used.map(|reason| reason.why.as_str()).collect::<Vec<_>>(),
        ["a launch template uses it"],
        "{reasons:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_instance_refresh_under_way_keeps_what_it_brings_and_what_it_goes_back_to() {
    let bench = Bench::new().await;
    bench.template(TEMPLATE, &[OTHER]);
    let group = |image: &str| Group { mixed: Some(mixed(image)), ..Group::default() };
    use Status::{
        Baking, Cancelled, Cancelling, Failed, InProgress, Pending, RollbackFailed, RollbackInProgress,
        RollbackSuccessful, SomethingNew, Successful,
    };
    let brings = |status, image: &str| (status, Source::Mixed(mixed(image)));
    // What it brings.
    bench.group("web", group(OTHER.replace("ami-0", "ami-1").as_str()));
    for status in [Pending, InProgress, Baking, Cancelling, RollbackInProgress, SomethingNew] {
        bench.refresh("web", &[brings(status, &bench.image())]);
        bench.held("an instance refresh uses it", &bench.arn("web")).await;
    }
    for status in [Successful, Failed, Cancelled, RollbackFailed, RollbackSuccessful] {
        bench.refresh("web", &[brings(status, &bench.image())]);
        bench.free().await;
    }
    // What it goes back to is what the group itself still says.
    bench.group("web", group(&bench.image()));
    bench.refresh("web", &[brings(InProgress, OTHER)]);
    bench.held("an Auto Scaling group uses it", &bench.arn("web")).await;
    // Where the group says the new one already, nobody can tell.
    bench.group("web", group(OTHER));
    bench.refresh("web", &[brings(InProgress, OTHER)]);
    let reasons = bench.reasons().await;
    assert_eq!((reasons.len(), reasons[0].kind), (1, "unknown"), "{reasons:?}");
    assert!(reasons[0].why.contains("instance refresh refresh-0 is under way"), "{reasons:?}");
    assert_eq!(reasons[0].by, Some(bench.arn("web")));
    // By a template, and behind a hundred that are over.
    bench.template("lt-0000000000000000a", &[&bench.image()]);
    let by_template = (InProgress, Source::Template(("lt-0000000000000000a".into(), "1".into())));
    let mut many = vec![by_template];
    many.extend(vec![brings(Successful, OTHER); 100]);
    bench.refresh("web", &many);
    let holders = bench.holders().await;
    assert!(holders.contains(&(bench.arn("web"), "an instance refresh uses it".into())), "{holders:?}");
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_waits_in_a_warm_pool_keeps_its_image() {
    let bench = Bench::new().await;
    let ec2 = bench.ec2();
    let launch = ec2.run_instances().image_id(bench.image()).instance_type("m7i.large".into());
    let launched = launch.min_count(1).max_count(1).send().await.unwrap();
    let id = launched.instances()[0].instance_id().unwrap().to_owned();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    ec2.stop_instances().instance_ids(&id).send().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    bench.template(TEMPLATE, &[OTHER]);
    bench.group("web", Group { warm: Some(vec![id.clone()]), ..by("1") });
    bench.held("an instance uses it", &format!("instance/{id}")).await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_not_understood_keeps_every_image() {
    let bench = Bench::new().await;
    bench.group("strange", Group::default());
    let reasons = bench.reasons().await;
    assert_eq!((reasons.len(), reasons[0].kind), (1, "unknown"), "{reasons:?}");
    assert_eq!(reasons[0].by, Some(bench.arn("strange")));
}
