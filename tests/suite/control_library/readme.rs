//! `hardening/README.md` says nothing that is not true: its controls are valid, and each of its commands runs.

use crate::program::{TestFactory, can_build_on_host, stderr};
use crate::readme::commands;
use std::path::{Path, PathBuf};

fn hardening() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hardening")
}

/// A factory with the library in it, to be changed.
pub fn factory_with_library() -> TestFactory {
    let factory = TestFactory::tiny("mkdir -p /srv; echo hello >/srv/hello");
    copy(&hardening(), &factory.path().join("hardening"));
    factory
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The fenced blocks that begin with the name of their file.
fn files(text: &str) -> Vec<(String, String)> {
    let blocks = text.split("```").skip(1).step_by(2).filter_map(|block| Some(block.split_once('\n')?.1));
    let named = blocks.filter_map(|block| Some((block.lines().next()?.strip_prefix("# hardening/")?, block)));
    named.map(|(name, block)| (format!("hardening/{name}"), block.to_owned())).collect()
}

#[test]
fn every_example_and_command_of_the_library_s_readme_works() {
    if !can_build_on_host("every_example_and_command_of_the_library_s_readme_works") {
        return;
    }
    let root = std::env::var("AMIFACTORY_TEST_ROOTFS").unwrap_or_else(|_| "/".to_owned());
    let text = std::fs::read_to_string(hardening().join("README.md")).unwrap();
    let factory = factory_with_library();
    let files = files(&text);
    assert!(files.iter().any(|(name, _)| name.ends_with(".audit.sh")), "{files:?}");
    for (name, content) in &files {
        factory.write(name, content);
    }
    let commands = commands(&text);
    assert!(files.len() >= 4, "{files:?}");
    assert!(commands.len() >= 8, "{commands:?}");
    for command in &commands {
        let arguments: Vec<&str> =
            command.iter().map(|argument| if argument == "DIR" { root.as_str() } else { argument }).collect();
        let output = factory.run(&arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}{}", stderr(&output));
        assert!(!said.contains("\n0 controls"), "{arguments:?} lists nothing");
    }
    // All that is indented outside of these is a command that was run.
    let plain: String = text.split("```").step_by(2).collect();
    assert_eq!(plain.lines().filter(|line| line.starts_with("    ")).count(), commands.len());
}
