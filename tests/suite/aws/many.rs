//! Many recipes in one run of the built program.

use super::factory::AL2023;
use super::loopback;
use crate::fake_aws::agents::sandbox::SandboxAgent;
use crate::program::{TestFactory, can_build_on_host, stderr};
use amifactory::target::local::sandbox::Lower;
use std::path::Path;
use std::sync::Arc;

const RECIPES: usize = 12;

#[test]
fn what_is_told_of_many_builds_is_read_once_for_all_of_them() {
    if !can_build_on_host("what_is_told_of_many_builds_is_read_once_for_all_of_them") {
        return;
    }
    let agent = SandboxAgent::new(Path::new(env!("CARGO_BIN_EXE_amifactory")), vec![Lower::Host]).unwrap();
    let cloud = loopback::cloud_with(Arc::new(agent), |world| {
        world.ec2.add_profile("123456789012", "amifactory-builder");
    });
    let factory = TestFactory::tiny("true");
    let settings = "default_target: aws\nchannels: [dev]\naws: {instance_profile: amifactory-builder}\n";
    factory.write("amifactory.yaml", settings);
    std::fs::remove_file(factory.path().join("recipes/tiny.yaml")).unwrap();
    for number in 0..RECIPES {
        let recipe = format!(
            "recipe: r{number}\ndescription: nothing but its base\nversion: \"1.0\"\n\
             base: {{aws: {{parameter: {AL2023}, family: debian-12}}}}\npublish: {{channel: dev}}\n"
        );
        factory.write(&format!("recipes/r{number}.yaml"), &recipe);
    }
    let jobs = RECIPES.to_string();
    let output = cloud.command(&factory, &["build", "--all", "--jobs", &jobs]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let world = cloud.fake.world();
    let last = world.calls.iter().rposition(|call| call.action == "PutParameter").unwrap();
    let after: Vec<&str> = world.calls[last + 1..].iter().map(|call| call.action.as_str()).collect();
    assert!(after.len() < RECIPES, "{after:?}");
}
