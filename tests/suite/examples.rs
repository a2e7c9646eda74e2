//! What stands in `examples/` for other tools, where it runs this program.

use crate::program::{TestFactory, can_build_on_host, stderr};

const HELLO: &str = "mkdir -p /srv\necho hello >/srv/hello";

use std::path::Path;
use std::process::{Command, Output};

fn example(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path)
}

/// The workflow's script, with this program on its path.
fn promote(factory: &TestFactory, channel: &str) -> (Output, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_amifactory")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let like = factory.command(&[]);
    let mut command = Command::new(example("github-actions/.github/promote"));
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.args([channel, "a test"]).env("PATH", path).current_dir(factory.path()).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    (output, text)
}

#[test]
fn the_workflow_promotes_what_gates_let_through_and_fails_for_nothing_else_than_a_failure() {
    let name = "the_workflow_promotes_what_gates_let_through_and_fails_for_nothing_else_than_a_failure";
    if !can_build_on_host(name) {
        return;
    }
    let factory = TestFactory::tiny(HELLO);
    let channels = "channels: [dev, staging, {name: prod, soak: 1d}]\n";
    let text = std::fs::read_to_string(factory.path().join("amifactory.yaml")).unwrap();
    let text: String =
        text.lines().filter(|line| !line.starts_with("channels")).map(|line| format!("{line}\n")).collect();
    factory.write("amifactory.yaml", &(text + channels));
    // Nothing is there to promote: that is no gate.
    let (output, text) = promote(&factory, "staging");
    assert!(output.status.code() == Some(1) && text.contains("::error title=tiny was not promoted"), "{text}");
    assert_eq!(factory.json(&["build", "tiny"]).0, 0);
    for _ in 0..2 {
        let (output, text) = promote(&factory, "staging");
        assert_eq!(output.status.code(), Some(0), "{text}");
    }
    let (_, history) = factory.json(&["history", "tiny"]);
    let staging = history["channels"].as_array().unwrap().iter().find(|channel| channel["channel"] == "staging");
    assert!(staging.unwrap().to_string().contains("a test"), "{history}");
    let (output, text) = promote(&factory, "prod");
    assert!(output.status.code() == Some(0) && text.contains("::notice title=tiny stays as it is in prod"), "{text}");
}

/// The policies of the module's roles are some that the program prints.
#[cfg(feature = "aws")]
#[test]
fn the_roles_of_the_terraform_module_are_what_iam_policy_prints() {
    let factory = TestFactory::tiny("true");
    let notify = "fleet: {notify: {audiences: {all: {sns: \"arn:aws:sns:us-east-1:123456789012:fleet\"}}}}\n";
    let channels = "default_target: aws\nchannels: [dev]\naws: {instance_profile: amifactory-builder}\n";
    factory.write("amifactory.yaml", &format!("{channels}{notify}"));
    let text = std::fs::read_to_string(example("terraform/functions.tf")).unwrap();
    let readme = std::fs::read_to_string(example("terraform/README.md")).unwrap();
    let lists = text.split("policies = [").skip(1).map(|rest| rest.split(']').next().unwrap());
    let named: Vec<&str> = lists.flat_map(|list| list.split(", ")).map(|name| name.trim_matches('"')).collect();
    assert!(readme.contains(&format!("for part in {};", named.join(" "))), "{named:?}");
    for name in named {
        let output = factory.run(&["iam-policy", "--for", name]);
        let policy: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{name}: {output:?}"));
        assert!(!policy["Statement"].as_array().unwrap().is_empty(), "{name}");
    }
}
