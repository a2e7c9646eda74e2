//! What another machine is building at this moment is spared by `sweep` and by `resume`.

use super::factory::AL2023;
use super::loopback::{Cloud, cloud};
use crate::program::{TestFactory, stderr};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

/// A factory that builds on AWS.
pub fn factory() -> TestFactory {
    let factory = TestFactory::tiny("true");
    factory.write(
        "amifactory.yaml",
        "default_target: aws\nchannels: [dev]\naws: {instance_profile: amifactory-builder}\n",
    );
    let recipe = std::fs::read_to_string(factory.path().join("recipes/tiny.yaml")).unwrap();
    let base = format!("{{aws: {{parameter: {AL2023}}}}}");
    factory.write("recipes/tiny.yaml", &recipe.replace("{local: host}", &base));
    factory
}

/// A cloud whose instances take their time until an agent answers.
pub fn slow() -> Cloud {
    cloud(|world| {
        world.ec2.add_profile("123456789012", "amifactory-builder");
        world.latencies.agent = Duration::from_secs(600);
    })
}

/// Instances that nobody has asked to end.
fn alive(cloud: &Cloud) -> usize {
    let world = cloud.fake.world();
    let ended = world.calls.iter().filter(|call| call.action == "TerminateInstances").count();
    world.ec2.instances.len().saturating_sub(ended)
}

/// Another machine's build, at work: its builder is up and no agent answers.
fn begun(cloud: &Cloud, factory: &TestFactory) -> std::process::Child {
    let mut command = cloud.command(factory, &["build", "tiny", "--state", "theirs"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while cloud.fake.world().ec2.instances.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing is launched");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_secs(2));
    child
}

fn run(cloud: &Cloud, factory: &TestFactory, arguments: &[&str]) -> (String, Output) {
    let output = cloud.command(factory, arguments).output().unwrap();
    (String::from_utf8(output.stdout.clone()).unwrap() + &stderr(&output), output)
}

#[test]
fn sweep_takes_only_what_is_old_where_another_machine_began_it() {
    let cloud = slow();
    let factory = factory();
    let mut child = begun(&cloud, &factory);
    let (text, output) = run(&cloud, &factory, &["sweep", "--yes", "--state", "ours"]);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("another machine began it and may be at work"), "{text}");
    assert_eq!(alive(&cloud), 1, "{text}");
    child.kill().unwrap();
    child.wait().unwrap();
    let (text, _) = run(&cloud, &factory, &["sweep", "--yes", "--older-than", "0s", "--state", "ours"]);
    assert!(text.contains("1 thing removed"), "{text}");
    assert_eq!(alive(&cloud), 0);
}

#[test]
fn its_own_dead_builds_are_swept_at_once() {
    let cloud = slow();
    let factory = factory();
    let mut child = begun(&cloud, &factory);
    child.kill().unwrap();
    child.wait().unwrap();
    let (text, _) = run(&cloud, &factory, &["sweep", "--yes", "--state", "theirs"]);
    assert!(text.contains("1 thing removed"), "{text}");
    assert_eq!(alive(&cloud), 0);
}

#[test]
fn resume_removes_a_build_of_another_content_only_where_it_is_named() {
    let cloud = slow();
    let factory = factory();
    let mut child = begun(&cloud, &factory);
    factory.group("1.0.1", "true # another branch");
    let (text, output) = run(&cloud, &factory, &["resume", "--state", "ours"]);
    assert!(text.contains("another machine, which began it, may be at work"), "{text}");
    assert_eq!((output.status.code(), alive(&cloud)), (Some(1), 1), "{text}");
    let build = text.split_whitespace().find(|word| word.starts_with("tiny-") && word.ends_with("-1")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let (text, _) = run(&cloud, &factory, &["resume", build, "--state", "ours"]);
    assert!(text.contains("is removed"), "{text}");
    assert_eq!(alive(&cloud), 0);
}

/// The build that a text names.
fn build_in(text: &str) -> &str {
    text.split_whitespace().find(|word| word.starts_with("tiny-") && word.ends_with("-1")).unwrap()
}

/// What is said of it, without the time.
fn noted(text: &str) -> String {
    text.split("note: ").nth(1).unwrap().replace(build_in(text), "BUILD")
}

/// A build that another factory of the account began and that died.
fn dead_of_another(cloud: &Cloud) -> TestFactory {
    let factory = factory();
    let text = std::fs::read_to_string(factory.path().join("amifactory.yaml")).unwrap();
    factory.write("amifactory.yaml", &text.replace("{instance_profile", "{owner: web shop, instance_profile"));
    let mut child = begun(cloud, &factory);
    child.kill().unwrap();
    child.wait().unwrap();
    factory
}

#[test]
fn what_another_owners_factory_began_is_told_and_left_and_is_no_failure() {
    let cloud = slow();
    let factory = dead_of_another(&cloud);
    let text = std::fs::read_to_string(factory.path().join("amifactory.yaml")).unwrap();
    factory.write("amifactory.yaml", &text.replace("web shop", "platform team"));
    let (text, output) = run(&cloud, &factory, &["resume", "--state", "ours"]);
    assert_eq!((output.status.code(), alive(&cloud)), (Some(0), 1), "{text}");
    insta::assert_snapshot!(noted(&text));
    let (json, _) = run(&cloud, &factory, &["resume", "--state", "ours", "--format", "json"]);
    let result: serde_json::Value =
        serde_json::from_str(json.lines().rfind(|line| line.contains("result")).unwrap()).unwrap();
    assert_eq!((&result["others"][0], &result["removed"]), (&build_in(&text).into(), &serde_json::json!([])));
}

#[test]
fn a_young_build_of_a_recipe_that_is_not_here_is_told_and_removed_only_where_it_is_named() {
    let cloud = slow();
    let factory = factory();
    let mut child = begun(&cloud, &factory);
    child.kill().unwrap();
    child.wait().unwrap();
    let recipe = std::fs::read_to_string(factory.path().join("recipes/tiny.yaml")).unwrap();
    std::fs::remove_file(factory.path().join("recipes/tiny.yaml")).unwrap();
    factory.write("recipes/small.yaml", &recipe.replace("recipe: tiny", "recipe: small"));
    let (text, output) = run(&cloud, &factory, &["resume", "--state", "ours"]);
    assert_eq!((output.status.code(), alive(&cloud)), (Some(0), 1), "{text}");
    insta::assert_snapshot!(noted(&text));
    let (text, _) = run(&cloud, &factory, &["resume", build_in(&text), "--state", "ours"]);
    assert!(text.contains("is removed"), "{text}");
    assert_eq!(alive(&cloud), 0);
}
