//! The life of commands: delivered, run, ended in every way there is. The scripts really run.

use super::bench::{Bench, code, id};
use crate::fake_aws::agents::shell::ShellAgent;
use crate::fake_aws::ssm::Gone;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const HOUR: Duration = Duration::from_secs(3600);

fn bench() -> Bench {
    Bench::with(Arc::new(ShellAgent::new().unwrap()))
}

async fn send(bench: &Bench, instance: &str, script: &str, more: Value) -> String {
    let mut body = json!({ "DocumentName": "AWS-RunShellScript", "InstanceIds": [instance],
        "Parameters": { "commands": [script] } });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    id(&bench.ssm("SendCommand", body).await.unwrap())
}

/// Lets the world stand still until a really running script has got this far.
async fn until(bench: &Bench, command: &str, instance: &str, status: &str) {
    let start = std::time::Instant::now();
    while bench.status(command, instance) != status {
        assert!(start.elapsed() < Duration::from_secs(20), "never {status}");
        tokio::task::yield_now().await;
    }
}

impl Bench {
    /// The status, without a call: calls take time.
    fn status(&self, command: &str, instance: &str) -> &'static str {
        let mut world = self.fake.world();
        let home = world.ec2.instances[instance].home.clone();
        world.ssm.place(&home).commands.invocation(command, instance).unwrap().status.details()
    }
}

#[tokio::test(start_paused = true)]
async fn success_and_failure_have_their_output() {
    let bench = bench();
    let instance = bench.online().await;
    let good = send(&bench, &instance, "echo out; echo err >&2", json!({})).await;
    let found = bench.ended(&good, &instance, HOUR).await;
    assert_eq!((&found["Status"], &found["StatusDetails"]), (&json!("Success"), &json!("Success")));
    assert_eq!(found["ResponseCode"], 0);
    assert_eq!(found["StandardOutputContent"], "out\n");
    assert_eq!(found["StandardErrorContent"], "err\n");
    assert_ne!(found["ExecutionStartDateTime"], "");
    assert_ne!(found["ExecutionElapsedTime"], "");
    let bad = send(&bench, &instance, "printf no; exit 3", json!({})).await;
    let found = bench.ended(&bad, &instance, HOUR).await;
    assert_eq!((&found["Status"], &found["ResponseCode"]), (&json!("Failed"), &json!(3)));
    assert_eq!(found["StandardOutputContent"], "no");
    assert_eq!(found["StandardErrorContent"], "failed to run commands: exit status 3");
    let list = json!({ "Filters": [{ "key": "Status", "value": "Failed" }], "Details": true });
    let list = bench.ssm("ListCommandInvocations", list).await.unwrap();
    assert_eq!(list["CommandInvocations"].as_array().unwrap().len(), 1);
    let plugin = &list["CommandInvocations"][0]["CommandPlugins"][0];
    assert_eq!(plugin["Output"], "no\n----------ERROR-------\nfailed to run commands: exit status 3");
    let commands = bench.ssm("ListCommands", json!({})).await.unwrap();
    let states: Vec<_> = commands["Commands"].as_array().unwrap().iter().map(|c| c["Status"].clone()).collect();
    assert_eq!(states, ["Failed", "Success"], "the newest first");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_before_the_end() {
    let bench = bench();
    bench.fake.world().ssm.runs_take = Duration::from_secs(30);
    let instance = bench.online().await;
    let command = send(&bench, &instance, "echo out", json!({})).await;
    sleep(Duration::from_secs(10)).await;
    let found = bench.invocation(&command, &instance).await;
    assert_eq!((&found["Status"], &found["ResponseCode"]), (&json!("InProgress"), &json!(-1)));
    assert_eq!(found["StandardOutputContent"], "");
    let found = bench.ended(&command, &instance, HOUR).await;
    assert_eq!(found["StandardOutputContent"], "out\n");
    assert_eq!(found["ExecutionElapsedTime"], "PT30.000S");
}

#[tokio::test(start_paused = true)]
async fn the_execution_timeout_kills_the_script() {
    let bench = bench();
    let instance = bench.online().await;
    let script = "echo $$ > \"$AMIFACTORY_ROOT/pid\"; sleep 600; echo never > \"$AMIFACTORY_ROOT/after\"";
    let parameters = json!({ "Parameters": { "commands": [script], "executionTimeout": ["1"] } });
    let command = send(&bench, &instance, script, parameters).await;
    let sent = Instant::now();
    let found = bench.ended(&command, &instance, HOUR).await;
    assert_eq!((&found["Status"], &found["StatusDetails"]), (&json!("TimedOut"), &json!("ExecutionTimedOut")));
    assert_eq!(found["ResponseCode"], 137);
    assert!(sent.elapsed() >= Duration::from_secs(2), "one second of it ran, in the world's time too");
    // Nobody may have reaped it yet.
    let look = "grep -q '^State:.Z' \"/proc/$(cat pid)/status\" || ! kill -0 \"$(cat pid)\" && ls";
    let look = send(&bench, &instance, look, json!({})).await;
    let found = bench.ended(&look, &instance, HOUR).await;
    assert_eq!(found["StandardOutputContent"], "pid\n", "{found}");
}

#[tokio::test(start_paused = true)]
async fn a_running_command_is_cancelled_and_a_pending_one_at_once() {
    let bench = bench();
    let instance = bench.online().await;
    let command = send(&bench, &instance, "sleep 600", json!({})).await;
    tokio::time::advance(Duration::from_secs(2)).await;
    until(&bench, &command, &instance, "InProgress").await;
    bench.fake.world().latencies.call = Duration::ZERO;
    bench.ssm("CancelCommand", json!({ "CommandId": command })).await.unwrap();
    let found = bench.ended(&command, &instance, HOUR).await;
    assert_eq!(found["Status"], "Cancelled");
    let pending = send(&bench, &instance, "true", json!({})).await;
    bench.ssm("CancelCommand", json!({ "CommandId": pending, "InstanceIds": [instance] })).await.unwrap();
    let found = bench.invocation(&pending, &instance).await;
    assert_eq!((&found["Status"], &found["ResponseCode"]), (&json!("Cancelled"), &json!(-1)));
    sleep(HOUR).await;
    assert_eq!(bench.invocation(&pending, &instance).await["Status"], "Cancelled", "and is never run");
    let nobody = json!({ "CommandId": "00000000-0000-4000-a000-000000000000" });
    assert_eq!(code(bench.ssm("CancelCommand", nobody).await), "InvalidCommandId");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_does_not_answer_times_out() {
    let bench = bench();
    let instance = bench.online().await;
    let now = bench.fake.world().clock.now();
    bench.fake.world().ssm.lost.insert(instance.clone(), now);
    let command = send(&bench, &instance, "true", json!({ "TimeoutSeconds": 60 })).await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!(bench.invocation(&command, &instance).await["Status"], "Delayed");
    sleep(Duration::from_secs(31)).await;
    let found = bench.invocation(&command, &instance).await;
    assert_eq!((&found["Status"], &found["StatusDetails"]), (&json!("TimedOut"), &json!("DeliveryTimedOut")));
    assert_eq!(found["ResponseCode"], -1);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_goes_away_takes_its_commands_with_it() {
    let bench = bench();
    bench.fake.world().latencies.call = Duration::ZERO;
    let instance = bench.online().await;
    let running = send(&bench, &instance, "sleep 600", json!({})).await;
    tokio::time::advance(Duration::from_secs(2)).await;
    until(&bench, &running, &instance, "InProgress").await;
    let pending = send(&bench, &instance, "true", json!({})).await;
    bench.ec2("TerminateInstances", &[("InstanceId.1", &instance)]).await;
    sleep(Duration::from_secs(3)).await;
    let found = bench.invocation(&running, &instance).await;
    assert_eq!((&found["Status"], &found["StatusDetails"]), (&json!("Failed"), &json!("Terminated")));
    assert_eq!(found["ResponseCode"], -1);
    let found = bench.invocation(&pending, &instance).await;
    assert_eq!((&found["Status"], &found["StatusDetails"]), (&json!("Failed"), &json!("Undeliverable")));
}

#[tokio::test(start_paused = true)]
async fn or_nobody_tells_until_all_time_is_over() {
    let bench = bench();
    bench.fake.world().ssm.gone = Gone::Silent;
    bench.fake.world().ssm.runs_take = Duration::from_secs(100);
    let instance = bench.online().await;
    let parameters =
        json!({ "Parameters": { "commands": ["true"], "executionTimeout": ["200"] }, "TimeoutSeconds": 60 });
    let command = send(&bench, &instance, "", parameters).await;
    sleep(Duration::from_secs(5)).await;
    bench.ec2("TerminateInstances", &[("InstanceId.1", &instance)]).await;
    sleep(Duration::from_secs(200)).await;
    assert_eq!(bench.invocation(&command, &instance).await["Status"], "InProgress");
    let found = bench.ended(&command, &instance, HOUR).await;
    assert_eq!(found["StatusDetails"], "ExecutionTimedOut");
}

#[tokio::test(start_paused = true)]
async fn status_194_reboots_and_runs_the_script_again() {
    let bench = bench();
    let instance = bench.online().await;
    let script = "if [ -e done ]; then echo second; else : > done; echo first; exit 194; fi";
    let command = send(&bench, &instance, script, json!({})).await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!(bench.invocation(&command, &instance).await["Status"], "InProgress");
    let found = bench.ended(&command, &instance, HOUR).await;
    assert_eq!((&found["Status"], &found["ResponseCode"]), (&json!("Success"), &json!(0)));
    assert_eq!(found["StandardOutputContent"], "first\nsecond\n");
    let took: f64 =
        found["ExecutionElapsedTime"].as_str().unwrap().trim_start_matches("PT").trim_end_matches('S').parse().unwrap();
    assert!(took >= 45.0, "a reboot and the agent's start: {took}");
}

#[tokio::test(start_paused = true)]
async fn two_hundred_instances_run_their_commands_at_once() {
    let bench = bench();
    bench.fake.world().latencies.call = Duration::ZERO;
    let mut instances = Vec::new();
    for _ in 0..200 {
        instances.push(bench.launch().await);
    }
    sleep(Duration::from_secs(40)).await;
    let mut sent = Vec::new();
    for instances in instances.chunks(50) {
        let body = json!({ "DocumentName": "AWS-RunShellScript", "InstanceIds": instances,
            "Parameters": { "commands": ["echo $AWS_SSM_INSTANCE_ID"] } });
        sent.push(id(&bench.ssm("SendCommand", body).await.unwrap()));
    }
    sleep(Duration::from_secs(2)).await;
    let mut seen = 0;
    for command in &sent {
        let body = json!({ "CommandId": command, "Details": true });
        let list = bench.ssm("ListCommandInvocations", body).await.unwrap();
        for invocation in list["CommandInvocations"].as_array().unwrap() {
            let output = invocation["CommandPlugins"][0]["Output"].as_str().unwrap();
            assert_eq!(output.trim_end(), invocation["InstanceId"].as_str().unwrap(), "{invocation}");
            seen += 1;
        }
    }
    assert_eq!(seen, 200);
}
