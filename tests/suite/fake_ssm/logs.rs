//! CloudWatch Logs: a command's output, while it runs and after.

use super::bench::Bench;
use crate::fake_aws::agents::shell::ShellAgent;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_command_writes_its_output_to_two_streams() {
    let bench = Bench::with(Arc::new(ShellAgent::new().unwrap()));
    bench.fake.world().ssm.runs_take = Duration::from_secs(60);
    let instance = bench.online().await;
    let body = json!({ "DocumentName": "AWS-RunShellScript", "InstanceIds": [instance],
        "Parameters": { "commands": ["echo one; sleep 0.1; echo two; printf three; echo wrong >&2"] },
        "CloudWatchOutputConfig": { "CloudWatchOutputEnabled": true, "CloudWatchLogGroupName": "builds" } });
    let answer = bench.ssm("SendCommand", body).await.unwrap();
    let command = super::bench::id(&answer);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(bench.invocation(&command, &instance).await["Status"], "InProgress");

    let groups = bench.logs("DescribeLogGroups", json!({ "logGroupNamePrefix": "build" })).await.unwrap();
    assert_eq!(groups["logGroups"][0]["logGroupName"], "builds");
    let streams = bench.logs("DescribeLogStreams", json!({ "logGroupName": "builds" })).await.unwrap();
    let prefix = format!("{command}/{instance}/aws-runShellScript");
    let names: Vec<_> =
        streams["logStreams"].as_array().unwrap().iter().map(|stream| stream["logStreamName"].clone()).collect();
    assert_eq!(names, [json!(format!("{prefix}/stderr")), json!(format!("{prefix}/stdout"))]);

    let get = async |token: Option<&str>| {
        let body = json!({ "logGroupName": "builds", "logStreamName": format!("{prefix}/stdout"),
            "startFromHead": true, "limit": 1, "nextToken": token });
        bench.logs("GetLogEvents", body).await.unwrap()
    };
    let (mut text, mut token) = (Vec::new(), None::<String>);
    loop {
        let page = get(token.as_deref()).await;
        text.extend(
            page["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap().to_owned()),
        );
        let next = page["nextForwardToken"].as_str().map(str::to_owned);
        if next == token {
            break;
        }
        token = next;
    }
    assert_eq!(text.join("\n"), "one\ntwo\nthree");
    let filter = json!({ "logGroupName": "builds", "filterPattern": "wrong" });
    let found = bench.logs("FilterLogEvents", filter).await.unwrap();
    assert_eq!(found["events"].as_array().unwrap().len(), 1);
    assert_eq!(found["events"][0]["logStreamName"], json!(format!("{prefix}/stderr")));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_an_error() {
    let bench = Bench::new();
    let gone = json!({ "logGroupName": "none", "logStreamName": "x" });
    for action in ["GetLogEvents", "FilterLogEvents", "DescribeLogStreams"] {
        assert_eq!(bench.logs(action, gone.clone()).await.unwrap_err().code, "ResourceNotFoundException");
    }
    assert_eq!(bench.logs("DescribeLogGroups", json!({})).await.unwrap()["logGroups"], Value::Array(Vec::new()));
}
