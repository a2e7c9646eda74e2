//! `fleet` as its users meet it.

use super::{OTHER, OWN, add_image, home};
use crate::aws::loopback::{Cloud, cloud};
use crate::aws::wire::Wire;
use crate::fake_aws::ec2::{Home, consumers::Template};
use crate::program::{TestFactory, stderr};
use amifactory::release::{Kind, Note};
use amifactory::target::aws::AwsTarget;
use amifactory::target::{PointerName, Slot, Target};
use serde_json::{Value, json};

pub const OLD: &str = "ami-00000000000000a00";
pub const NEW: &str = "ami-00000000000000a01";
pub const FACTORY: &str = "default_target: aws\nchannels: [dev, prod]\naws: {instance_profile: amifactory-builder}\n";

pub fn world() -> Cloud {
    let cloud = cloud(|world| {
        let east = || home(OWN, "us-east-1");
        add_image(world, OLD, east(), "1.0.0", "verified");
        add_image(world, NEW, east(), "1.0.1", "verified");
        template(world, "lt-0000000000000000a", east(), OLD);
        template(world, "lt-0000000000000000b", east(), NEW);
    });
    let target = AwsTarget::with_config(&Wire::new(&cloud.fake).config());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (image, version) in [(OLD, "1.0.0"), (NEW, "1.0.1")] {
            for slot in [Slot::Version(version.parse().unwrap()), Slot::Channel("prod".parse().unwrap())] {
                let name = PointerName { recipe: "web".parse().unwrap(), arch: "x86_64".parse().unwrap(), slot };
                let before = target.pointer(&name).await.unwrap();
                let note = Note::new(Kind::Promote, amifactory::pipeline::clock::rfc3339(target.now()));
                let image = image.parse().unwrap();
                target.move_pointer(&name, before.as_ref(), &image, &note).await.unwrap();
                target.read_back(std::slice::from_ref(&name), &image).await.unwrap();
            }
        }
    });
    cloud
}

pub(super) fn template(world: &mut crate::fake_aws::World, id: &str, home: Home, image: &str) {
    world.ec2.templates.insert(id.to_owned(), Template { home, images: vec![image.to_owned()] });
}

pub(super) fn run(cloud: &Cloud, factory: &TestFactory, arguments: &[&str]) -> (i32, String) {
    let output = cloud.command(factory, arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout.clone()).unwrap() + &stderr(&output))
}

#[test]
fn the_exit_code_says_how_it_stands() {
    let (cloud, factory) = (world(), TestFactory::tiny("true"));
    factory.write("amifactory.yaml", FACTORY);
    // In its first days an old image is no matter.
    let (code, text) = run(&cloud, &factory, &["fleet"]);
    assert!(code == 0 && text.contains("2 launch templates") && text.contains("2 fine"), "{code}: {text}");
    assert!(!text.contains("LEVEL"), "{text}");
    let (code, text) = run(&cloud, &factory, &["fleet", "--all"]);
    assert!(code == 0 && text.contains("prod names 1.0.1, and went on from it"), "{code}: {text}");
    factory.write("amifactory.yaml", &format!("{FACTORY}fleet: {{warn: 0s, fail: 0s}}\n"));
    let (code, text) = run(&cloud, &factory, &["fleet"]);
    assert!(code == 4 && text.contains("create-launch-template-version"), "{code}: {text}");
    let (code, text) = run(&cloud, &factory, &["fleet", "--quiet"]);
    assert!(code == 4 && text.contains("1 breaking the policy") && text.lines().count() == 1, "{code}: {text}");
    let (code, text) = run(&cloud, &factory, &["fleet", "--format", "json"]);
    let result: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((code, &result["event"], &result["outcome"]), (4, &json!("result"), &json!("stale")), "{text}");
    let first = &result["findings"][0];
    assert_eq!((&first["level"], &first["version"], &first["behind"]), (&json!("fail"), &json!("1.0.0"), &json!(1)));
    for (format, expected) in [
        ("csv", "fail,behind,123456789012,us-east-1,launch-template,1,0,web,1.0.0"),
        ("prometheus", "# TYPE amifactory_fleet_resources gauge"),
        ("html", "<!doctype html>"),
    ] {
        let (code, text) = run(&cloud, &factory, &["fleet", "--format", format]);
        assert!(code == 4 && text.contains(expected), "{format}: {code}: {text}");
        // It is of this verb alone.
        let (code, text) = run(&cloud, &factory, &["images", "--format", format]);
        assert!(code == 2 && text.contains("of `amifactory fleet` alone"), "{code}: {text}");
    }

    // An account that can't be read; then nothing that can.
    let accounts = format!("accounts: {{\"{OTHER}\": {{role: nobody}}}}");
    factory.write("amifactory.yaml", &format!("{FACTORY}fleet: {{{accounts}}}\n"));
    let (code, text) = run(&cloud, &factory, &["fleet"]);
    assert!(code == 5 && text.contains("not read in 111122223333/us-east-1: everything here"), "{code}: {text}");
    cloud.fake.world().credentials.default_mut().denied.insert("ssm:GetParametersByPath".into());
    let (code, text) = run(&cloud, &factory, &["fleet"]);
    assert!(code == 1 && text.contains("ssm:GetParametersByPath"), "{code}: {text}");
}

#[test]
fn where_there_is_no_fleet_it_says_so() {
    let (cloud, factory) = (world(), TestFactory::tiny("true"));
    let (code, text) = run(&cloud, &factory, &["fleet", "--target", "local"]);
    assert!(code == 2 && text.contains("the target local: it has no fleet"), "{code}: {text}");
    let elsewhere = format!("{FACTORY}distribution: {{home: eu-central-1}}\n");
    factory.write("amifactory.yaml", &elsewhere);
    let (code, text) = run(&cloud, &factory, &["fleet"]);
    assert!(code == 2 && text.contains("this is us-east-1"), "{code}: {text}");
}

#[test]
fn the_policies_for_other_accounts_are_printed_where_there_are_some() {
    let (cloud, factory) = (world(), TestFactory::tiny("true"));
    factory.write("amifactory.yaml", FACTORY);
    let (code, text) = run(&cloud, &factory, &["iam-policy", "--for", "fleet"]);
    assert!(code == 0 && text.contains("autoscaling:DescribeAutoScalingGroups"), "{text}");
    assert!(!text.contains("AssumeRole"), "{text}");
    let (code, text) = run(&cloud, &factory, &["iam-policy", "--for", "fleet-role"]);
    assert!(code == 2 && text.contains("looks at no other account"), "{text}");
    let fleet = format!("{FACTORY}fleet: {{accounts: {{\"{OTHER}\": {{role: amifactory-fleet}}}}}}\n");
    factory.write("amifactory.yaml", &fleet);
    let (code, text) = run(&cloud, &factory, &["iam-policy", "--for", "fleet"]);
    assert!(code == 0 && text.contains("arn:aws:iam::111122223333:role/amifactory-fleet"), "{text}");
    let (code, text) = run(&cloud, &factory, &["iam-policy", "--for", "fleet-role-trust"]);
    assert!(code == 2 && text.contains("--account ID"), "{text}");
    let (code, text) = run(&cloud, &factory, &["iam-policy", "--for", "fleet-role-trust", "--account", OWN]);
    assert!(code == 0 && text.contains("sts:AssumeRole"), "{text}");
}

#[test]
fn the_readme_on_the_fleet_is_true() {
    let text = crate::readme::readme();
    let part = text.split("## Fleet").nth(1).unwrap().split("\n## ").next().unwrap();
    let policy = part.split("```yml\n").nth(1).unwrap().split("```").next().unwrap();
    let (cloud, factory) = (world(), TestFactory::tiny("true"));
    let recipe = std::fs::read_to_string(factory.path().join("recipes/tiny.yaml")).unwrap();
    factory.write("recipes/web-tier.yaml", &recipe.replace("recipe: tiny", "recipe: web-tier"));
    let channels = "default_target: aws\nchannels: [dev, staging, prod]\n";
    factory.write("amifactory.yaml", &format!("{channels}{policy}"));
    let (code, text) = run(&cloud, &factory, &["validate"]);
    assert_eq!(code, 0, "{text}");
    factory.write("amifactory.yaml", FACTORY);
    let commands = crate::readme::commands(part);
    assert!(commands.len() >= 3 && commands.iter().all(|arguments| arguments[0] == "fleet"), "{commands:?}");
    for arguments in commands {
        let (code, text) = run(&cloud, &factory, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(code, 0, "{arguments:?}: {text}");
    }
}
