//! What can't be read is never fine.

use super::{OTHER, OWN, POLICY, Scene, home, image};
use crate::aws::wire::Wire;
use crate::fake_aws::autoscaling::Group;
use crate::fake_aws::faults::Fault;
use amifactory::fleet::freshness::Level;
use amifactory::fleet::look::{look, places};
use amifactory::report::view::{Fleet, FleetOutcome};
use amifactory::target::aws::AwsTarget;

fn unread(report: &Fleet) -> Vec<String> {
    let of_place = |place: &amifactory::report::view::PlaceRow| {
        let at = place.at.clone();
        place.unread.iter().map(move |unread| format!("{at}: {}", unread.what)).collect::<Vec<_>>()
    };
    report.places.iter().flat_map(of_place).collect()
}

async fn scene() -> Scene {
    let scene = Scene::new(POLICY).await;
    let east = home(OWN, "us-east-1");
    scene.instance("i-00000000000000001", &image(2, "us-east-1"), east.clone(), &[]).await;
    scene.template("lt-00000000000000001", east.clone(), &[&image(2, "us-east-1"), &image(2, "us-east-1")], 2);
    let group = |version: &str| Group {
        template: Some(("lt-00000000000000001".into(), version.into())),
        warm: Some(Vec::new()),
        ..Group::default()
    };
    scene.group("web", east.clone(), group("1"));
    let configured = Group { configuration: Some("lc".into()), ..Group::default() };
    scene.group("configured", east.clone(), configured);
    scene.fake.world().autoscaling.configurations.insert((east, "lc".into()), image(2, "us-east-1"));
    scene
}

#[tokio::test(start_paused = true)]
async fn every_call_that_is_denied_makes_the_fleet_unknown() {
    let scene = scene().await;
    assert_eq!(scene.report().await.outcome, FleetOutcome::Fine);
    for (action, what) in [
        ("ec2:DescribeInstances", "instances"),
        ("ec2:DescribeLaunchTemplateVersions", "launch templates"),
        ("autoscaling:DescribeAutoScalingGroups", "Auto Scaling groups"),
        ("autoscaling:DescribeLaunchConfigurations", "launch configurations"),
        ("autoscaling:DescribeWarmPool", "the warm pool of web"),
    ] {
        scene.fake.world().credentials.default_mut().denied.insert(action.to_owned());
        let report = scene.report().await;
        assert_eq!(report.outcome, FleetOutcome::Unknown, "{action}");
        assert!(unread(&report).contains(&format!("{OWN}/us-east-1: {what}")), "{action}: {:?}", unread(&report));
        assert!(unread(&report).iter().all(|unread| !unread.starts_with(OTHER)), "{action}");
        scene.fake.world().credentials.default_mut().denied.remove(action);
    }
    // A group whose template can't be read would launch nobody knows what.
    scene.fake.world().credentials.default_mut().denied.insert("ec2:DescribeLaunchTemplateVersions".to_owned());
    assert_eq!(scene.report().await.levels["unknown"], 1);
}

/// A group that was not read may launch whatever is a template's latest version: then none is made.
#[tokio::test(start_paused = true)]
async fn where_groups_are_not_read_no_command_changes_a_template() {
    let scene = Scene::new(POLICY).await;
    let east = home(OWN, "us-east-1");
    let latest = |template: &str| Group { template: Some((template.into(), "$Latest".into())), ..Group::default() };
    // One whose latest is fine, one whose latest is old too; and a group takes what is the latest.
    let images: [&[&str]; 2] = [&[&image(0, "us-east-1"), &image(2, "us-east-1")], &[&image(0, "us-east-1")]];
    for (at, images) in images.iter().enumerate() {
        let template = format!("lt-0000000000000000{at}");
        scene.template(&template, east.clone(), images, 1);
        scene.group(&format!("web-{at}"), east.clone(), latest(&template));
    }
    let fixes = async || -> Vec<String> {
        scene.report().await.findings.into_iter().filter_map(|finding| finding.fix).collect()
    };
    let read = fixes().await.join("\n");
    assert!(read.contains("modify-launch-template") && read.contains("amifactory rollout web"), "{read}");
    let action = "autoscaling:DescribeAutoScalingGroups";
    scene.fake.world().credentials.default_mut().denied.insert(action.to_owned());
    let told = "aws autoscaling describe-auto-scaling-groups --region us-east-1   # the Auto Scaling groups there could not \
                be read: read them first";
    assert_eq!(fixes().await, [told; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_fails_later_on_is_not_a_shorter_list() {
    let scene = scene().await;
    let template = |n: usize| format!("lt-{n:017x}");
    for n in 2..300 {
        scene.template(&template(n), home(OWN, "us-east-1"), &[&image(2, "us-east-1")], 1);
    }
    assert_eq!(scene.report().await.outcome, FleetOutcome::Fine);
    // For longer than anyone waits.
    for _ in 0..600 {
        scene.fake.world().weather.after("DescribeLaunchTemplateVersions", 1, Fault::Throttle);
    }
    let report = scene.report().await;
    assert_eq!(report.outcome, FleetOutcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_does_not_answer_is_told_and_keeps_nobody_else_from_it() {
    let scene = scene().await;
    scene.instance("i-00000000000000002", &image(0, "us-east-1"), home(OWN, "us-east-1"), &[]).await;
    scene.fake.world().sts.roles.clear();
    let report = scene.report().await;
    // What is seen to be broken is broken, whatever was not seen.
    assert_eq!(report.outcome, FleetOutcome::Stale);
    let dark: Vec<String> =
        report.places.iter().filter(|place| !place.read).map(|place| place.at.to_string()).collect();
    assert_eq!(dark, [format!("{OTHER}/us-east-1"), format!("{OTHER}/us-west-2")]);
    assert!(report.places[2].unread[0].why.contains("sts:AssumeRole"), "{:?}", report.places[2]);
    assert_eq!(report.places_unread, 2);
    let sums = amifactory::report::view::fleet_sums(&report);
    assert!(sums.contains("0 unknown and all that 2 places did not show, "), "{sums}");
    assert_eq!((report.levels["fail"], report.levels["fine"]), (1, 4));
}

/// A region that the account has not enabled answers as to wrong credentials; nothing was begun that could go on.
#[tokio::test(start_paused = true)]
async fn a_region_that_is_not_enabled_may_be_so_and_nothing_is_to_be_resumed() {
    let scene = scene().await;
    scene.fake.world().regions.retain(|region| region != "us-west-2");
    let report = scene.report().await;
    let why: Vec<&str> = report.places.iter().flat_map(|p| &p.unread).map(|unread| unread.why.as_str()).collect();
    assert!(why.iter().any(|why| why.contains("this one may not be enabled in the account")), "{why:?}");
    assert!(why.iter().all(|why| why.contains("run the same command again") && !why.contains("resume")), "{why:?}");
}

#[tokio::test(start_paused = true)]
async fn images_that_can_not_be_told_from_ours_are_unknown_and_not_foreign() {
    let scene = scene().await;
    scene.instance("i-00000000000000002", &image(2, "us-west-2"), home(OTHER, "us-west-2"), &[]).await;
    assert_eq!(scene.report().await.outcome, FleetOutcome::Fine);
    // What EC2 knows is foreign in any account.
    let foreign = scene.fake.world().ec2.latest_al2023("us-east-1", "x86_64").unwrap();
    scene.instance("i-00000000000000003", &foreign, home(OWN, "us-east-1"), &[]).await;
    assert_eq!(scene.report().await.levels["warn"], 1);
    scene.instance("i-00000000000000003", &foreign, home(OTHER, "us-east-1"), &[]).await;
    assert_eq!(scene.report().await.levels["warn"], 1);
    // Where the copies' region can't be read, a copy could be anything.
    scene.fake.world().regions.retain(|region| region != "us-west-2");
    let report = scene.report().await;
    assert!(unread(&report).contains(&format!("{OTHER}/us-west-2: the factory's images in us-west-2")), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn damaged_pointers_make_their_recipe_unknown() {
    let scene = scene().await;
    let ssm = aws_sdk_ssm::Client::new(&crate::aws::wire::Wire::new(&scene.fake).config());
    let put = ssm.put_parameter().name("/amifactory/web/x86_64/channels/staging").value("not an image");
    put.r#type(aws_sdk_ssm::types::ParameterType::String).send().await.unwrap();
    let report = scene.report().await;
    assert_eq!(report.outcome, FleetOutcome::Unknown);
    assert!(report.findings.iter().all(|finding| finding.judgement.level == Level::Unknown), "{:?}", report.findings);
}

/// What never answers at all: the others are read meanwhile, and it is not waited for.
#[tokio::test(start_paused = true)]
async fn a_place_that_does_not_answer_is_unknown_after_three_minutes_and_holds_up_nobody() {
    let scene = scene().await;
    scene.instance("i-00000000000000002", &image(0, "us-east-1"), home(OWN, "us-east-1"), &[]).await;
    let wanted = places(&scene.factory, &"us-east-1".parse().unwrap());
    // One where nothing answers is given up before that; where some of it answers, calls are made again for longer.
    for (hosts, least, most) in [("us-west-2", 0, 180), ("ec2.us-west-2", 180, 200)] {
        let target = AwsTarget::with_config(&Wire::silent(&scene.fake, hosts).config());
        let began = tokio::time::Instant::now();
        let looked = look(&target, &scene.factory, &["web".parse().unwrap()], &wanted).await.unwrap();
        let took = began.elapsed().as_secs();
        assert!((least..most).contains(&took), "{hosts}: {took} s");
        let report = Fleet::of(looked, "2040-03-31T00:00:00Z".into());
        let is_silent = |place: &amifactory::report::view::PlaceRow| place.at.region.as_str() == "us-west-2";
        for place in &report.places {
            assert_eq!(place.unread.is_empty(), !is_silent(place), "{hosts}: {place:?}");
            let in_time = place.unread.iter().any(|unread| unread.why.contains("it did not answer in time"));
            assert_eq!(in_time, is_silent(place) && least > 0, "{hosts}: {place:?}");
        }
        // What was seen counts as ever.
        assert_eq!((report.outcome, report.levels["fail"], report.places_unread), (FleetOutcome::Stale, 1, 2));
    }
}

/// Without the factory's own pointers nothing can be measured, and that is told in the same time.
#[tokio::test(start_paused = true)]
async fn a_home_whose_parameters_do_not_answer_is_told_after_three_minutes_too() {
    let scene = scene().await;
    let wanted = places(&scene.factory, &"us-east-1".parse().unwrap());
    let target = AwsTarget::with_config(&Wire::silent(&scene.fake, "ssm.us-east-1").config());
    let began = tokio::time::Instant::now();
    let error = look(&target, &scene.factory, &["web".parse().unwrap()], &wanted).await.unwrap_err().to_string();
    assert!((180..200).contains(&began.elapsed().as_secs()), "{} s", began.elapsed().as_secs());
    assert!(error.contains("the factory's own images and pointers at home"), "{error}");
}
