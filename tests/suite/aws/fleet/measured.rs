//! Metrics of each check, and the alarms over them, by the built program.

use super::program::{FACTORY, run, world};
use super::{OWN, home};
use crate::fake_aws::faults::Fault;
use crate::program::TestFactory;
use serde_json::{Value, json};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:fleet";

fn factory(metrics: &str) -> TestFactory {
    let factory = TestFactory::tiny("true");
    let notify = format!("{{{metrics}audiences: {{platform: {{sns: \"{TOPIC}\"}}}}}}");
    factory.write("amifactory.yaml", &format!("{FACTORY}fleet: {{warn: 0s, fail: 0s, notify: {notify}}}\n"));
    factory
}

#[test]
fn each_check_puts_a_few_metrics() {
    let (cloud, factory) = (world(), factory("metrics: true, "));
    cloud.fake.world().sns.topics.insert(TOPIC.into(), Vec::new());
    cloud.fake.world().weather.after("PutMetricData", 1, Fault::Throttle);
    let (code, text) = run(&cloud, &factory, &["fleet", "--notify"]);
    assert!(code == 4 && text.contains("10 metrics put"), "{code}: {text}");
    let points = cloud.fake.world().cloudwatch.points.clone();
    let value = |name: &str, dimensions: &[(&str, &str)]| {
        let wanted = dimensions.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        points.iter().find(|point| point.name == name && point.dimensions == wanted).map(|point| point.value)
    };
    assert!(points.iter().all(|point| point.namespace == "amifactory" && point.home == home(OWN, "us-east-1")));
    assert_eq!((points.len(), value("Runs", &[]), value("PlacesUnread", &[])), (10, Some(1.0), Some(0.0)));
    assert_eq!(value("Uses", &[("Level", "fail")]), Some(1.0));
    assert_eq!(value("Uses", &[("Channel", "prod"), ("Level", "fail"), ("Recipe", "web")]), Some(1.0));
    // Without --notify nothing is put; denied, it is told, and who is to hear has heard.
    run(&cloud, &factory, &["fleet"]);
    assert_eq!(cloud.fake.world().cloudwatch.points.len(), 10);
    cloud.fake.world().credentials.default_mut().denied.insert("cloudwatch:PutMetricData".into());
    let (code, text) = run(&cloud, &factory, &["fleet", "--notify"]);
    assert!(code == 1 && text.contains("not put: 10 metrics: not allowed: cloudwatch:PutMetricData"), "{code}: {text}");
    assert!(text.contains("platform by sns: nothing new"), "{text}");
}

#[test]
fn alarms_are_shown_before_they_are_declared_and_declared_once() {
    let (cloud, factory) = (world(), factory("metrics: true, "));
    let alarms = || cloud.fake.world().cloudwatch.alarms.clone();
    let (code, text) = run(&cloud, &factory, &["fleet", "--alarms"]);
    assert!(code == 0 && text.contains("amifactory-fleet-check-stopped: not there"), "{code}: {text}");
    assert!(text.contains("amifactory fleet --alarms --yes") && alarms().is_empty(), "{text}");
    let (code, text) = run(&cloud, &factory, &["fleet", "--alarms", "--yes"]);
    assert!(code == 0 && text.contains("amifactory-fleet-check-stopped: declared"), "{code}: {text}");
    let name = || (home(OWN, "us-east-1"), "amifactory-fleet-check-stopped".to_owned());
    let declared = alarms()[&name()].clone();
    let expected = [
        ("TreatMissingData", json!("breaching")),
        ("Statistic", json!("Sum")),
        ("ComparisonOperator", json!("LessThanThreshold")),
        ("AlarmActions", json!([TOPIC])),
    ];
    assert!(expected.iter().all(|(key, value)| declared[*key] == *value), "{declared}");
    let puts = cloud.fake.world().count("PutMetricAlarm");
    let (code, text) = run(&cloud, &factory, &["fleet", "--alarms", "--yes", "--format", "json"]);
    let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(
        (code, &result["alarms"][0]["state"], &result["alarms"][1]["declared"]),
        (0, &json!("same"), &json!(false))
    );
    assert_eq!(cloud.fake.world().count("PutMetricAlarm"), puts);
    // What someone has changed is told, and changed back.
    cloud.fake.world().cloudwatch.alarms.get_mut(&name()).unwrap()["TreatMissingData"] = json!("ignore");
    let (_, text) = run(&cloud, &factory, &["fleet", "--alarms"]);
    assert!(text.contains("amifactory-fleet-check-stopped: there, and otherwise"), "{text}");
    assert!(text.contains("  without any number: it does not ring; it should be: it rings\n"), "{text}");
    run(&cloud, &factory, &["fleet", "--alarms", "--yes"]);
    assert_eq!(alarms()[&name()]["TreatMissingData"], json!("breaching"));
    assert_eq!(cloud.fake.world().count("PutMetricAlarm"), puts + 1);
    // One that rings for nobody, or looks at something else, is not as it should be.
    for (at, value) in [("ActionsEnabled", json!(false)), ("DatapointsToAlarm", json!(1)), ("Unit", json!("Seconds"))] {
        cloud.fake.world().cloudwatch.alarms.get_mut(&name()).unwrap()[at] = value;
        let (_, text) = run(&cloud, &factory, &["fleet", "--alarms"]);
        assert!(text.contains("amifactory-fleet-check-stopped: there, and otherwise"), "{at}: {text}");
        run(&cloud, &factory, &["fleet", "--alarms", "--yes"]);
        let (_, text) = run(&cloud, &factory, &["fleet", "--alarms"]);
        assert!(text.contains("amifactory-fleet-check-stopped: as it should be"), "{at}: {text}");
    }
    let (code, text) = run(&cloud, &factory, &["fleet", "--alarms", "--format", "csv"]);
    assert!(code == 2 && text.contains("--format human or json"), "{code}: {text}");
    let (code, text) = run(&cloud, &self::factory(""), &["fleet", "--alarms"]);
    assert!(code == 2 && text.contains("there are no metrics"), "{code}: {text}");
}

#[test]
fn two_factories_of_an_account_do_not_overwrite_each_other() {
    let cloud = world();
    cloud.fake.world().sns.topics.insert(TOPIC.into(), Vec::new());
    for own in ["", "factory: shop, ", "factory: bank, "] {
        let factory = factory(&format!("metrics: true, {own}"));
        run(&cloud, &factory, &["fleet", "--alarms", "--yes"]);
        let (_, text) = run(&cloud, &factory, &["fleet", "--notify"]);
        assert!(text.contains("10 metrics put"), "{own}: {text}");
        let (code, text) = run(&cloud, &factory, &["fleet", "--alarms"]);
        assert!(code == 0 && text.matches(": as it should be").count() == 2, "{own}: {text}");
    }
    // What has the names of a factory without one may be of before this one had its name: nobody else can tell.
    let (_, text) = run(&cloud, &factory("metrics: true, factory: shop, "), &["fleet", "--alarms"]);
    let left = "amifactory-fleet-check-stopped: there still, of a time without `factory:`, or of another factory";
    let remove = "aws cloudwatch delete-alarms --alarm-names amifactory-fleet-check-stopped --region us-east-1";
    assert!(text.contains(left) && text.contains(remove), "{text}");
    let other = "amifactory-bank-fleet-unread: there still, of when `factory:` was bank, or of another factory that has this name";
    assert!(text.contains(other) && text.matches("there still").count() == 4, "{text}");
    let (_, text) = run(&cloud, &factory("metrics: true, factory: store, "), &["fleet", "--alarms"]);
    insta::assert_snapshot!("renamed", text);
    let world = cloud.fake.world();
    let names: Vec<&str> = world.cloudwatch.alarms.keys().map(|(_, name)| name.as_str()).collect();
    let named = |own: &str| [format!("amifactory{own}-fleet-check-stopped"), format!("amifactory{own}-fleet-unread")];
    assert_eq!(names, ["-bank", "", "-shop"].map(named).concat());
    let runs = world.cloudwatch.points.iter().filter(|point| point.name == "Runs");
    let whose: Vec<Option<&str>> = runs.map(|point| point.dimensions.get("Factory").map(String::as_str)).collect();
    assert_eq!(whose, [None, Some("shop"), Some("bank")]);
    // What has the name of an alarm and looks at another factory's metric is not as it should be.
    drop(world);
    let key = (home(OWN, "us-east-1"), "amifactory-shop-fleet-check-stopped".to_owned());
    let other = json!([{"Name": "Factory", "Value": "bank"}]);
    cloud.fake.world().cloudwatch.alarms.get_mut(&key).unwrap()["Dimensions"] = other;
    let (_, text) = run(&cloud, &factory("metrics: true, factory: shop, "), &["fleet", "--alarms"]);
    assert!(text.contains("what it looks at: Runs, Factory=bank; it should be: Runs, Factory=shop"), "{text}");
}

/// The alarm as it is declared, over the numbers as they are put: a check of which nobody can hear has not run.
#[test]
fn a_check_that_nobody_hears_of_counts_as_none_and_rings() {
    let (cloud, factory) = (world(), factory("metrics: true, "));
    cloud.fake.world().sns.topics.insert(TOPIC.into(), Vec::new());
    run(&cloud, &factory, &["fleet", "--alarms", "--yes"]);
    let rings = || {
        let mut world = cloud.fake.world();
        let key = (home(OWN, "us-east-1"), "amifactory-fleet-check-stopped".to_owned());
        let alarm = world.cloudwatch.alarms[&key].clone();
        let points = std::mem::take(&mut world.cloudwatch.points);
        let its =
            points.iter().filter(|point| alarm["MetricName"] == point.name.as_str() && point.dimensions.is_empty());
        let values: Vec<f64> = its.map(|point| point.value).collect();
        assert_eq!((&alarm["Statistic"], &alarm["ComparisonOperator"]), (&json!("Sum"), &json!("LessThanThreshold")));
        let rings = match values.as_slice() {
            [] => alarm["TreatMissingData"] == "breaching",
            values => values.iter().sum::<f64>() < alarm["Threshold"].as_f64().unwrap(),
        };
        (values, rings)
    };
    assert_eq!(rings(), (vec![], true));
    run(&cloud, &factory, &["fleet", "--notify"]);
    assert_eq!(rings(), (vec![1.0], false));
    cloud.fake.world().credentials.default_mut().denied.insert("sns:Publish".into());
    cloud.fake.world().ec2.images.remove("ami-00000000000000a00");
    let (code, text) = run(&cloud, &factory, &["fleet", "--notify"]);
    assert!(code == 1 && text.contains("sns:Publish"), "{code}: {text}");
    assert_eq!(rings(), (vec![0.0], true));
    // Twice in a day, once heard: it has run.
    run(&cloud, &factory, &["fleet", "--notify"]);
    cloud.fake.world().credentials.default_mut().denied.clear();
    run(&cloud, &factory, &["fleet", "--notify"]);
    assert_eq!(rings(), (vec![0.0, 1.0], false));
}

/// Whoever pastes a command where the factory file names another target is told how it is with this one.
#[test]
fn a_command_that_is_told_names_the_target_that_the_factory_file_does_not() {
    let (cloud, factory) = (world(), factory("metrics: true, "));
    let notify = format!("{{metrics: true, audiences: {{platform: {{sns: \"{TOPIC}\"}}}}}}");
    let local = FACTORY.replace("default_target: aws", "default_target: local");
    factory.write("amifactory.yaml", &format!("{local}fleet: {{warn: 0s, fail: 0s, notify: {notify}}}\n"));
    let (code, text) = run(&cloud, &factory, &["fleet", "--alarms", "--target", "aws"]);
    assert!(code == 0 && text.contains("  amifactory fleet --target aws --alarms --yes\n"), "{code}: {text}");
    let (_, text) = run(&cloud, &factory, &["fleet", "--alarms", "--yes", "--target", "aws"]);
    assert!(text.contains("declared"), "{text}");
    let told = "promote an image to it: amifactory promote --target aws web --to dev";
    for format in ["human", "json"] {
        let roll =
            ["rollout", "web", "--channel", "dev", "--group", "web", "--target", "aws", "--plan", "--format", format];
        let (code, text) = run(&cloud, &factory, &roll);
        assert!(code == 2 && text.contains(told), "{code}: {text}");
    }
    // What has it already has it once.
    let (_, text) = run(&cloud, &factory, &["fleet", "--target", "aws"]);
    assert!(!text.contains("--target aws web --target") && !text.contains("--target aws --target"), "{text}");
}
