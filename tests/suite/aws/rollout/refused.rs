//! What can't be rolled is refused before anything is changed anywhere, and each says why and what to do.

use super::{Asked, Bench, OWN, RolloutError, TEMPLATE, home, image};
use crate::fake_aws::autoscaling::{Group, Member, Mixed, Override};

async fn all() -> Bench {
    let bench = Bench::new(&["fine"]).await;
    let (east, old) = (home(OWN, "us-east-1"), image(1, "us-east-1"));
    let of = |template: &str, version: &str| Group {
        template: Some((template.to_owned(), version.to_owned())),
        ..Group::default()
    };
    let group = |name: &str, group: Group| bench.scene.group(name, east.clone(), group);
    bench.scene.template("lt-0000000000000000a", east.clone(), &[&old, "", "resolve:ssm:/golden"], 1);
    group("configuration", Group { configuration: Some("web-lc".into()), ..Group::default() });
    bench.scene.fake.world().autoscaling.configurations.insert((east.clone(), "web-lc".into()), old.clone());
    group("default", of("lt-0000000000000000a", ""));
    group("latest", of("lt-0000000000000000a", "$Latest"));
    group("no-image", of("lt-0000000000000000a", "2"));
    group("no-template", of("lt-0000000000000dead", "1"));
    group("no-version", of("lt-0000000000000000a", "9"));
    group("resolved", of("lt-0000000000000000a", "3"));
    group(
        "suspended",
        Group { suspended: vec!["Launch".into(), "AZRebalance".into()], ..of("lt-0000000000000000a", "1") },
    );
    let held = |protected, standby| Member { id: "i-00000000000000abc".into(), template: None, protected, standby };
    group("protected", Group { members: vec![held(true, false)], ..of("lt-0000000000000000a", "1") });
    group("standby", Group { members: vec![held(false, true)], ..of("lt-0000000000000000a", "1") });
    let overrides = vec![Override { image: Some(old.clone()), ..Override::default() }, Override::default()];
    let mixed = Mixed { template: ("lt-0000000000000000a".into(), "1".into()), overrides, ..Mixed::default() };
    group("mixed", Group { mixed: Some(mixed), ..Group::default() });
    let mixed = |name: &str, version: &str, overrides: Vec<Override>| {
        let mixed = Mixed { template: ("lt-0000000000000000a".into(), version.into()), overrides, ..Mixed::default() };
        group(name, Group { mixed: Some(mixed), ..Group::default() });
    };
    mixed("mixed-latest", "$Latest", vec![Override::default()]);
    mixed("mixed-resolved", "3", vec![Override::default()]);
    // It launches what the channel names.
    let ours = "resolve:ssm:/amifactory/web/x86_64/channels/prod";
    bench.scene.template("lt-0000000000000000c", east.clone(), &[ours], 1);
    group("our pointer", of("lt-0000000000000000c", "1"));
    // Others take each new version of its template at once.
    bench.scene.template("lt-0000000000000000d", east.clone(), &[&old, &old], 1);
    group("shared", of("lt-0000000000000000d", "1"));
    group("taker's", of("lt-0000000000000000d", "$Latest"));
    let taken = Override { template: Some(("lt-0000000000000000d".into(), "$Latest".into())), ..Override::default() };
    mixed("taker-mixed", "1", vec![taken]);
    let arm = bench.scene.fake.world().ec2.latest_al2023("us-east-1", "arm64").unwrap();
    bench.scene.template("lt-0000000000000000b", east.clone(), &[&arm], 1);
    group("arm", of("lt-0000000000000000b", "1"));
    group("nothing", Group::default());
    group("busy", of("lt-0000000000000000a", "1"));
    // Someone refreshes it by hand.
    let scaling = aws_sdk_autoscaling::Client::new(&super::Wire::new(&bench.scene.fake).config());
    scaling.start_instance_refresh().auto_scaling_group_name("busy").send().await.unwrap();
    bench.change("busy", |group| group.refreshes[0].next += std::time::Duration::from_secs(86_400));
    bench
}

#[tokio::test(start_paused = true)]
async fn more_alarms_than_aws_takes_begin_nothing() {
    let mut bench = Bench::new(&["web"]).await;
    bench.policy.alarms = (0..11).map(|at| format!("alarm-{at}")).collect();
    bench.policy.alarms.iter().for_each(|name| bench.alarm(name, "OK"));
    let rolled = bench.rolled(&[&["web"]], Asked::default()).await;
    assert!(rolled[0].starts_with("web failed: ") && rolled[0].contains("at most 10"), "{rolled:?}");
    assert!(bench.seen("web").refreshes.is_empty());
}

#[tokio::test(start_paused = true)]
async fn each_says_why_and_what_to_do() {
    let bench = all().await;
    let names: Vec<String> = bench.scene.fake.world().autoscaling.groups.keys().map(|(_, name)| name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let plans = bench.plan(&[&names], Asked::default()).await.unwrap();
    let told: Vec<String> = plans
        .iter()
        .map(|plan| match &plan.stage {
            Ok(stage) => format!("{}: {stage:?}", plan.name),
            Err(refusal) => format!("{}: {refusal}", plan.name),
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!((bench.count("CreateLaunchTemplateVersion"), bench.images_of(TEMPLATE).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn groups_that_are_not_there_or_named_twice_are_an_error() {
    let bench = Bench::new(&["web"]).await;
    let error = |waves: &'static [&'static [&'static str]]| {
        let bench = &bench;
        async move { bench.plan(waves, Asked::default()).await.unwrap_err() }
    };
    assert!(matches!(error(&[&["web", "wep"]]).await, RolloutError::NoGroup { names, .. } if names == ["wep"]));
    assert!(matches!(error(&[&["web"], &["web"]]).await, RolloutError::Twice(_)));
    assert!(matches!(error(&[]).await, RolloutError::NoneNamed(_)));
}

#[tokio::test(start_paused = true)]
async fn an_image_that_may_not_be_used_is_not_rolled() {
    let bench = Bench::new(&["web"]).await;
    let id = image(2, "us-east-1");
    let tag = |key: &str, value: &str| {
        let mut world = bench.scene.fake.world();
        let now = world.clock.now();
        let mut tags = world.ec2.tags_at(&id, now);
        tags.insert(key.to_owned(), value.to_owned());
        world.ec2.tags.get_mut(&id).unwrap().set(now, tags);
    };
    let error = async || bench.plan(&[&["web"]], Asked::default()).await.unwrap_err().to_string();
    tag("amifactory:state", "candidate");
    assert!(error().await.starts_with("web 1.0.2 was not started and tested"));
    tag("amifactory:state", "verified");
    tag("amifactory:revoked", "CVE-2026-0001");
    let told = "web 1.0.2 is revoked: CVE-2026-0001\n  nothing rolls it out; the channel moves first: amifactory rollback \
                web --channel prod --arch x86_64";
    assert_eq!(error().await, told);
    bench.scene.fake.world().ec2.images.remove(&id);
    assert!(error().await.contains("is gone"), "{}", error().await);
}
