//! `rollout` as its users meet it.

use super::{OWN, home};
use crate::aws::fleet::add_image;
use crate::aws::loopback::{Cloud, cloud};
use crate::aws::wire::Wire;
use crate::fake_aws::autoscaling::{Group, Member};
use crate::fake_aws::ec2::consumers::Template;
use crate::program::{TestFactory, stderr};
use amifactory::release::{Kind, Note};
use amifactory::target::aws::AwsTarget;
use amifactory::target::aws::policy::{Scope, rollout};
use amifactory::target::{PointerName, Slot, Target};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const OLD: &str = "ami-00000000000000a00";
const NEW: &str = "ami-00000000000000a01";
const TEMPLATE: &str = "lt-0000000000000000a";
const FACTORY: &str = "default_target: aws\nchannels: [dev, prod]\naws: {instance_profile: amifactory-builder}\n";
const ROLL: [&str; 4] = ["rollout", "web", "--channel", "prod"];

/// `prod` names web 1.0.1; the group `web-asg` launches 1.0.0.
fn world() -> Cloud {
    let cloud = cloud(|world| {
        let east = || home(OWN, "us-east-1");
        (world.latencies.running, world.latencies.stop) = (Duration::from_millis(1), Duration::from_millis(1));
        add_image(world, OLD, east(), "1.0.0", "verified");
        add_image(world, NEW, east(), "1.0.1", "verified");
        world.ec2.templates.insert(TEMPLATE.into(), Template { home: east(), images: vec![OLD.into()] });
        let template = Some((TEMPLATE.to_owned(), "1".to_owned()));
        let member = |id: &str| Member { id: id.into(), template: template.clone(), ..Member::default() };
        let members = vec![member("i-00000000000000001"), member("i-00000000000000002")];
        let group = Group { template: template.clone(), members, ..Group::default() };
        world.autoscaling.groups.insert((east(), "web-asg".into()), group);
    });
    let target = AwsTarget::with_config(&Wire::new(&cloud.fake).config());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (image, version) in [(OLD, "1.0.0"), (NEW, "1.0.1")] {
            for slot in [Slot::Version(version.parse().unwrap()), Slot::Channel("prod".parse().unwrap())] {
                let name = PointerName { recipe: "web".parse().unwrap(), arch: "x86_64".parse().unwrap(), slot };
                let before = target.pointer(&name).await.unwrap();
                let note = Note::new(Kind::Promote, amifactory::pipeline::clock::rfc3339(target.now()));
                let image = image.parse().unwrap();
                target.move_pointer(&name, before.as_ref(), &image, &note).await.unwrap();
                target.read_back(std::slice::from_ref(&name), &image).await.unwrap();
            }
        }
    });
    cloud
}

fn factory(more: &str) -> TestFactory {
    let factory = TestFactory::tiny("true");
    factory.write("amifactory.yaml", &format!("{FACTORY}{more}"));
    factory
}

fn run(cloud: &Cloud, factory: &TestFactory, more: &[&str]) -> (i32, String) {
    let arguments: Vec<&str> = ROLL.iter().chain(more).copied().collect();
    let output = cloud.command(factory, &arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout.clone()).unwrap() + &stderr(&output))
}

/// The result alone, without what was said on the way to it, which stands behind it and has times.
fn result<'t>(text: &'t str, begins: &str) -> &'t str {
    let text = &text[text.find(begins).unwrap()..];
    text.find("\n2").map_or(text, |end| &text[..end])
}

#[test]
fn it_is_shown_first_then_done_and_called_is_what_its_policy_allows() {
    let (cloud, factory) = (world(), factory("rollout: {alarms: [web-5xx]}\n"));
    let alarm = json!({ "AlarmName": "web-5xx", "StateValue": "OK" });
    cloud.fake.world().cloudwatch.alarms.insert((home(OWN, "us-east-1"), "web-5xx".into()), alarm);
    let before = cloud.fake.world().calls.len();
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--plan"]);
    assert_eq!(code, 0, "{text}");
    insta::assert_snapshot!(text);
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg"]);
    assert!(code == 2 && text.contains("--yes begins it"), "{code}: {text}");
    assert_eq!(cloud.fake.world().count("StartInstanceRefresh"), 0);
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--yes", "--format", "json"]);
    let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((code, &result["outcome"]), (0, &json!("rolled-out")), "{text}");
    let row = &result["groups"][0];
    assert_eq!((&row["group"], &row["state"], &row["version"]), (&json!("web-asg"), &json!("done"), &json!("1.0.0")));
    assert_eq!(row["to"], json!(2));
    let default = "aws ec2 modify-launch-template --launch-template-id lt-0000000000000000a --region us-east-1 \
                   --default-version 2";
    assert_eq!(row["moves_default"], json!(default));
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg"]);
    assert!(code == 0 && text.starts_with("up to date: all groups run web 1.0.1"), "{code}: {text}");
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--rollback", "--plan"]);
    let way = "web-asg: 1.0.1 (version 2) → 1.0.0 (ami-00000000000000a00, version 1 of lt-0000000000000000a)\n";
    assert!(code == 0 && text.contains(way), "{code}: {text}");
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--rollback", "--yes"]);
    let way = "web-asg: done: 1.0.0 (ami-00000000000000a00, version 1 of lt-0000000000000000a)\n";
    assert!(code == 0 && text.contains("done: all groups are back") && text.contains(way), "{code}: {text}");

    let world = cloud.fake.world();
    let called: BTreeSet<String> =
        world.calls[before..].iter().flat_map(|call| call.permissions.iter().cloned()).collect();
    let policy = rollout(&Scope::default());
    let missing: Vec<&String> = called.iter().filter(|action| !policy.allows(action)).collect();
    // Which roles its groups' instances have, the factory does not know.
    assert_eq!(missing, ["iam:PassRole"], "called and not allowed");
    for action in ["StartInstanceRefresh", "CreateLaunchTemplateVersion", "DescribeInstanceRefreshes", "DescribeAlarms"]
    {
        assert!(called.iter().any(|called| called.ends_with(action)), "{action} was not called");
    }
}

#[test]
fn a_refusal_changes_nothing_and_ends_with_3() {
    let (cloud, factory) = (world(), factory("rollout: {waves: {tiny: [[other]]}}\n"));
    let (code, text) = run(&cloud, &factory, &["--yes"]);
    assert!(code == 2 && text.contains("which groups? None is named"), "{code}: {text}");
    let (code, text) = run(&cloud, &factory, &["--yes", "--group", "nobody"]);
    assert!(code == 2 && text.contains("there is no Auto Scaling group nobody"), "{code}: {text}");
    cloud.fake.world().autoscaling.groups.values_mut().for_each(|group| group.suspended.push("Terminate".into()));
    let (code, text) = run(&cloud, &factory, &["--yes", "--group", "web-asg"]);
    assert!(code == 3 && text.contains("its processes Terminate are suspended"), "{code}: {text}");
    assert_eq!(cloud.fake.world().count("CreateLaunchTemplateVersion"), 0);
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--target", "local"]);
    assert!(code == 2 && text.contains("the target local has no Auto Scaling groups"), "{code}: {text}");
}

#[test]
fn a_log_has_each_step_as_what_it_is_and_all_of_a_run_together() {
    let (cloud, factory) = (world(), factory(""));
    let log = factory.path().join("run.log");
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--yes", "--log", log.to_str().unwrap()]);
    assert_eq!(code, 0, "{text}");
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (ended, steps) = lines.split_last().unwrap();
    assert!(!steps.is_empty() && ended["event"]["action"] == "run-ended", "{log}");
    let labels = json!({"recipe": "web", "channel": "prod", "group": "web-asg"});
    for step in steps {
        let (level, action) = (&step["log"]["level"], &step["event"]["action"]);
        assert_eq!((level, action, &step["labels"]), (&json!("info"), &json!("rollout-step"), &labels), "{step}");
    }
    let run = ended["trace"]["id"].as_str().unwrap();
    assert!(run.starts_with("run-") && lines.iter().all(|line| line["trace"]["id"] == run), "{log}");
}

#[test]
fn a_group_names_its_template_by_id_and_name() {
    let cloud = world();
    let config = Wire::new(&cloud.fake).config();
    let (ec2, groups) = (aws_sdk_ec2::Client::new(&config), aws_sdk_autoscaling::Client::new(&config));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let data = aws_sdk_ec2::types::RequestLaunchTemplateData::builder().image_id(OLD).build();
        let made = ec2.create_launch_template().launch_template_name("front").launch_template_data(data);
        let made = made.send().await.unwrap().launch_template.unwrap();
        let named = aws_sdk_autoscaling::types::LaunchTemplateSpecification::builder().launch_template_name("front");
        let group = groups.create_auto_scaling_group().auto_scaling_group_name("front").min_size(1).max_size(1);
        let group = group.availability_zones("us-east-1a").launch_template(named.version("1").build());
        group.send().await.unwrap();
        let seen = groups.describe_auto_scaling_groups().auto_scaling_group_names("front").send().await.unwrap();
        let of_group = seen.auto_scaling_groups()[0].launch_template().unwrap();
        assert_eq!(of_group.launch_template_id(), made.launch_template_id());
        assert_eq!((of_group.launch_template_name(), of_group.version()), (Some("front"), Some("1")));
    });
}

#[test]
fn outside_of_its_window_nothing_is_begun_but_for_a_reason() {
    // A window that closed an hour ago, for an hour, on all days.
    let now = time::OffsetDateTime::now_utc();
    let clock = |hours: i64| format!("{:02}:00", (now + time::Duration::hours(hours)).hour());
    let days = "[mon, tue, wed, thu, fri, sat, sun]";
    let window = format!("rollout: {{window: {{days: {days}, from: \"{}\", to: \"{}\"}}}}\n", clock(-3), clock(-2));
    let (cloud, factory) = (world(), factory(&window));
    let (code, text) = run(&cloud, &factory, &["--yes", "--group", "web-asg"]);
    // No mistake of anybody's.
    assert!(code == 3 && text.contains("refused: outside of the maintenance window"), "{code}: {text}");
    assert!(text.contains("it opens 20"), "{text}");
    assert_eq!(cloud.fake.world().count("CreateLaunchTemplateVersion"), 0);
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--plan"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("outside of the maintenance window (") && text.contains("--now REASON begins it now"),
        "{text}"
    );
    let log = factory.path().join("run.log");
    let log_to = log.to_str().unwrap();
    let said = || {
        let lines = std::fs::read_to_string(&log).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let now = ["--yes", "--group", "web-asg", "--now", "an incident", "--log", log_to];
    let (code, text) = run(&cloud, &factory, &now);
    assert!(code == 0 && text.contains("done: all groups run web 1.0.1"), "{code}: {text}");
    assert!(said().contains(&"outside of its window: an incident".to_owned()), "{:?}", said());
    let made = cloud.fake.world().ec2.template_versions[&(TEMPLATE.to_owned(), 2)].description.clone().unwrap();
    assert!(made.ends_with("for web-asg; outside of its window: an incident"), "{made}");
    // The way back waits for no window, and makes no version that could keep a reason.
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--rollback", "--plan"]);
    assert!(code == 0 && !text.contains("maintenance window"), "{code}: {text}");
    let back = ["--yes", "--group", "web-asg", "--rollback", "--now", "it burns", "--log", log_to];
    let (code, text) = run(&cloud, &factory, &back);
    assert!(code == 0 && text.contains("done: all groups are back"), "{code}: {text}");
    assert!(said().contains(&"goes back: it burns".to_owned()), "{:?}", said());
}

#[test]
fn whoever_goes_back_waits_for_no_window_and_needs_no_reason() {
    let now = time::OffsetDateTime::now_utc();
    let clock = |hours: i64| format!("{:02}:00", (now + time::Duration::hours(hours)).hour());
    let days = "[mon, tue, wed, thu, fri, sat, sun]";
    let window = format!("rollout: {{window: {{days: {days}, from: \"{}\", to: \"{}\"}}}}\n", clock(-3), clock(-2));
    let (cloud, factory) = (world(), factory(&window));
    let (code, text) = run(&cloud, &factory, &["--yes", "--group", "web-asg", "--now", "an incident"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = run(&cloud, &factory, &["--yes", "--group", "web-asg", "--rollback"]);
    assert!(code == 0 && text.contains("done: all groups are back"), "{code}: {text}");
    // The next night.
    let (code, text) = run(&cloud, &factory, &["--yes", "--group", "web-asg", "--now", "an incident"]);
    assert!(
        code == 3 && text.contains("it was brought back from 1.0.1 (version 2) to version 1, 20"),
        "{code}: {text}"
    );
    assert_eq!(cloud.fake.world().count("StartInstanceRefresh"), 2);
}

#[test]
fn alarms_that_ring_or_have_no_data_are_shown() {
    let (cloud, factory) = (world(), factory("rollout: {alarms: [web-5xx, web-slow, web-new]}\n"));
    for (name, state) in [("web-5xx", "OK"), ("web-slow", "ALARM"), ("web-new", "INSUFFICIENT_DATA")] {
        let alarm = json!({ "AlarmName": name, "StateValue": state });
        cloud.fake.world().cloudwatch.alarms.insert((home(OWN, "us-east-1"), name.into()), alarm);
    }
    let despite = ["--group", "web-asg", "--despite-alarms", "this mends web-slow"];
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--plan"]);
    assert!(code == 3 && text.contains("--despite-alarms REASON"), "{code}: {text}");
    let (code, text) = run(&cloud, &factory, &[&despite[..], &["--plan"]].concat());
    assert_eq!(code, 0, "{text}");
    insta::assert_snapshot!(text);
    let (code, text) = run(&cloud, &factory, &[&despite[..], &["--rollback", "--yes"]].concat());
    assert!(code == 2 && text.contains("cannot be used with"), "{code}: {text}");
    let log = factory.path().join("run.log");
    let (code, text) = run(&cloud, &factory, &[&despite[..], &["--yes", "--log", log.to_str().unwrap()]].concat());
    assert!(code == 0 && text.contains("done: all groups run web 1.0.1"), "{code}: {text}");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("despite alarms: this mends web-slow"), "{log}");
    // Where none rings there is nothing to keep a reason for.
    for state in cloud.fake.world().cloudwatch.alarms.values_mut() {
        state["StateValue"] = json!("OK");
    }
    let (code, text) = run(&cloud, &factory, &despite);
    assert!(code == 0 && text.contains("the reason of --despite-alarms is not kept"), "{code}: {text}");
}

#[test]
fn the_command_is_told_that_moves_the_default() {
    let (cloud, factory) = (world(), factory(""));
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--yes"]);
    assert_eq!(code, 0, "{text}");
    insta::assert_snapshot!(result(&text, "done:"));
    let moves = "aws ec2 modify-launch-template";
    cloud.fake.world().ec2.default_versions.insert(TEMPLATE.into(), 2);
    // Back again it is the other way round.
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--rollback", "--yes"]);
    let back = format!("{moves} --launch-template-id {TEMPLATE} --region us-east-1 --default-version 1");
    assert!(code == 0 && text.contains(&back), "{code}: {text}");
}

#[test]
fn what_is_in_flight_is_watched_outside_of_the_window() {
    let now = time::OffsetDateTime::now_utc();
    let clock = |hours: i64| format!("{:02}:00", (now + time::Duration::hours(hours)).hour());
    let days = "[mon, tue, wed, thu, fri, sat, sun]";
    let window = format!("rollout: {{window: {{days: {days}, from: \"{}\", to: \"{}\"}}}}\n", clock(-3), clock(-2));
    let (cloud, factory) = (world(), factory(&window));
    {
        let mut world = cloud.fake.world();
        let east = || home(OWN, "us-east-1");
        let other = world.autoscaling.groups[&(east(), "web-asg".to_owned())].clone();
        world.autoscaling.groups.insert((east(), "later".into()), other);
    }
    // Whoever began the first wave has died.
    let (code, text) = run(&cloud, &factory, &["--yes", "--group", "web-asg", "--now", "an incident"]);
    assert_eq!(code, 0, "{text}");
    let (first, _) = {
        let mut world = cloud.fake.world();
        let group = world.autoscaling.groups.get_mut(&(home(OWN, "us-east-1"), "web-asg".to_owned())).unwrap();
        let refresh = &mut group.refreshes[0];
        refresh.status = crate::fake_aws::autoscaling::refresh::Status::InProgress;
        (refresh.ended, refresh.next) = (None, tokio::time::Instant::now() + Duration::from_secs(2));
        (refresh.id.clone(), group.template.replace((TEMPLATE.to_owned(), "1".to_owned())))
    };
    let (code, text) = run(&cloud, &factory, &["--yes", "--wave", "web-asg", "--wave", "later"]);
    assert_eq!(code, 5, "{first}: {text}");
    assert!(text.contains("web-asg: done: 1.0.1, version 2"), "{text}");
    assert!(text.contains("later: not begun: the maintenance window ("), "{text}");
    assert_eq!(cloud.fake.world().count("StartInstanceRefresh"), 1);
}

#[test]
fn a_failure_names_the_groups_that_go_back() {
    let (cloud, factory) = (world(), factory("rollout: {checkpoints: [50], checkpoint_delay: 1s, bake: 90s}\n"));
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--plan"]);
    assert!(code == 0 && text.contains("; 1 s of waiting at 50 %; 1 min 30 s of waiting at the end"), "{text}");
    for empty in ["", "web-asg,,later"] {
        let (code, text) = run(&cloud, &factory, &["--yes", "--wave", empty]);
        assert!(code == 2 && text.contains("a group has no name"), "{code}: {text}");
    }
    cloud.fake.world().autoscaling.unhealthy.insert(NEW.into());
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--yes"]);
    assert_eq!(code, 1, "{text}");
    // AWS has brought it back: there is nothing to go back from.
    insta::assert_snapshot!(result(&text, "failed:"));
    // The version of the first try serves the second: it is told who has made it.
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--retry", "--plan"]);
    assert!(code == 0 && text.contains("version 2 made by arn:aws:"), "{code}: {text}");
    // Where the window is closed, trying again takes its reason too.
    let now = time::OffsetDateTime::now_utc();
    let clock = |hours: i64| format!("{:02}:00", (now + time::Duration::hours(hours)).hour());
    let days = "[mon, tue, wed, thu, fri, sat, sun]";
    let window = format!("rollout: {{window: {{days: {days}, from: \"{}\", to: \"{}\"}}}}\n", clock(-3), clock(-2));
    let closed = self::factory(&window);
    let (code, text) = run(&cloud, &closed, &["--group", "web-asg", "--plan"]);
    assert!(code == 3 && text.contains("--retry tries it again"), "{code}: {text}");
    assert!(text.contains("; it opens 20") && text.contains("begins nothing now without --now REASON"), "{text}");
}

#[test]
fn what_stands_half_way_is_told_its_way_back() {
    let (cloud, factory) = (world(), factory(""));
    {
        let mut world = cloud.fake.world();
        world.autoscaling.unhealthy.insert(NEW.into());
        world.autoscaling.rollbacks_fail = true;
    }
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--yes"]);
    assert_eq!(code, 1, "{text}");
    let back = "  amifactory rollout web --channel prod --arch x86_64 --rollback --group web-asg\n";
    assert!(text.contains(back) && !text.contains("--retry"), "{text}");
}

/// What keeps a refresh from being watched says nothing against it.
#[test]
fn what_could_not_be_watched_goes_on_and_is_told_no_way_back() {
    let (cloud, factory) = (world(), factory("rollout: {bake: 1h}\n"));
    {
        let mut world = cloud.fake.world();
        let own = world.autoscaling.groups[&(home(OWN, "us-east-1"), "web-asg".to_owned())].clone();
        world.autoscaling.groups.insert((home(OWN, "us-east-1"), "later".into()), own);
    }
    let unwatched = |more: &[&str], action: &str| {
        let before = cloud.fake.world().count(action);
        let arguments: Vec<&str> = ROLL.iter().chain(&["--yes", "--wave", "web-asg"]).chain(more).copied().collect();
        let child = cloud.command(&factory, &arguments).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let began = std::time::Instant::now();
        while cloud.fake.world().count(action) == before {
            assert!(began.elapsed() < Duration::from_secs(60), "it never begins");
            std::thread::sleep(Duration::from_millis(20));
        }
        let watches = "autoscaling:DescribeInstanceRefreshes";
        cloud.fake.world().credentials.default_mut().denied.insert(watches.into());
        let output = child.wait_with_output().unwrap();
        cloud.fake.world().credentials.default_mut().denied.remove(watches);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let again = "next\n  amifactory rollout web --channel prod --arch x86_64";
    let (code, text) = unwatched(&["--wave", "later"], "StartInstanceRefresh");
    let unseen = "web-asg: not known: the refresh goes on, and could not be watched: not allowed: \
                  autoscaling:DescribeInstanceRefreshes on ";
    assert!(
        code == Some(1) && text.starts_with("not known: how it ends was not seen") && text.contains(unseen),
        "{text}"
    );
    assert!(text.contains("later: not begun: what becomes of a group of wave 1 is not known"), "{text}");
    assert!(text.ends_with(&format!("{again} --wave web-asg --wave later   # goes on from here\n")), "{text}");
    assert!(!text.contains("failed") && !text.contains("--rollback"), "{text}");
    // It is watched again, and turned round by whoever asks for that.
    let (code, text) = run(&cloud, &factory, &["--wave", "web-asg", "--plan"]);
    assert!(code == 0 && text.contains("% replaced"), "{code}: {text}");
    let (code, text) = unwatched(&["--rollback"], "RollbackInstanceRefresh");
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("web-asg: not known: the refresh goes on") && text.contains(&format!("{again} --rollback")),
        "{text}"
    );
    assert_eq!(cloud.fake.world().count("StartInstanceRefresh"), 1);
}

/// A name may begin like a flag: it is told so that it is taken as it is.
#[test]
fn a_group_that_is_called_like_a_flag_is_named_so_that_it_can_be_pasted() {
    let (cloud, factory) = (world(), factory(""));
    {
        let mut world = cloud.fake.world();
        let own = world.autoscaling.groups.remove(&(home(OWN, "us-east-1"), "web-asg".to_owned())).unwrap();
        world.autoscaling.groups.insert((home(OWN, "us-east-1"), "--now".into()), own);
        world.credentials.default_mut().denied.insert("autoscaling:StartInstanceRefresh".into());
    }
    for (more, told) in [("--group=--now", "--group='--now'"), ("--wave=--now", "--group='--now'")] {
        let (code, text) = run(&cloud, &factory, &[more, "--yes"]);
        assert!(code == 1 && text.contains(&format!("--arch x86_64 {told}   # once more")), "{code}: {text}");
    }
    // Of another recipe.
    let name = "--group=--now";
    {
        let mut world = cloud.fake.world();
        let now = world.clock.now();
        let mut tags = world.ec2.tags_at(OLD, now);
        tags.insert("amifactory:recipe".into(), "db".into());
        world.ec2.tags.get_mut(OLD).unwrap().set(now, tags);
    }
    let (code, text) = run(&cloud, &factory, &[name, "--plan"]);
    assert!(code == 3 && text.contains("--take-over db --group='--now'"), "{code}: {text}");
}

#[test]
fn what_was_never_begun_is_told_no_way_back() {
    let (cloud, factory) = (world(), factory(""));
    cloud.fake.world().credentials.default_mut().denied.insert("autoscaling:StartInstanceRefresh".into());
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--yes"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("web-asg: failed: ") && !text.contains("--rollback"), "{text}");
    let again =
        "amifactory rollout web --channel prod --arch x86_64 --group web-asg   # once more: no group was touched";
    assert!(text.contains(again), "{text}");
}

#[test]
fn interrupted_it_stops_watching_and_the_refresh_goes_on() {
    let (cloud, factory) = (world(), factory("rollout: {bake: 1h}\n"));
    let arguments: Vec<&str> = ROLL.iter().chain(&["--group", "web-asg", "--yes"]).copied().collect();
    let child = cloud.command(&factory, &arguments).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let began = std::time::Instant::now();
    while cloud.fake.world().count("StartInstanceRefresh") == 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "it never begins");
        std::thread::sleep(Duration::from_millis(50));
    }
    let id = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("stopped watching; refreshes that have begun go on"), "{text}");
    assert!(text.contains("version 2 (lt-0000000000000000a version 1)") && text.contains("% replaced"), "{text}");
    let again = "  amifactory rollout web --channel prod --arch x86_64 --group web-asg   # goes on from here\n";
    assert!(text.contains(again) && !text.contains('…'), "{text}");
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--rollback", "--plan"]);
    let turns = "web-asg: turns round the refresh to version 2; back to 1.0.0 (ami-00000000000000a00, version 1 of \
                 lt-0000000000000000a)\n";
    assert!(code == 0 && text.contains(turns) && text.contains("% replaced"), "{code}: {text}");
    // It is there, and seen.
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--plan"]);
    assert!(code == 0 && text.contains("1.0.0 → 1.0.1, version 2"), "{code}: {text}");
    assert_eq!(cloud.fake.world().count("StartInstanceRefresh"), 1);
    // Nobody watches when the image is revoked: whoever revokes it, or comes back, is told how the refresh is turned round.
    let revoke = ["revoke", "web@1.0.1", "--reason", "CVE-2026-0009"];
    let output = cloud.command(&factory, &revoke).output().unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap() + &stderr(&output);
    let back = "amifactory rollout web --channel prod --arch x86_64 --rollback --yes --group web-asg";
    assert!(text.contains("is used by: instance refresh") && text.contains(&format!("  {back}\n")), "{text}");
    for more in [&["--plan"][..], &["--yes"]] {
        let (code, text) = run(&cloud, &factory, &[&["--group", "web-asg"], more].concat());
        assert!(code == 3 && text.contains("web 1.0.1 is revoked: CVE-2026-0009"), "{code}: {text}");
        let told = "web-asg: a refresh brings it: ";
        assert!(text.contains(told) && text.contains(back), "{text}");
    }
    let output = cloud.command(&factory, &["rollback", "web", "--channel", "prod"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--plan"]);
    let told = "a refresh brings it web 1.0.1, which is revoked (CVE-2026-0009): ";
    assert!(code == 3 && text.contains(told) && text.contains(back) && !text.contains("cancel"), "{code}: {text}");
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--rollback", "--yes"]);
    assert!(code == 0 && text.contains("done: all groups are back"), "{code}: {text}");
}

/// A cancelled refresh leaves what it has brought.
#[test]
fn instances_that_are_left_with_a_revoked_image_are_told() {
    let (cloud, factory) = (world(), factory(""));
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--yes"]);
    assert_eq!(code, 0, "{text}");
    {
        let mut world = cloud.fake.world();
        let group = world.autoscaling.groups.get_mut(&(home(OWN, "us-east-1"), "web-asg".to_owned())).unwrap();
        group.template = Some((TEMPLATE.into(), "1".into()));
        group.refreshes[0].status = crate::fake_aws::autoscaling::refresh::Status::Cancelled;
    }
    for arguments in
        [&["revoke", "web@1.0.1", "--reason", "CVE-2026-0009"][..], &["rollback", "web", "--channel", "prod"]]
    {
        let output = cloud.command(&factory, arguments).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--plan"]);
    let told = "warning: 2 of its 2 instances run web 1.0.1, which is revoked: CVE-2026-0009\n";
    assert!(code == 0 && text.contains(told), "{code}: {text}");
    // Once they are replaced, none is left.
    let (code, text) = run(&cloud, &factory, &["--group", "web-asg", "--yes"]);
    assert!(code == 0 && text.contains("web-asg: done: ") && !text.contains("warning"), "{code}: {text}");
}

#[test]
fn what_an_alarm_brought_back_is_told_with_that_alarm() {
    let (cloud, factory) = (world(), factory("rollout: {alarms: [web-5xx], bake: 1h}\n"));
    let alarm = |state: &str| {
        let alarm = json!({ "AlarmName": "web-5xx", "StateValue": state });
        cloud.fake.world().cloudwatch.alarms.insert((home(OWN, "us-east-1"), "web-5xx".into()), alarm);
    };
    alarm("OK");
    let arguments: Vec<&str> = ROLL.iter().chain(&["--group", "web-asg", "--yes"]).copied().collect();
    let child = cloud.command(&factory, &arguments).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let began = std::time::Instant::now();
    while cloud.fake.world().count("StartInstanceRefresh") == 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "it never begins");
        std::thread::sleep(Duration::from_millis(50));
    }
    alarm("ALARM");
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let history =
        "aws cloudwatch describe-alarm-history --alarm-name web-5xx --region us-east-1   # why it came back\n";
    assert!(output.status.code() == Some(1) && text.contains(history), "{text}");
    assert!(!text.contains("describe-scaling-activities"), "{text}");
}

#[test]
fn the_readme_on_roll_outs_is_true() {
    let text = crate::readme::readme();
    let part = text.split("## Roll-out").nth(1).unwrap().split("\n## ").next().unwrap().replace("web-tier", "web");
    let settings = part.split("```yml\n").nth(1).unwrap().split("```").next().unwrap();
    let (cloud, factory) = (world(), factory(""));
    {
        let mut world = cloud.fake.world();
        let east = || home(OWN, "us-east-1");
        let own = world.autoscaling.groups[&(east(), "web-asg".to_owned())].clone();
        for name in ["canary", "web-a", "web-b"] {
            world.autoscaling.groups.insert((east(), name.into()), own.clone());
        }
    }
    for arguments in crate::readme::commands(&part) {
        let output =
            cloud.command(&factory, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    }
    assert_eq!(cloud.fake.world().count("StartInstanceRefresh"), 3);
    let recipe = std::fs::read_to_string(factory.path().join("recipes/tiny.yaml")).unwrap();
    factory.write("recipes/web.yaml", &recipe.replace("recipe: tiny", "recipe: web"));
    factory.write("amifactory.yaml", &format!("{FACTORY}{settings}"));
    let output = cloud.command(&factory, &["validate"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}
