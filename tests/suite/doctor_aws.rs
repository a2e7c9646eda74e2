//! `doctor --target aws`: the built program against the fake AWS on loopback.

use crate::aws::loopback::{Cloud, cloud};
use crate::fake_aws::ec2::model::Home;
use crate::fake_aws::ssm::parameters::Put;
use crate::program::TestFactory;
use serde_json::Value;

const AWS: &str = "aws: {instance_profile: amifactory-builder, log_group: /af/builds}\n";
const HEAD: &str = "default_target: aws\nchannels: [dev, staging, prod]\n";

fn factory(aws: &str) -> TestFactory {
    let factory = TestFactory::tiny("true");
    factory.write("amifactory.yaml", &format!("{HEAD}{aws}"));
    factory.write(
        "recipes/tiny.yaml",
        "recipe: tiny\ndescription: a small image\nversion: \"1.0\"\n\
         base: {aws: {parameter: /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64}}\n\
         groups: [hello]\npublish: {channel: dev}\n",
    );
    factory
}

/// Runs doctor: its exit code and its checks.
fn doctor(factory: &TestFactory, cloud: &Cloud, more: &[&str]) -> (i32, Vec<Value>) {
    let mut command = cloud.command(factory, &["doctor", "--format", "json"]);
    let output = command.args(more).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let checks = result["checks"].as_array().unwrap_or_else(|| panic!("{text}")).clone();
    (output.status.code().unwrap(), checks)
}

fn all<'c>(checks: &'c [Value], check: &str) -> Vec<&'c Value> {
    checks.iter().filter(|found| found["check"] == check).collect()
}

fn one<'c>(checks: &'c [Value], check: &str) -> (&'c str, &'c str) {
    let found = all(checks, check);
    let found = found.first().unwrap_or_else(|| panic!("no check `{check}` in {checks:#?}"));
    (found["severity"].as_str().unwrap(), found["detail"].as_str().unwrap())
}

#[test]
fn a_ready_account_has_no_failures_and_nothing_is_made() {
    let cloud = cloud(|world| world.ec2.add_profile("123456789012", "amifactory-builder"));
    let (code, checks) = doctor(&factory(AWS), &cloud, &[]);
    assert_eq!(code, 0, "{checks:#?}");
    let lines: Vec<String> = checks
        .iter()
        .map(|c| format!("{} {}", c["severity"].as_str().unwrap(), c["check"].as_str().unwrap()))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
    assert_eq!(one(&checks, "credentials").1, "account 123456789012, as arn:aws:iam::123456789012:user/operator");
    assert_eq!(
        one(&checks, "on-demand vCPUs").1,
        "one build may take 2 of 64; what else runs in the account takes its part"
    );
    let world = cloud.fake.world();
    assert!(world.unknown_calls.is_empty(), "{:?}", world.unknown_calls);
    assert!(world.ec2.instances.is_empty() && world.ec2.own_images("123456789012").is_empty());
}

#[test]
fn what_is_missing_is_named_with_a_remedy() {
    let cloud = cloud(|world| {
        world.credentials.default_mut().denied.extend(["ec2:DescribeImages", "ec2:DescribeVolumes"].map(String::from));
    });
    let (code, checks) = doctor(&factory(AWS), &cloud, &["--jobs", "2"]);
    assert_eq!(code, 1);
    assert!(all(&checks, "on-demand vCPUs").is_empty(), "without its base the recipe's types are not known");
    let (severity, detail) = one(&checks, "recipe tiny");
    assert!(severity == "fail" && detail.contains("ec2:DescribeImages"), "{detail}");
    let (severity, detail) = one(&checks, "permission to look");
    assert!(severity == "fail" && detail.contains("ec2:DescribeImages, ec2:DescribeVolumes"), "{detail}");
    let failures = checks.iter().filter(|check| check["severity"] == "fail");
    for failure in failures {
        assert!(failure["mend"].is_string() && failure["ok"] == false, "{failure}");
    }
}

#[test]
fn a_launch_is_rehearsed_and_its_refusal_understood() {
    let missing = cloud(|_| {});
    let other = "aws: {instance_profile: other}\n";
    let (code, checks) = doctor(&factory(other), &missing, &[]);
    let (severity, detail) = one(&checks, "launch");
    assert!(code == 1 && severity == "fail" && detail.contains("no instance profile other"), "{detail}");

    let denied = cloud(|world| {
        world.ec2.add_profile("123456789012", "amifactory-builder");
        world.credentials.default_mut().denied.insert("iam:PassRole".into());
    });
    let (code, checks) = doctor(&factory(AWS), &denied, &[]);
    let (severity, detail) = one(&checks, "launch");
    assert!(code == 1 && severity == "fail" && detail.starts_with("iam:PassRole is not allowed"), "{detail}");

    let (code, checks) = doctor(&factory("aws: {spot: true}\n"), &denied, &[]);
    assert!(code == 1 && one(&checks, "launch").1.starts_with("no instance profile is set"), "{checks:#?}");
    assert_eq!(one(&checks, "spot vCPUs").0, "pass");
}

#[test]
fn networks_and_times_that_can_not_work_are_found() {
    let cloud = cloud(|world| {
        world.ec2.add_profile("123456789012", "amifactory-builder");
        for table in world.ec2.route_tables.values_mut() {
            table.routes.retain(|(to, _)| to != "0.0.0.0/0");
        }
        world.quotas.values.insert("L-1216C47A", 1.0);
    });
    let factory = factory("aws: {instance_profile: amifactory-builder, expires: 30m}\n");
    let (code, checks) = doctor(&factory, &cloud, &[]);
    assert_eq!(code, 1);
    let (severity, detail) = one(&checks, "way to Systems Manager");
    assert!(severity == "fail" && detail.contains("no usable endpoint for ssm and ssmmessages"), "{detail}");
    assert_eq!(one(&checks, "time").0, "fail");
    let (severity, detail) = one(&checks, "on-demand vCPUs");
    assert!(severity == "fail" && detail.contains("one build may take 2, and the quota is 1"), "{detail}");
    factory
        .write("amifactory.yaml", &format!("{HEAD}aws: {{subnet: subnet-0123456789abcdef0, instance_profile: x}}\n"));
    let (_, checks) = doctor(&factory, &cloud, &[]);
    let (severity, detail) = one(&checks, "subnets");
    assert!(severity == "fail" && detail.contains("there is no subnet-0123456789abcdef0"), "{detail}");
}

#[test]
fn credentials_that_are_not_accepted_end_it_early() {
    let cloud = cloud(|world| world.credentials.0.clear());
    let (code, checks) = doctor(&factory(AWS), &cloud, &[]);
    assert_eq!(code, 1);
    let (severity, detail) = one(&checks, "credentials");
    assert!(severity == "fail" && detail.contains("InvalidClientTokenId"), "{detail}");
    assert!(all(&checks, "region").is_empty(), "{checks:#?}");
}

#[test]
fn without_credentials_nothing_is_asked() {
    let cloud = cloud(|_| {});
    let factory = factory(AWS);
    let mut command = factory.command(&["doctor", "--format", "json"]);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", factory.path()).env("AWS_REGION", "us-east-1");
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_ENDPOINT_URL", &cloud.endpoint);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("AWS credentials"), "{text}");
    assert!(cloud.fake.world().calls.is_empty());
}

#[test]
fn only_what_the_policy_allows_is_called() {
    let cloud = cloud(|world| world.ec2.add_profile("123456789012", "amifactory-builder"));
    let factory = factory(AWS);
    doctor(&factory, &cloud, &[]);
    let (_, policies) = factory.json(&["iam-policy", "--for", "operator"]);
    let allowed = policies["policies"]["operator"].to_string();
    for call in &cloud.fake.world().calls {
        for permission in &call.permissions {
            assert!(allowed.contains(&format!("\"{permission}\"")), "{permission} is called and not in the policy");
        }
    }
}

#[test]
fn what_others_wrote_does_not_reach_the_terminal_as_it_is() {
    let cloud = cloud(|world| {
        let home = Home { account: world.account.clone(), region: "us-east-1".into() };
        let now = world.clock.now();
        let put = Put::by_hand("/site/base", "ami-1\u{1b}[2J\u{202e}");
        world.ssm.place(&home).parameters.put(put, now, Default::default()).unwrap();
    });
    let factory = factory(AWS);
    let recipe = "recipe: tiny\ndescription: a small image\nversion: \"1.0\"\nbase: {aws: {parameter: /site/base}}\n\
                  groups: [hello]\npublish: {channel: dev}\n";
    factory.write("recipes/tiny.yaml", recipe);
    for verb in [&["plan", "tiny"][..], &["build", "tiny"], &["doctor"]] {
        let output = cloud.command(&factory, verb).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(text.contains("ami-1\\u{1b}[2J\\u{202e}"), "{verb:?}: {text:?}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{verb:?}: {text:?}");
    }
}
