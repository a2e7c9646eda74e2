//! DescribeInstanceInformation: only what has an agent that was heard of.

use super::bench::{Bench, code};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

async fn described(bench: &Bench, filters: Value) -> Vec<(String, String)> {
    let answer = bench.ssm("DescribeInstanceInformation", json!({ "Filters": filters })).await.unwrap();
    let list = answer["InstanceInformationList"].as_array().unwrap().iter();
    list.map(|node| {
        let text = |name: &str| node[name].as_str().unwrap().to_owned();
        (text("InstanceId"), text("PingStatus"))
    })
    .collect()
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_online_a_while_after_its_instance_runs() {
    let bench = Bench::new();
    let instance = bench.launch().await;
    sleep(Duration::from_secs(30)).await;
    assert!(described(&bench, json!([])).await.is_empty());
    sleep(Duration::from_secs(5)).await;
    let online = [(instance.clone(), "Online".to_owned())];
    assert_eq!(described(&bench, json!([])).await, online);
    for filter in [
        json!([{ "Key": "InstanceIds", "Values": [instance] }]),
        json!([{ "Key": "tag:purpose", "Values": ["test", "other"] }]),
        json!([{ "Key": "PingStatus", "Values": ["Online"] }]),
    ] {
        assert_eq!(described(&bench, filter).await, online);
    }
    for filter in [
        json!([{ "Key": "InstanceIds", "Values": ["i-0123456789abcdef0"] }]),
        json!([{ "Key": "tag:purpose", "Values": ["other"] }]),
        json!([{ "Key": "PingStatus", "Values": ["ConnectionLost"] }]),
    ] {
        assert_eq!(described(&bench, filter).await, []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_agent_counts_as_lost_after_five_minutes_and_a_terminated_one_is_gone() {
    let bench = Bench::new();
    let instance = bench.online().await;
    let now = bench.fake.world().clock.now();
    bench.fake.world().ssm.lost.insert(instance.clone(), now);
    sleep(Duration::from_secs(299)).await;
    assert_eq!(described(&bench, json!([])).await, [(instance.clone(), "Online".to_owned())]);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(described(&bench, json!([])).await, [(instance.clone(), "ConnectionLost".to_owned())]);
    bench.ec2("TerminateInstances", &[("InstanceId.1", &instance)]).await;
    sleep(Duration::from_secs(16)).await;
    assert_eq!(described(&bench, json!([])).await, []);
}

#[tokio::test(start_paused = true)]
async fn an_agent_may_never_come() {
    let bench = Bench::new();
    bench.fake.world().ssm.all_mute = true;
    bench.online().await;
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(described(&bench, json!([])).await, []);
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages_and_filters_are_checked() {
    let bench = Bench::new();
    for _ in 0..7 {
        bench.launch().await;
    }
    sleep(Duration::from_secs(40)).await;
    let first = bench.ssm("DescribeInstanceInformation", json!({ "MaxResults": 5 })).await.unwrap();
    assert_eq!(first["InstanceInformationList"].as_array().unwrap().len(), 5);
    let token = first["NextToken"].as_str().unwrap();
    let rest = json!({ "MaxResults": 5, "NextToken": token });
    let rest = bench.ssm("DescribeInstanceInformation", rest).await.unwrap();
    assert_eq!(rest["InstanceInformationList"].as_array().unwrap().len(), 2);
    for (body, error) in [
        (json!({ "MaxResults": 51 }), "ValidationException"),
        (json!({ "Filters": [{ "Key": "Colour", "Values": ["x"] }] }), "InvalidFilterKey"),
        (json!({ "Filters": [{ "Key": "InstanceIds", "Values": ["x"] }] }), "InvalidInstanceInformationFilterValue"),
        (json!({ "NextToken": "x" }), "InvalidNextToken"),
    ] {
        assert_eq!(code(bench.ssm("DescribeInstanceInformation", body).await), error);
    }
}
