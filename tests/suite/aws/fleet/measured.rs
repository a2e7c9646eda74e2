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
