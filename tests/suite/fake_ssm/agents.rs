//! Both agents: disks that outlive scripts, images of them, and the stand-in for the AWS CLI.

use super::bench::Bench;
use crate::fake_aws::agents::sandbox::SandboxAgent;
use crate::fake_aws::agents::shell::ShellAgent;
use crate::fake_aws::agents::{Agent, Disk, RunContext, Secret, Stop, Stream, Watch};
use crate::sandbox_support::{EXE, base, skip};
use serde_json::json;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The sandbox agent; none, said loudly, where it can't run.
pub fn sandbox(test: &str) -> Option<SandboxAgent> {
    match base().and_then(|base| SandboxAgent::new(Path::new(EXE), base).map_err(|error| error.to_string())) {
        Ok(agent) => Some(agent),
        Err(why) => {
            skip(test, &why);
            None
        }
    }
}

/// Runs a script that must succeed, and gives its output.
async fn output(agent: &dyn Agent, instance: &str, script: &str, context: &RunContext) -> String {
    let output = agent.run(instance, script, context).await;
    assert_eq!(output.code, 0, "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// `root` is where a disk's root is for scripts of this agent.
async fn disks(agent: &dyn Agent, root: &str) {
    let context = RunContext::default();
    agent.boot("i-1", &Disk::Base).await;
    output(agent, "i-1", &format!("mkdir -p {root}/opt; echo one > {root}/opt/amifactory-test-x"), &context).await;
    assert_eq!(output(agent, "i-1", &format!("cat {root}/opt/amifactory-test-x"), &context).await, "one\n");
    agent.image("i-1", "ami-1").await;
    // What comes after the image is not in it.
    output(
        agent,
        "i-1",
        &format!("echo two > {root}/opt/amifactory-test-x; rm -f {root}/opt/amifactory-test-y"),
        &context,
    )
    .await;
    agent.boot("i-2", &Disk::Image("ami-1".into())).await;
    assert_eq!(output(agent, "i-2", &format!("cat {root}/opt/amifactory-test-x"), &context).await, "one\n");
    output(agent, "i-2", &format!("rm {root}/opt/amifactory-test-x"), &context).await;
    agent.boot("i-3", &Disk::Image("ami-1".into())).await;
    agent.forget_instance("i-1").await;
    agent.forget_image("ami-1").await;
    assert_eq!(output(agent, "i-3", &format!("cat {root}/opt/amifactory-test-x"), &context).await, "one\n");
    assert_ne!(agent.run("i-2", &format!("cat {root}/opt/amifactory-test-x"), &context).await.code, 0);
    agent.boot("i-4", &Disk::Base).await;
    assert_ne!(agent.run("i-4", &format!("cat {root}/opt/amifactory-test-x"), &context).await.code, 0);
}

/// Output apart and whole, statuses, the stop.
async fn runs(agent: &dyn Agent) {
    let context = RunContext::default();
    agent.boot("i-1", &Disk::Base).await;
    let done = agent.run("i-1", "echo out; printf 'no end'; echo err >&2; exit 7", &context).await;
    assert_eq!((done.code, done.timed_out), (7, false));
    assert_eq!(String::from_utf8_lossy(&done.stdout), "out\nno end");
    assert_eq!(String::from_utf8_lossy(&done.stderr), "err\n");
    let done = agent.run("i-1", "echo; echo", &context).await;
    assert_eq!(done.stdout, b"\n\n");
    let done = agent.run("i-1", ":", &context).await;
    assert!(done.stdout.is_empty() && done.stderr.is_empty(), "{done:?}");
    let lines =
        output(agent, "i-1", "i=0; while [ $i -lt 40000 ]; do echo line-of-some-length-$i; i=$((i+1)); done", &context);
    let lines = lines.await;
    assert_eq!(lines.lines().count(), 40_000);
    assert!(lines.ends_with("line-of-some-length-39999\n"));
    let done = agent.run("i-1", "kill -9 $$", &context).await;
    assert_eq!(done.code, 137);

    let short = RunContext { timeout: Some(Duration::from_secs(3)), ..RunContext::default() };
    let done = agent.run("i-1", "echo begun; sleep 600", &short).await;
    assert!(done.timed_out && done.code == 137, "{done:?}");
    assert_eq!(done.stdout, b"begun\n");
    let stop = Stop::default();
    stop.ask();
    let done = agent.run("i-1", "sleep 600", &RunContext { stop, ..RunContext::default() }).await;
    assert!(!done.timed_out && done.code == 137, "{done:?}");
    let nowhere = agent.run("i-9", "true", &context).await;
    assert_eq!(nowhere.code, 1);
}

async fn secrets(agent: &dyn Agent, aws: &str) {
    agent.boot("i-1", &Disk::Base).await;
    let secret = |value: &str, is_secure| Secret { value: value.into(), is_secure };
    let context = RunContext {
        region: "us-east-1".into(),
        secrets: [
            ("/web/key".to_owned(), secret("it's \"s3cret\" $HOME", true)),
            ("plain".to_owned(), secret("p", false)),
        ]
        .into(),
        ..RunContext::default()
    };
    let get = |name: &str, more: &str| {
        format!("{aws} ssm get-parameter --name {name} {more} --query Parameter.Value --output text")
    };
    let script = get("/web/key", "--with-decryption --region us-east-1");
    assert_eq!(output(agent, "i-1", &script, &context).await, "it's \"s3cret\" $HOME\n");
    assert_eq!(output(agent, "i-1", &get("plain", ""), &context).await, "p\n");
    assert!(!output(agent, "i-1", &get("/web/key", ""), &context).await.contains("s3cret"));
    for name in ["/web", "/other", "/web/../web/key"] {
        let done = agent.run("i-1", &get(name, "--with-decryption"), &context).await;
        assert_eq!(done.code, 254, "{name}");
        assert!(String::from_utf8_lossy(&done.stderr).contains("(ParameterNotFound) when calling the GetParameter"));
    }
    let elsewhere = get("/web/key", "--with-decryption --region eu-west-1");
    assert_eq!(agent.run("i-1", &elsewhere, &context).await.code, 254);
    assert_eq!(agent.run("i-1", &format!("{aws} s3 ls"), &context).await.code, 252);
}

async fn watched(agent: &dyn Agent) {
    agent.boot("i-1", &Disk::Base).await;
    let heard = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let to = heard.clone();
    let watch = Watch::new(move |stream, bytes| {
        let mut heard = to.lock().unwrap();
        match stream {
            Stream::Stdout => heard.0.extend_from_slice(bytes),
            Stream::Stderr => heard.1.extend_from_slice(bytes),
        }
    });
    let context = RunContext { watch, ..RunContext::default() };
    let done = agent.run("i-1", "echo a; echo b; printf c; echo d >&2", &context).await;
    let heard = heard.lock().unwrap();
    assert_eq!((&heard.0, &heard.1), (&done.stdout, &done.stderr));
    assert_eq!(heard.0, b"a\nb\nc");
}

#[tokio::test]
async fn shell_disks() {
    disks(&ShellAgent::new().unwrap(), "\"$AMIFACTORY_ROOT\"").await;
}

#[tokio::test]
async fn shell_runs() {
    runs(&ShellAgent::new().unwrap()).await;
}

#[tokio::test]
async fn shell_secrets() {
    let agent = ShellAgent::new().unwrap();
    secrets(&agent, "aws").await;
    assert_eq!(std::fs::read_dir(agent.disk("i-1")).unwrap().count(), 0, "nothing of it is on the disk");
}

#[tokio::test]
async fn shell_watched() {
    watched(&ShellAgent::new().unwrap()).await;
}

#[tokio::test]
async fn sandbox_disks() {
    let Some(agent) = sandbox("sandbox_disks") else { return };
    disks(&agent, "").await;
}

#[tokio::test]
async fn sandbox_runs() {
    let Some(agent) = sandbox("sandbox_runs") else { return };
    runs(&agent).await;
}

#[tokio::test]
async fn sandbox_watched() {
    let Some(agent) = sandbox("sandbox_watched") else { return };
    watched(&agent).await;
}

#[tokio::test]
async fn sandbox_secrets_stay_off_the_disk() {
    let Some(agent) = sandbox("sandbox_secrets_stay_off_the_disk") else { return };
    secrets(&agent, "/usr/local/bin/aws").await;
    let upper = agent.upper("i-1").unwrap();
    let found = std::process::Command::new("grep").args(["-r", "s3cret"]).arg(&upper).output().unwrap();
    assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));
    assert!(!upper.join("usr").exists(), "the stand-in is the base's");
}

/// Launch, command, image, launch of the image: over the fake's own API.
async fn whole(bench: &Bench, root: &str) {
    let instance = bench.online().await;
    let secret = json!({ "Name": "/key", "Value": "hush", "Type": "SecureString" });
    bench.ssm("PutParameter", secret).await.unwrap();
    let script = format!("mkdir -p {root}/opt && echo built > {root}/opt/amifactory-test-x && echo done");
    let command = bench.command(&instance, &script).await;
    let found = bench.ended(&command, &instance, Duration::from_secs(60)).await;
    assert_eq!((&found["Status"], &found["StandardOutputContent"]), (&json!("Success"), &json!("done\n")), "{found}");
    let xml = bench.ec2("CreateImage", &[("InstanceId", &instance), ("Name", "test-image")]).await;
    let image = super::bench::between(&xml, "<imageId>", "</imageId>").to_owned();
    bench.ec2("TerminateInstances", &[("InstanceId.1", &instance)]).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    let second = bench.launch_of(&image).await;
    tokio::time::sleep(Duration::from_secs(40)).await;
    let command = bench.command(&second, &format!("cat {root}/opt/amifactory-test-x")).await;
    let found = bench.ended(&command, &second, Duration::from_secs(60)).await;
    assert_eq!(found["StandardOutputContent"], "built\n", "{found}");
    assert_eq!(bench.fake.world().unknown_calls, []);
}

#[tokio::test(start_paused = true)]
async fn shell_image_of_an_instance() {
    whole(&Bench::with(Arc::new(ShellAgent::new().unwrap())), "\"$AMIFACTORY_ROOT\"").await;
}

#[tokio::test(start_paused = true)]
async fn sandbox_image_of_an_instance() {
    let Some(agent) = sandbox("sandbox_image_of_an_instance") else { return };
    whole(&Bench::with(Arc::new(agent)), "").await;
}
