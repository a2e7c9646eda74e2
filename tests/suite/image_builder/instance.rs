//! A folder that stands for the disk of an instance, and components run in it as the service runs them.

use crate::builder_commands::{bundle, step};
use amifactory::identity::{Digest, RecipeName};
use amifactory::plan::{Bundle, BundleStep, Bundles};
use amifactory::source::{Diagnostics, Node, SourceFile, Value, parse};
use amifactory::target::aws::imagebuilder::{Component, Lines, Wanted, documents};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub struct Instance {
    root: tempfile::TempDir,
    /// Changes with each start of the machine.
    boot: u32,
    /// All that came to the log group, line by line.
    pub log: Vec<String>,
}

/// What a component's document says.
pub struct Document {
    pub phase: String,
    pub script: String,
    pub time_s: u64,
}

impl Instance {
    pub fn new() -> Instance {
        Instance { root: tempfile::tempdir().unwrap(), boot: 1, log: Vec::new() }
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn kept(&self, what: &str) -> PathBuf {
        self.root().join("var/lib/amifactory").join(what)
    }

    /// What starting an instance from its image does here, or a restart: memory is empty.
    pub fn restart(&mut self) {
        self.boot += 1;
        drop(std::fs::remove_dir_all(self.root().join("run")));
    }

    /// Runs one component: its exit status.
    pub fn run(&mut self, component: &Component) -> i32 {
        let document = read(component);
        let script = self.root().join("script");
        std::fs::write(&script, &document.script).unwrap();
        let output = std::process::Command::new("bash")
            .arg(&script)
            .env("AMIFACTORY_ROOT", self.root())
            .env("AMIFACTORY_BOOT_ID", format!("boot-{}", self.boot))
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        // The agent puts something of its own before each line.
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        for line in said.iter().flat_map(|text| text.lines()) {
            assert!(line.len() <= 1_000, "a line of {} characters", line.len());
            self.log.push(format!("2026-11-21T20:00:00Z ExecuteBash: Stdout: {line} "));
        }
        output.status.code().unwrap()
    }

    /// Runs a phase as the service does: in order, as long as all goes well, and again after a restart.
    pub fn phase(&mut self, components: &[Component], phase: &str) -> i32 {
        for component in components.iter().filter(|component| read(component).phase == phase) {
            let mut code = self.run(component);
            while code == 194 {
                self.restart();
                code = self.run(component);
            }
            if code != 0 {
                return code;
            }
        }
        0
    }

    pub fn lines(&self) -> Lines {
        let mut lines = Lines::default();
        self.log.iter().for_each(|line| lines.add(line));
        lines
    }
}

pub fn bundles(apply: &[BundleStep], seal: &[BundleStep], boot_test: &[BundleStep]) -> Bundles {
    Bundles { apply: bundle("apply", apply), seal: bundle("seal", seal), boot_test: bundle("boot-test", boot_test) }
}

pub fn small() -> Bundles {
    bundles(&[step("a", "echo applied")], &[step("s", "echo sealed >&2")], &[step("t", "echo tested")])
}

pub fn made(bundles: &Bundles) -> Vec<Component> {
    let recipe: RecipeName = "web-tier".parse().unwrap();
    let plan = Digest::of("a plan");
    let wanted = Wanted { recipe: &recipe, plan: &plan, limit: Duration::from_secs(60), volumes: &[], bucket: None };
    documents(bundles, &wanted).unwrap()
}

pub fn folder(bundle: &Bundle) -> &str {
    &bundle.digest.as_str()[..16]
}

fn get<'a>(node: &'a Node, name: &str) -> &'a Node {
    let Value::Map(entries) = &node.value else { panic!("not a map") };
    &entries.iter().find(|(key, _)| key.text == name).unwrap_or_else(|| panic!("no {name}")).1
}

fn text(node: &Node) -> &str {
    let Value::Scalar { text, .. } = &node.value else { panic!("not a text") };
    text
}

fn only(node: &Node) -> &Node {
    let Value::List(list) = &node.value else { panic!("not a list") };
    let [one] = list.as_slice() else { panic!("not one") };
    one
}

/// Reads a component's document: one phase with one step of one script.
pub fn read(component: &Component) -> Document {
    let file = Arc::new(SourceFile { path: "data".to_owned(), text: component.data.clone() });
    let mut diagnostics = Diagnostics::new();
    let root = parse(&file, &mut diagnostics).unwrap();
    assert!(diagnostics.sorted().is_empty());
    assert_eq!(text(get(&root, "schemaVersion")), "1.0");
    let phase = only(get(&root, "phases"));
    let step = only(get(phase, "steps"));
    assert_eq!((text(get(step, "action")), text(get(step, "onFailure"))), ("ExecuteBash", "Abort"));
    Document {
        phase: text(get(phase, "name")).to_owned(),
        script: text(only(get(get(step, "inputs"), "commands"))).to_owned(),
        time_s: text(get(step, "timeoutSeconds")).parse().unwrap(),
    }
}
