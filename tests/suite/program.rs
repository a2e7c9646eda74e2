//! Running the built program in a factory of its own.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A factory folder that goes with the test.
pub struct TestFactory {
    folder: TempDir,
}

/// Whether this process may make sandboxes over the host; says loudly when a test has to be skipped.
pub fn can_build_on_host(test: &str) -> bool {
    let root = nix::unistd::Uid::effective().is_root();
    if !root {
        crate::skip::skipped(test, "builds on `base: host` need root");
    }
    root
}

impl TestFactory {
    /// A factory with one recipe, `tiny`, on this machine, and one group, `hello`, that runs this script.
    pub fn tiny(script: &str) -> TestFactory {
        let factory = TestFactory { folder: tempfile::tempdir().unwrap() };
        factory.write("amifactory.yaml", "default_target: local\nchannels: [dev, staging, prod]\n");
        factory.write(
            "recipes/tiny.yaml",
            "recipe: tiny\ndescription: a small image\nversion: \"1.0\"\nbase: {local: host}\ngroups: [hello]\n\
             tests:\n  - name: it says hello\n    timeout: 20s\n    run: |\n      grep -q hello /srv/hello\n\
             publish: {channel: dev}\nlimits: {time: 2m, processes: 200, memory: 512MiB, disk: 512MiB}\n",
        );
        factory.group("1.0.0", script);
        factory
    }

    /// Writes the group `hello`.
    pub fn group(&self, version: &str, script: &str) {
        let script: String = script.lines().map(|line| format!("      {line}\n")).collect();
        self.write(
            "recipes/groups/hello.yaml",
            &format!(
                "group: hello\nversion: \"{version}\"\ndescription: writes a file\n\
                 packages: {{debian-12: [], ubuntu: [], amazon-linux-2023: []}}\n\
                 steps:\n  - name: hello\n    run: |\n{script}"
            ),
        );
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn state(&self) -> PathBuf {
        self.path().join(".amifactory")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_amifactory"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for name in ["AMIFACTORY_STATE", "NO_COLOR", "CI"] {
            command.env_remove(name);
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs with `--format json`: the exit code and the last line.
    pub fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.command(arguments).args(["--format", "json"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let last = text.lines().last().unwrap_or_else(|| {
            panic!("{arguments:?} printed nothing; stderr: {}", String::from_utf8_lossy(&output.stderr))
        });
        let result: Value = serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {last}"));
        assert_eq!(result["event"], "result", "{text}");
        (output.status.code().unwrap(), result)
    }

    /// Names in a folder of the local store.
    pub fn stored(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.state().join("local").join(folder)) else { return Vec::new() };
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
