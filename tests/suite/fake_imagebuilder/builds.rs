//! An image from its beginning to its end: states, instances, disks, AMI, workflows, log.

use super::bench::{Works, arn, document, text};
use crate::fake_aws::agents::{Agent, RunContext};
use crate::fake_ssm::bench::REGION;
use serde_json::{Value, json};
use std::fs;
use std::sync::Arc;

/// A component with a line for each phase that it runs in.
fn talks(who: &str) -> String {
    ["build", "validate", "test"]
        .map(|phase| {
            let step = format!("{{name: say, action: ExecuteBash, inputs: {{commands: ['echo {who} {phase}']}}}}");
            format!("- {{name: {phase}, steps: [{step}]}}\n")
        })
        .iter()
        .fold("schemaVersion: 1.0\nphases:\n".to_owned(), |all, phase| all + phase)
}

fn said(lines: &[String]) -> Vec<&str> {
    lines.iter().filter_map(|line| line.strip_prefix("Stdout: ")).collect()
}

#[tokio::test(start_paused = true)]
async fn an_image_goes_through_its_states() {
    let works = Works::new();
    let arn = works.image_of(&[&talks("one"), &talks("two")], json!({ "resourceTags": { "purpose": "test" } })).await;
    assert_eq!(arn, super::bench::arn("image/recipe/1.0.0/1"));
    let (image, seen) = works.ended(&arn).await;
    assert_eq!(seen, ["PENDING", "CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "AVAILABLE"]);
    assert_eq!(image["version"], "1.0.0/1");
    assert_eq!(image["osVersion"], "Amazon Linux 2023");

    // All components' builds before any validation.
    let lines = works.lines(&arn).await;
    assert_eq!(said(&lines), ["one build", "two build", "one validate", "two validate", "one test", "two test"]);
    for state in ["CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "AVAILABLE"] {
        assert!(lines.contains(&format!("Image transitioned to {state} state for Image ARN: {arn}")), "{state}");
    }
    let found: Vec<_> = works.instances(&arn).into_iter().map(|(name, _, state)| (name, state)).collect();
    let gone = |state: &str| ["shutting-down", "terminated"].contains(&state);
    assert_eq!(found[0].0, "Build instance for recipe");
    assert_eq!(found[1].0, "Test instance for recipe");
    assert!(found.iter().all(|(_, state)| gone(state)), "{found:?}");

    let world = works.bench.fake.world();
    let now = world.clock.now();
    let [ami] = image["outputResources"]["amis"].as_array().unwrap().as_slice() else { panic!("{image}") };
    let id = text(ami, "image");
    let there = &world.ec2.images[&id];
    assert_eq!((*there.state.at(now), there.home.account.as_str()), ("available", super::bench::ACCOUNT));
    // "the image name followed by the build timestamp"
    assert_eq!(there.name, text(ami, "name"));
    assert!(there.name.starts_with("recipe 2026-11-20T08-"), "{}", there.name);
    let snapshot = there.mappings[0].snapshot.clone().unwrap();
    for id in [id.as_str(), snapshot.as_str()] {
        let tags = world.ec2.tags_at(id, now);
        assert_eq!(tags.get("CreatedBy").map(String::as_str), Some("EC2 Image Builder"), "{id}");
        assert_eq!(tags.get("Ec2ImageBuilderArn"), Some(&arn), "{id}");
    }
    for instance in world.ec2.instances.keys() {
        assert_eq!(world.ec2.tags_at(instance, now).get("purpose").map(String::as_str), Some("test"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_build_writes_is_in_the_image_that_is_tested() {
    let works = Works::new();
    let build = document("build", "echo kept > $AMIFACTORY_ROOT/written");
    let test = document("test", "cat $AMIFACTORY_ROOT/written; echo more > $AMIFACTORY_ROOT/only-tested");
    let arn = works.image_of(&[&build, &test], json!({})).await;
    works.until(&arn, "AVAILABLE").await;
    assert_eq!(said(&works.lines(&arn).await), ["kept"]);
    // An instance of the AMI has what was built, and nothing of the test.
    let ami = text(&works.get(&arn).await["outputResources"]["amis"][0], "image");
    let instance = works.bench.launch_of(&ami).await;
    let disk = works.agent.disk(&instance);
    assert_eq!(fs::read_to_string(disk.join("written")).unwrap(), "kept\n");
    assert!(!disk.join("only-tested").exists());
}

/// In the sandbox a component is root of a whole tree, and so are the tests of what came of it.
#[tokio::test(start_paused = true)]
async fn a_tree_is_really_changed() {
    let Some(agent) = crate::fake_ssm::agents::sandbox("a_tree_is_really_changed") else { return };
    let agent = Arc::new(agent);
    let works = Works::with(agent.clone());
    let build = document("build", "id -u; umask 077; echo 'PermitRootLogin no' > /etc/of-a-build");
    let test = document("test", "stat -c '%a %u' /etc/of-a-build; cat /etc/of-a-build; touch /etc/of-a-test");
    let arn = works.image_of(&[&build, &test], json!({})).await;
    let (image, _) = works.ended(&arn).await;
    assert_eq!(image["state"]["status"], "AVAILABLE", "{}", image["state"]);
    assert_eq!(said(&works.lines(&arn).await), ["0", "600 0", "PermitRootLogin no"]);
    assert!(!std::path::Path::new("/etc/of-a-build").exists(), "this machine is as it was");
    let ami = text(&image["outputResources"]["amis"][0], "image");
    let instance = works.bench.launch_of(&ami).await;
    let context = RunContext::default();
    let seen = agent.run(&instance, "ls /etc/of-a-build /etc/of-a-test 2>/dev/null", &context).await;
    assert_eq!(String::from_utf8_lossy(&seen.stdout), "/etc/of-a-build\n");
}

#[tokio::test(start_paused = true)]
async fn workflows_tell_what_was_done() {
    let works = Works::new();
    let arn = works.image_of(&[&talks("one")], json!({})).await;
    works.until(&arn, "TESTING").await;
    let list = json!({ "imageBuildVersionArn": arn });
    let found = works.call("ListWorkflowExecutions", list.clone()).await.unwrap();
    let found = found["workflowExecutions"].as_array().unwrap();
    let shown: Vec<_> = found.iter().map(|one| (text(one, "type"), text(one, "status"))).collect();
    assert_eq!(shown, [("BUILD".into(), "COMPLETED".into()), ("TEST".into(), "RUNNING".into())]);
    let steps = json!({ "workflowExecutionId": found[0]["workflowExecutionId"] });
    let steps = works.call("ListWorkflowStepExecutions", steps).await.unwrap();
    let steps: Vec<_> =
        steps["steps"].as_array().unwrap().iter().map(|s| (text(s, "name"), text(s, "status"))).collect();
    let steps: Vec<(&str, &str)> = steps.iter().map(|(name, status)| (name.as_str(), status.as_str())).collect();
    assert_eq!(
        steps,
        [
            ("LaunchBuildInstance", "COMPLETED"),
            ("ApplyBuildComponents", "COMPLETED"),
            ("InventoryCollection", "COMPLETED"),
            ("RunSanitizeScript", "COMPLETED"),
            ("RunSysPrepScript", "SKIPPED"),
            ("CreateOutputAMI", "COMPLETED"),
            ("TerminateBuildInstance", "COMPLETED"),
        ]
    );
    works.until(&arn, "AVAILABLE").await;
    let found = works.call("ListWorkflowExecutions", list).await.unwrap();
    assert_eq!(found["workflowExecutions"].as_array().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn without_tests_no_second_instance_is_launched() {
    let works = Works::new();
    let component = works.component("component", &document("test", "exit 1")).await;
    let recipe = works.recipe("recipe", &[&component], json!({})).await;
    let infrastructure = works.infrastructure("infrastructure", json!({})).await;
    let untested = json!({ "imageTestsConfiguration": { "imageTestsEnabled": false } });
    let arn = works.image(&recipe, &infrastructure, untested).await;
    let (_, seen) = works.ended(&arn).await;
    assert_eq!(seen, ["PENDING", "CREATING", "BUILDING", "DISTRIBUTING", "AVAILABLE"]);
    assert_eq!(works.instances(&arn).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn builds_are_counted_and_never_counted_again() {
    let works = Works::new();
    let recipe = works.recipe("Of Mine", &[], json!({})).await;
    let infrastructure = works.infrastructure("infrastructure", json!({})).await;
    let first = works.image(&recipe, &infrastructure, json!({})).await;
    let second = works.image(&recipe, &infrastructure, json!({})).await;
    assert_eq!([&first, &second], [&arn("image/of-mine/1.0.0/1"), &arn("image/of-mine/1.0.0/2")]);
    works.until(&first, "AVAILABLE").await;
    works.until(&second, "AVAILABLE").await;
    let wild = json!({ "imageBuildVersionArn": arn("image/of-mine/1.x.x") });
    assert_eq!(works.call("GetImage", wild.clone()).await.unwrap()["image"]["arn"], second.as_str());
    works.call("DeleteImage", json!({ "imageBuildVersionArn": second })).await.unwrap();
    assert_eq!(works.call("GetImage", wild).await.unwrap()["image"]["arn"], first.as_str());
    let third = works.image(&recipe, &infrastructure, json!({})).await;
    assert_eq!(third, arn("image/of-mine/1.0.0/3"));
    // A build that is not available yet is not what a version means.
    let version = json!({ "imageBuildVersionArn": arn("image/of-mine/1.0.0") });
    assert_eq!(works.call("GetImage", version).await.unwrap()["image"]["arn"], first.as_str());
}

#[tokio::test(start_paused = true)]
async fn a_build_has_the_infrastructure_that_was_asked_for() {
    let works = Works::new();
    let (subnet, group) = {
        let world = works.bench.fake.world();
        let here = |home: &crate::fake_aws::ec2::Home| home.region == REGION && home.account == super::bench::ACCOUNT;
        let subnet = world.ec2.subnets.values().rfind(|subnet| here(&subnet.home)).unwrap().clone();
        let group = world.ec2.groups.values().find(|group| group.vpc == subnet.vpc).unwrap().id.clone();
        (subnet.id, group)
    };
    let infrastructure = json!({
        "instanceTypes": ["c5.large"],
        "subnetId": subnet,
        "securityGroupIds": [group],
        "instanceMetadataOptions": { "httpTokens": "required", "httpPutResponseHopLimit": 3 },
    });
    let infrastructure = works.infrastructure("infrastructure", infrastructure).await;
    let devices = json!([
        { "deviceName": "/dev/xvda", "ebs": { "volumeSize": 20, "volumeType": "gp3", "encrypted": true } },
        { "deviceName": "/dev/xvdb", "ebs": { "volumeSize": 5, "deleteOnTermination": true } },
    ]);
    let recipe = works.recipe("recipe", &[], json!({ "blockDeviceMappings": devices })).await;
    let arn = works.image(&recipe, &infrastructure, json!({})).await;
    works.until(&arn, "AVAILABLE").await;
    let build = works.instances(&arn)[0].1.clone();
    let image = works.get(&arn).await;
    let world = works.bench.fake.world();
    let instance = &world.ec2.instances[&build];
    assert_eq!((instance.kind.as_str(), &instance.subnet, &instance.groups), ("c5.large", &subnet, &vec![group]));
    assert_eq!((instance.metadata.tokens.as_str(), instance.metadata.hop_limit), ("required", 3));
    assert_eq!(instance.profile.as_deref(), Some("amifactory-builder"));
    let ami = &world.ec2.images[&text(&image["outputResources"]["amis"][0], "image")];
    let shown: Vec<_> =
        ami.mappings.iter().map(|mapping| (mapping.device.as_str(), mapping.size, mapping.encrypted)).collect();
    assert_eq!(shown, [("/dev/xvda", 20, true), ("/dev/xvdb", 5, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_told_how_it_ended() {
    let works = Works::new();
    let topic = format!("arn:aws:sns:{REGION}:{}:images", super::bench::ACCOUNT);
    works.bench.fake.world().sns.topics.insert(topic.clone(), Vec::new());
    let arn = works.image_of(&[], json!({ "snsTopicArn": topic })).await;
    works.until(&arn, "AVAILABLE").await;
    let world = works.bench.fake.world();
    let [message] = world.sns.topics[&topic].as_slice() else { panic!("{:?}", world.sns.topics) };
    let told: Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!((&told["arn"], &told["state"]["status"]), (&json!(arn), &json!("AVAILABLE")));
}
