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
    let output = command
        .args([channel, "a test"])
        .env("PATH", path)
        .env("AMIFACTORY_TARGET", "local")
        .current_dir(factory.path())
        .output()
        .unwrap();
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
    // A channel that is not there is a failure.
    let (output, text) = promote(&factory, "production");
    assert!(output.status.code() == Some(1) && text.contains("::error title=tiny was not promoted"), "{text}");
    // Nothing is there to promote yet: the next night tries again.
    let (output, text) = promote(&factory, "staging");
    assert!(output.status.code() == Some(0) && text.contains("::notice title=tiny has no image for staging"), "{text}");
    assert_eq!(factory.json(&["build", "tiny"]).0, 0);
    let (output, text) = promote(&factory, "prod");
    assert!(output.status.code() == Some(0) && text.contains("::notice title=tiny has no image for prod"), "{text}");
    for _ in 0..2 {
        let (output, text) = promote(&factory, "staging");
        assert_eq!(output.status.code(), Some(0), "{text}");
    }
    let (_, history) = factory.json(&["history", "tiny"]);
    let staging = history["channels"].as_array().unwrap().iter().find(|channel| channel["channel"] == "staging");
    assert!(staging.unwrap().to_string().contains("a test"), "{history}");
    let (output, text) = promote(&factory, "prod");
    assert!(output.status.code() == Some(0) && text.contains("::notice title=tiny stays as it is in prod"), "{text}");
    // The notice is one line, and says which gate it was.
    let notice = text.lines().find(|line| line.starts_with("::notice")).unwrap();
    assert!(notice.contains("soak") && notice.contains("%0A"), "{notice}");
    // Whatever else refuses says so itself.
    assert_eq!(factory.json(&["revoke", "tiny@1.0.0", "--reason", "a key was left in it"]).0, 0);
    let (output, text) = promote(&factory, "prod");
    let notice = text.lines().find(|line| line.starts_with("::notice")).unwrap();
    assert!(output.status.code() == Some(0) && notice.contains("a key was left in it"), "{text}");
}

/// What a workflow of others' actions may do with this repository's roles.
#[test]
fn workflows_name_actions_by_commit_the_target_and_a_role_for_each_environment() {
    let read = |path: &str| std::fs::read_to_string(example(&format!("github-actions/{path}"))).unwrap();
    let (nightly, one) = (read(".github/workflows/nightly.yml"), read(".github/workflows/promote.yml"));
    let (action, script) = (read(".github/actions/amifactory/action.yml"), read(".github/promote"));
    let (readme, all) = (read("README.md"), [&*nightly, &*one, &*action].concat());
    for line in all.lines().filter(|line| line.contains("uses: ") && !line.contains("uses: ./")) {
        let (_, pinned) = line.split_once('@').unwrap();
        let (commit, version) = pinned.split_once(" # v").unwrap_or_else(|| panic!("no version beside it: {line}"));
        assert!(commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()), "{line}");
        assert_eq!(version.split('.').count(), 3, "{line}");
    }
    assert_eq!(all.matches("actions/checkout@").count(), all.matches("persist-credentials: false").count());
    let command = |line: &&str| {
        line.trim_start().trim_start_matches("- run: ").trim_start_matches("run: ").starts_with("amifactory ")
    };
    let commands: Vec<&str> = nightly.lines().filter(command).collect();
    assert!(commands.len() == 3 && commands.iter().all(|line| line.contains("--target aws")), "{commands:?}");
    assert!(script.contains("--target \"$target\"") && one.contains("AMIFACTORY_TARGET: aws"));
    // A night that waits for reviewers keeps no other from building, and a recipe that fails none from being promoted.
    assert!(!nightly.lines().any(|line| line.starts_with("concurrency:")), "of a job, and not of the whole run");
    assert!(
        nightly.contains("      group: images-build\n") && one.contains("      group: images-${{ inputs.channel }}\n")
    );
    assert_eq!(nightly.matches("if: ${{ !cancelled() }}").count(), nightly.matches("\n    needs: ").count());
    // The trust policy is one, and each role has its own `sub`.
    let trust = readme.split("```json").nth(1).unwrap().split("```").next().unwrap();
    let trust: serde_json::Value = serde_json::from_str(trust).unwrap();
    let equals = &trust["Statement"][0]["Condition"]["StringEquals"];
    assert_eq!(equals["token.actions.githubusercontent.com:sub"], "repo:OWNER/REPO:environment:prod");
    for sub in ["ref:refs/heads/main", "environment:staging", "environment:prod"] {
        assert!(readme.contains(&format!("`repo:OWNER/REPO:{sub}`")), "{sub}");
    }
    let seconds = nightly.split("role-duration-seconds: ").nth(1).unwrap().split_whitespace().next().unwrap();
    assert!(readme.contains(&format!("--max-session-duration {seconds}")), "{seconds}");
}

/// The step that builds, as the runner runs it, with a program that says what it was given.
#[test]
fn a_nightly_run_takes_a_name_and_no_option() {
    let nightly = std::fs::read_to_string(example("github-actions/.github/workflows/nightly.yml")).unwrap();
    let step = nightly.split("RECIPE: ${{ inputs.recipe }}\n        run: |\n").nth(1).unwrap();
    let step: String =
        step.lines().take_while(|line| line.starts_with("          ")).map(|line| format!("{line}\n")).collect();
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("amifactory");
    std::fs::write(&program, "#!/bin/sh\nprintf '%s ' \"$@\"\n").unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let run = |recipe: &str| {
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &step]).current_dir(folder.path());
        let output = command.env("PATH", &path).env("RECIPE", recipe).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(run(""), (0, "build --all --target aws --jobs 8 --format json ".into()));
    assert_eq!(run("web-tier"), (0, "build web-tier --target aws --jobs 8 --format json ".into()));
    for wrong in ["--force", "-f", "web tier", "web\ntier", "$(id)", "Web", "../x"] {
        let (code, said) = run(wrong);
        assert!(code == 2 && said.starts_with("::error::"), "{wrong}: {code}: {said}");
    }
}

#[test]
fn a_copy_of_the_debian_factory_is_whole() {
    let readme = std::fs::read_to_string(example("debian-on-aws/README.md")).unwrap();
    let command = readme.lines().map(str::trim).find(|line| line.starts_with("cp ")).unwrap();
    let words: Vec<&str> = command.split(' ').collect();
    assert_eq!(words[2..], ["examples/debian-on-aws", "my-factory"]);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("my-factory");
    let mut copied = Command::new(words[0]);
    let copied = copied.arg(words[1]).arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(words[2])).arg(&copy).status();
    assert!(copied.unwrap().success());
    let output = TestFactory::tiny("true").run(&["validate", "--factory", copy.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

/// The alarms of the module: of each job, and of what the check can't see; and who may change them.
#[test]
fn the_terraform_module_hears_of_jobs_that_stop_and_of_places_that_are_not_read() {
    let text = std::fs::read_to_string(example("terraform/alarms.tf")).unwrap();
    let alarm =
        |name: &str| text.split(&format!("\"{name}\" {{")).nth(1).unwrap().split("\n}").next().unwrap().to_owned();
    let value = |of: &str, key: &str| {
        let line = of.lines().find(|line| line.split('=').next().unwrap().trim() == key);
        line.unwrap_or_else(|| panic!("no {key}")).split_once('=').unwrap().1.trim().to_owned()
    };
    let (failed, silent, unread) = (alarm("failed"), alarm("silent"), alarm("unread"));
    assert!([&failed, &silent].iter().all(|of| value(of, "for_each") == "local.jobs"));
    // A run that begins a little later than the day before leaves one period of a day empty.
    assert_eq!((value(&silent, "period"), value(&silent, "evaluation_periods")), ("86400".into(), "2".into()));
    assert_eq!(value(&silent, "treat_missing_data"), "\"breaching\"");
    assert_eq!(
        (value(&unread, "namespace"), value(&unread, "metric_name")),
        ("\"amifactory\"".into(), "\"PlacesUnread\"".into())
    );
    let functions = std::fs::read_to_string(example("terraform/functions.tf")).unwrap();
    assert!(functions.contains("reserved_concurrent_executions = var.reserved_concurrency"));
}

/// The policies of the module's roles are some that the program prints.
#[cfg(feature = "aws")]
#[test]
fn the_roles_of_the_terraform_module_are_what_iam_policy_prints() {
    let factory = TestFactory::tiny("true");
    let notify =
        "fleet: {notify: {metrics: true, audiences: {all: {sns: \"arn:aws:sns:us-east-1:123456789012:fleet\"}}}}\n";
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
        assert!(!policy.to_string().contains("PutMetricAlarm"), "{name} may silence its own watchers");
    }
}
