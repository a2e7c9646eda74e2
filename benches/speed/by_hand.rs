//! The reference for whole builds: the same bundles, run by plain `sh` in the same kind of overlay, by hand.

use crate::Failure;
use crate::factory::{Factory, planned};
use crate::program::{Clock, Took};
use amifactory::plan::{Bundle, RunLine, parse_line};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SETUP: &str = include_str!("by_hand.sh");

/// The bundles of a recipe and of those that it builds on, on disk, ready to be run.
pub struct ByHand {
    images: Vec<Scripts>,
    folder: PathBuf,
}

struct Scripts {
    apply: Script,
    seal: Script,
    boot_test: Script,
}

struct Script {
    path: PathBuf,
    steps: usize,
    network: bool,
}

/// What was run.
pub struct Ran {
    pub took: Took,
    pub steps: usize,
}

/// Namespaces and an overlay over this machine's own files need root.
pub fn needs_root() -> Result<(), Failure> {
    if nix::unistd::Uid::effective().is_root() { Ok(()) } else { Err("builds on `base: host` need root".into()) }
}

impl ByHand {
    /// Plans recipes, each built on the one before it, as the program does, and writes their bundles down.
    pub fn prepare(factory: &Factory, recipes: &[&str]) -> Result<ByHand, Failure> {
        needs_root()?;
        let folder = factory.state("by-hand");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("setup.sh"), SETUP)?;
        let mut images = Vec::new();
        for plan in planned(factory, recipes)? {
            let script = |bundle: &Bundle, network| -> Result<Script, Failure> {
                let path = folder.join(format!("{}-{}.sh", plan.recipe, bundle.name));
                fs::write(&path, &bundle.script)?;
                Ok(Script { path, steps: bundle.steps.len(), network })
            };
            images.push(Scripts {
                apply: script(&plan.bundles.apply, !plan.network.is_empty())?,
                seal: script(&plan.bundles.seal, false)?,
                boot_test: script(&plan.bundles.boot_test, false)?,
            });
        }
        Ok(ByHand { images, folder })
    }

    /// Runs all bundles one after the other: apply and seal in one overlay, then the boot test in one over that.
    pub fn run(&self) -> Result<Ran, Failure> {
        let run = tempfile::Builder::new().prefix("run-").tempdir_in(&self.folder)?;
        let mut layers: Vec<PathBuf> = Vec::new();
        let mut answers: Vec<(&Script, PathBuf)> = Vec::new();
        let clock = Clock::start();
        for (number, image) in self.images.iter().enumerate() {
            let layer = run.path().join(format!("layer-{number}"));
            let test = run.path().join(format!("test-{number}"));
            answers.push((&image.apply, self.script(&image.apply, &layer, &layers)?));
            answers.push((&image.seal, self.script(&image.seal, &layer, &layers)?));
            layers.insert(0, layer.join("upper"));
            answers.push((&image.boot_test, self.script(&image.boot_test, &test, &layers)?));
        }
        let took = clock.stop();
        // A bundle that ended early would be a reference that is too good.
        let mut steps = 0;
        for (script, answer) in answers {
            steps += check(script, &answer)?;
        }
        Ok(Ran { took, steps })
    }

    fn script(&self, script: &Script, over: &Path, layers: &[PathBuf]) -> Result<PathBuf, Failure> {
        let [stage, upper, work] = ["stage", "upper", "work"].map(|name| over.join(name));
        for folder in [&stage, &upper, &work] {
            fs::create_dir_all(folder)?;
        }
        let name = script.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (answer, log) = (over.join(format!("{name}.out")), over.join(format!("{name}.log")));
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--ipc", "--uts"]);
        if !script.network {
            command.arg("--net");
        }
        command.arg("sh").arg(self.folder.join("setup.sh")).args([&stage, &upper, &work, &script.path]).args(layers);
        command.stdin(Stdio::null()).stdout(File::create(&answer)?).stderr(File::create(&log)?);
        let status = command.status()?;
        if status.success() { Ok(answer) } else { Err(failed(&name, &format!("{status}"), &log)) }
    }
}

/// The number of steps, where all of them ran and none failed that must not.
fn check(script: &Script, answer: &Path) -> Result<usize, Failure> {
    let text = fs::read_to_string(answer)?;
    let lines: Vec<RunLine> = text.lines().filter_map(parse_line).collect();
    let ended = lines.iter().filter_map(|line| match line {
        RunLine::Ended(result) => Some(result),
        _ => None,
    });
    let name = script.path.display().to_string();
    let log = answer.with_extension("log");
    if let Some(wrong) = ended.clone().find(|result| result.rc != 0 && !result.step.starts_with("control/")) {
        return Err(failed(&name, &format!("step {} ended with {}", wrong.step, wrong.rc), &log));
    }
    match (ended.count(), lines.last()) {
        (steps, Some(RunLine::End)) if steps == script.steps => Ok(steps),
        (steps, _) => Err(failed(&name, &format!("{steps} of {} steps ran", script.steps), &log)),
    }
}

fn failed(name: &str, why: &str, log: &Path) -> Failure {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(8)..].join("\n    ");
    format!("by hand, {name}: {why}\n    {last}").into()
}
