//! How much of a command's output is told.

use super::bench::Bench;
use crate::fake_aws::agents::shell::ShellAgent;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

async fn run(script: &str) -> (String, String, String) {
    let bench = Bench::with(Arc::new(ShellAgent::new().unwrap()));
    let instance = bench.online().await;
    let command = bench.command(&instance, script).await;
    let found = bench.ended(&command, &instance, Duration::from_secs(60)).await;
    assert_eq!(found["Status"], "Success", "{found}");
    let text = |name: &str| found[name].as_str().unwrap().to_owned();
    let list = bench.ssm("ListCommandInvocations", json!({ "CommandId": command, "Details": true })).await.unwrap();
    let short = list["CommandInvocations"][0]["CommandPlugins"][0]["Output"].as_str().unwrap().to_owned();
    (text("StandardOutputContent"), text("StandardErrorContent"), short)
}

#[tokio::test(start_paused = true)]
async fn output_up_to_the_limit_is_whole() {
    let script = "head -c 24000 /dev/zero | tr '\\0' a; head -c 8000 /dev/zero | tr '\\0' b >&2";
    let (stdout, stderr, short) = run(script).await;
    assert_eq!((stdout, stderr), ("a".repeat(24_000), "b".repeat(8_000)));
    assert!(short.len() <= 2_500, "{}", short.len());
    assert!(short.contains("\n---Output truncated---\n----------ERROR-------\n"), "{short}");
    assert!(short.ends_with("b\n---Error truncated----"), "{short}");
}

#[tokio::test(start_paused = true)]
async fn longer_output_is_cut_and_marked() {
    let script = "head -c 5000000 /dev/zero | tr '\\0' a; head -c 8001 /dev/zero | tr '\\0' b >&2";
    let (stdout, stderr, _) = run(script).await;
    assert_eq!((stdout.len(), stderr.len()), (24_000, 8_000));
    assert!(stdout.ends_with("a--output truncated--"), "{}", &stdout[23_900..]);
    assert!(stderr.ends_with("b--output truncated--"), "{}", &stderr[7_900..]);
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_text_are_replaced() {
    let (stdout, _, _) = run("printf 'a\\377b\\000c'").await;
    assert_eq!(stdout, "a\u{fffd}b\0c");
}
