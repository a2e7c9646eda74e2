//! SendCommand: what is refused before anything is sent.

use super::bench::{Bench, code, id};
use serde_json::{Value, json};

/// A command with one member changed.
fn command(instance: &str, name: &str, value: Value) -> Value {
    let mut body = json!({ "DocumentName": "AWS-RunShellScript", "InstanceIds": [instance],
        "Parameters": { "commands": ["true"] } });
    body[name] = value;
    body
}

#[tokio::test(start_paused = true)]
async fn limits_and_names_are_checked() {
    let bench = Bench::new();
    let instance = bench.online().await;
    let many: Vec<String> = (0..51).map(|index| format!("i-{index:017x}")).collect();
    let parameters = |text: &str| json!({ "commands": [text] });
    for (name, value, error) in [
        ("DocumentName", json!("AWS-RunPowerShellScript"), "InvalidDocument"),
        ("DocumentVersion", json!("7"), "InvalidDocumentVersion"),
        ("Comment", json!("x".repeat(101)), "ValidationException"),
        ("TimeoutSeconds", json!(29), "ValidationException"),
        ("TimeoutSeconds", json!(2_592_001), "ValidationException"),
        ("TimeoutSeconds", json!("30"), "SerializationException"),
        ("InstanceIds", json!(many), "ValidationException"),
        ("InstanceIds", json!([]), "ValidationException"),
        ("InstanceIds", json!([instance, instance]), "DuplicateInstanceId"),
        ("InstanceIds", json!(["i-0123456789abcdef0"]), "InvalidInstanceId"),
        ("Parameters", json!({}), "InvalidParameters"),
        ("Parameters", json!({ "commands": ["true"], "other": ["x"] }), "InvalidParameters"),
        ("Parameters", json!({ "commands": "true" }), "SerializationException"),
        ("Parameters", json!({ "commands": ["true"], "executionTimeout": ["0"] }), "InvalidParameters"),
        ("Parameters", json!({ "commands": ["true"], "executionTimeout": ["172801"] }), "InvalidParameters"),
        ("Parameters", json!({ "commands": ["true"], "executionTimeout": ["1", "2"] }), "InvalidParameters"),
        ("Parameters", parameters("docker ps --format '{{.Names}}'"), "InvalidParameters"),
        ("Parameters", parameters("echo {{"), "InvalidParameters"),
        ("Parameters", parameters("echo {{ssm:/none}}"), "InvalidParameters"),
        ("Parameters", parameters(&"x".repeat(64 << 10)), "MaxDocumentSizeExceeded"),
        ("Targets", json!([{ "Key": "tag:purpose", "Values": ["test"] }]), "ValidationException"),
        ("OutputS3BucketName", json!("bucket"), "InvalidOutputFolder"),
    ] {
        assert_eq!(
            code(bench.ssm("SendCommand", command(&instance, name, value.clone())).await),
            error,
            "{name} {value}"
        );
    }
    assert!(bench.ssm("ListCommands", json!({})).await.unwrap()["Commands"].as_array().unwrap().is_empty());
    let fits = command(&instance, "Parameters", parameters(&"x".repeat((64 << 10) - 40)));
    bench.ssm("SendCommand", fits).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_instance_without_agent_is_refused() {
    let bench = Bench::new();
    let early = bench.launch().await;
    let refused = bench.ssm("SendCommand", command(&early, "Comment", json!("x"))).await.unwrap_err();
    assert_eq!(refused.code, "InvalidInstanceId");
    assert_eq!(refused.message, format!("Instances [[{early}]] not in a valid state for account 123456789012"));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_instance_is_refused_though_its_agent_still_counts_as_online() {
    let bench = Bench::new();
    let instance = bench.online().await;
    bench.ec2("StopInstances", &[("InstanceId.1", &instance)]).await;
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    let known = bench.ssm("DescribeInstanceInformation", json!({})).await.unwrap();
    assert_eq!(known["InstanceInformationList"][0]["PingStatus"], "Online", "for five minutes after the last ping");
    let refused = bench.ssm("SendCommand", command(&instance, "Comment", json!("x"))).await;
    assert_eq!(code(refused), "InvalidInstanceId");
}

#[tokio::test(start_paused = true)]
async fn values_of_parameters_take_the_place_of_references() {
    let bench = Bench::with(std::sync::Arc::new(crate::fake_aws::agents::shell::ShellAgent::new().unwrap()));
    let instance = bench.online().await;
    for (name, kind) in [("/greeting", "String"), ("/secret", "SecureString")] {
        let body = json!({ "Name": name, "Value": "hello", "Type": kind });
        bench.ssm("PutParameter", body).await.unwrap();
    }
    let sent = bench.command(&instance, "echo {{ssm:/greeting}} {{ ssm:/greeting:1 }}").await;
    let found = bench.ended(&sent, &instance, std::time::Duration::from_secs(60)).await;
    assert_eq!(found["StandardOutputContent"], "hello hello\n");
    let secret = command(&instance, "Parameters", json!({ "commands": ["echo {{ssm:/secret}}"] }));
    let refused = bench.ssm("SendCommand", secret).await.unwrap_err();
    assert_eq!(refused.code, "InvalidParameters");
    assert!(refused.message.contains("SecureString"), "{}", refused.message);
}

#[tokio::test(start_paused = true)]
async fn a_command_is_told_back() {
    let bench = Bench::new();
    let instance = bench.online().await;
    let mut body = command(&instance, "Comment", json!("a comment"));
    body["CloudWatchOutputConfig"] = json!({ "CloudWatchOutputEnabled": true });
    let answer = bench.ssm("SendCommand", body).await.unwrap();
    let command = &answer["Command"];
    assert_eq!(command["Status"], "Pending");
    assert_eq!(command["Parameters"], json!({ "commands": ["true"] }));
    assert_eq!(command["CloudWatchOutputConfig"]["CloudWatchLogGroupName"], "/aws/ssm/AWS-RunShellScript");
    assert_eq!(command["TargetCount"], 1);
    assert_eq!(command["TimeoutSeconds"], 3600);
    let found = bench.invocation(&id(&answer), &instance).await;
    assert_eq!(found["Status"], "Pending");
    assert_eq!(found["ResponseCode"], -1);
    assert_eq!(found["ExecutionStartDateTime"], "");
}

#[tokio::test(start_paused = true)]
async fn targets_are_found_by_tag() {
    let bench = Bench::new();
    let instance = bench.online().await;
    let mut body = command(&instance, "Targets", json!([{ "Key": "tag:purpose", "Values": ["test"] }]));
    body.as_object_mut().unwrap().remove("InstanceIds");
    let answer = bench.ssm("SendCommand", body).await.unwrap();
    let list = bench.ssm("ListCommandInvocations", json!({ "CommandId": id(&answer) })).await.unwrap();
    assert_eq!(list["CommandInvocations"][0]["InstanceId"], json!(instance));
}

#[tokio::test(start_paused = true)]
async fn what_was_just_sent_may_not_be_seen_yet() {
    let bench = Bench::new();
    let instance = bench.online().await;
    bench.fake.world().consistency.hidden_rate = 1.0;
    bench.fake.world().consistency.hidden_for = std::time::Duration::from_secs(20);
    let sent = bench.command(&instance, "true").await;
    let body = json!({ "CommandId": sent, "InstanceId": instance });
    assert_eq!(code(bench.ssm("GetCommandInvocation", body.clone()).await), "InvocationDoesNotExist");
    let list = bench.ssm("ListCommandInvocations", json!({ "CommandId": sent })).await.unwrap();
    assert!(list["CommandInvocations"].as_array().unwrap().is_empty());
    tokio::time::sleep(std::time::Duration::from_secs(21)).await;
    bench.ssm("GetCommandInvocation", body).await.unwrap();
    let other = json!({ "CommandId": "x", "InstanceId": instance });
    assert_eq!(code(bench.ssm("GetCommandInvocation", other).await), "ValidationException");
    let nobody = json!({ "CommandId": "00000000-0000-4000-a000-000000000000" });
    assert_eq!(code(bench.ssm("ListCommandInvocations", nobody).await), "InvalidCommandId");
}
