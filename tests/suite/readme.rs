//! The README says nothing that is not true: each of its commands runs, and its recipe is valid.

use crate::program::{TestFactory, can_build_on_host, stderr};
use std::path::Path;

pub fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The part on AWS, and all the rest.
pub fn on_aws(text: &str) -> (String, String) {
    let begin = text.find("## On AWS").unwrap();
    let end = begin + text[begin..].find("### Without an account").unwrap();
    let rest = end + text[end..].find("\n## ").unwrap();
    (text[begin..end].to_owned(), format!("{}{}", &text[..begin], &text[rest..]))
}

/// The arguments of every `amifactory …` and `cargo run … -- …` in an indented block, in order.
pub fn commands(text: &str) -> Vec<Vec<String>> {
    text.lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter_map(|line| {
            line.strip_prefix("amifactory ").or_else(|| line.strip_prefix("cargo run --no-default-features -- "))
        })
        .map(|line| line.split('#').next().unwrap().split_whitespace().map(str::to_owned).collect())
        .collect()
}

#[test]
fn every_command_of_the_readme_runs() {
    if !can_build_on_host("every_command_of_the_readme_runs") {
        return;
    }
    // A small recipe under the shipped one's name: the shipped one is built by CI from a bare clone.
    let factory = TestFactory::tiny("mkdir -p /srv\necho hello >/srv/hello");
    let recipe = std::fs::read_to_string(factory.path().join("recipes/tiny.yaml")).unwrap();
    factory.write("recipes/web-tier.yaml", &recipe.replace("recipe: tiny", "recipe: web-tier"));
    std::fs::remove_file(factory.path().join("recipes/tiny.yaml")).unwrap();

    let commands = commands(&on_aws(&readme()).1);
    assert!(commands.len() >= 12, "{commands:?}");
    // Only AWS has a fleet and groups: those commands run against the fake. What serves does not end: it has tests of its own.
    let is_apart = |arguments: &Vec<String>| ["fleet", "rollout", "serve"].contains(&arguments[0].as_str());
    for mut arguments in commands.into_iter().filter(|arguments| !is_apart(arguments)) {
        if let Some(build) = arguments.iter_mut().find(|argument| *argument == "BUILD") {
            let builds = std::fs::read_dir(factory.state().join("builds")).unwrap();
            *build = builds.map(|entry| entry.unwrap().file_name().into_string().unwrap()).next().unwrap();
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = factory.run(&arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn the_recipe_of_the_readme_is_valid() {
    let text = readme();
    let mut blocks = text.split("```yaml\n").skip(1).map(|block| block.split("```").next().unwrap());
    let (recipe, group) = (blocks.next().unwrap(), blocks.next().unwrap());
    let factory = TestFactory::tiny("true");
    let output = factory.run(&["init", "new"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    factory.write("new/recipes/web-tier.yaml", recipe);
    factory.write("new/recipes/groups/cache.yaml", group);
    let output = factory.run(&["validate", "--factory", "new"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("warning"), "{text}");
}

#[test]
fn the_verbs_that_the_readme_names_in_passing_exist() {
    let factory = TestFactory::tiny("true");
    for arguments in [
        &["schema"][..],
        &["schema", "group"],
        &["controls"],
        &["controls", "web-server-absent"],
        &["completions", "bash"],
        &["man"],
        &["man", "build"],
        &["--help"],
    ] {
        let output = factory.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        assert!(!output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn every_example_is_valid() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let factory = TestFactory::tiny("true");
    let mut tried = 0;
    for entry in std::fs::read_dir(examples).unwrap() {
        let folder = entry.unwrap().path();
        // Programs, and what others read, are beside the factories.
        if !folder.join("recipes").exists() {
            continue;
        }
        let output = factory.run(&["validate", "--factory", folder.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}: {}", folder.display(), stderr(&output));
        tried += 1;
    }
    assert!(tried > 1);
}
