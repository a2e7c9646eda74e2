//! Level 1 of the library on a Debian 12 server, applied and audited in one bundle, beside the bash that the public
//! profile of the same benchmark generates of itself and the public Ansible role: the same root, the same sandbox, one
//! run each. `.ci/debian-root` makes the root, `benches/hardening/references` the other two:
//!
//!     cargo bench --no-default-features --profile dev --bench hardening
//!
//! With `library`, `bash` or `ansible` behind `--` only those.
//!
//! Nothing here fails because something was slow: the table says it, and people judge.

use amifactory::hardening::{AuditKind, Library, SelectedControl, Tally, apply_steps, audit_steps, evidence, select};
use amifactory::identity::OsFamily;
use amifactory::plan::{BundleStep, OnFailure, StepResult};
use amifactory::recipe::HardeningSpec;
use amifactory::target::local::sandbox::{Lower, Network, repository_hosts};
use amifactory::target::local::trial::Trial;
use nix::sys::resource::{UsageWho, getrusage};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

type Failure = Box<dyn Error>;

const PROFILE: &str = "cis-debian12-l1-server";

/// Ansible as a step: it stops at the first task that fails, and says what it did in its last lines.
const ANSIBLE: &str =
    "export HOME=/root LC_ALL=C.UTF-8 PYTHONPATH=/opt/ansible ANSIBLE_ROLES_PATH=/opt/roles ANSIBLE_NOCOLOR=1
cd /opt; python3 -m ansible playbook -i localhost, --tags level1-server,always play.yml";

/// What one way took, and what it says that it did.
struct Measured {
    name: &'static str,
    wall: Duration,
    cpu_s: f64,
    counts: String,
}

struct Server {
    library: Library,
    lowers: Vec<Lower>,
    network: Network,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    fn trial(&self) -> Result<Trial, Failure> {
        Ok(Trial::over(&self.lowers, &std::env::temp_dir(), Path::new(env!("CARGO_BIN_EXE_amifactory")))?)
    }

    /// Runs steps in one bundle, timed.
    fn run(&self, trial: &Trial, steps: &[BundleStep]) -> Result<(Vec<StepResult>, Duration, f64), Failure> {
        let (began, cpu) = (Instant::now(), seconds_of_children());
        let results = self.runtime.block_on(trial.run(&self.library, steps, self.network.clone()))?;
        Ok((results, began.elapsed(), seconds_of_children() - cpu))
    }

    /// The library, twice: an image that is as it should be is what most builds after the first one see.
    fn library(&self) -> Result<[Measured; 2], Failure> {
        let spec = HardeningSpec {
            profile: PROFILE.into(),
            parameters: BTreeMap::new(),
            add: Vec::new(),
            waivers: Vec::new(),
            network: None,
        };
        let selected = select(&self.library, &spec, OsFamily::Debian12, &[], &[])
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
        let apply = apply_steps(&selected);
        let steps: Vec<BundleStep> =
            apply.iter().cloned().chain(audit_steps(&selected, &[AuditKind::Persisted])).collect();
        let trial = self.trial()?;
        let measured = |name| -> Result<Measured, Failure> {
            let (results, wall, cpu_s) = self.run(&trial, &steps)?;
            let mut slow: Vec<(u64, &str)> = results.iter().map(|result| (result.ms, result.step.as_str())).collect();
            slow.sort_unstable();
            let slow: Vec<String> = slow.iter().rev().take(8).map(|(ms, step)| format!("{step} {ms} ms")).collect();
            println!("{name}, the slowest steps: {}", slow.join(", "));
            Ok(Measured { name, wall, cpu_s, counts: counts(&selected, apply.len(), &results) })
        };
        let both = [measured("this library, apply + audit")?, measured("the same again")?];
        self.runtime.block_on(trial.remove())?;
        Ok(both)
    }

    /// Something else, as one step.
    fn other(&self, name: &'static str, body: &str, said: fn(&str) -> String) -> Result<Measured, Failure> {
        let trial = self.trial()?;
        let (results, wall, cpu_s) = self.run(&trial, &[step(body)])?;
        self.runtime.block_on(trial.remove())?;
        if let Some(failed) = results.iter().find(|result| result.rc != 0) {
            println!("{name} ended with exit status {}:\n{}\n", failed.rc, failed.out.trim());
        }
        let counts = results.first().map(|result| format!("{}, exit status {}", said(&result.out), result.rc));
        Ok(Measured { name, wall, cpu_s, counts: counts.unwrap_or_default() })
    }
}

fn main() -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() {
        return Err("the references need root in their sandbox's root: run this as root".into());
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = Command::new(here.join(".ci/debian-root")).output()?;
    let root = PathBuf::from(String::from_utf8(made.stdout)?.trim());
    if !root.join("etc").is_dir() {
        return Err(format!(".ci/debian-root made no root: {}", String::from_utf8_lossy(&made.stderr)).into());
    }
    let mut server = Server {
        library: Library::embedded().map_err(|_| "the library has mistakes")?,
        network: Network::Allow(repository_hosts(std::slice::from_ref(&root)).into_iter().collect()),
        lowers: vec![Lower::Dir(root)],
        runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
    };
    let layer = here.join("target/references/layer");
    let mut with_python = None;
    if layer.is_dir() {
        // Ansible needs Python in the root; all three get the same one.
        server.lowers.push(Lower::Dir(layer.clone()));
        let trial = server.trial()?;
        let (results, ..) = server.run(&trial, &[step("af_install python3 python3-apt")])?;
        if let Some(failed) = results.iter().find(|result| result.rc != 0) {
            return Err(format!("Python could not be installed: {}", failed.out).into());
        }
        server.lowers = trial.layers();
        with_python = Some(trial);
    } else {
        eprintln!("only this library is measured: benches/hardening/references puts the others together");
    }
    println!("{} · load before {}", machine(), load());
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|one| one == name);
    let mut all: Vec<Measured> = Vec::new();
    if wanted("library") {
        all.extend(server.library()?);
    }
    if wanted("bash") && layer.join("opt/fix.sh").is_file() {
        all.push(server.other("the profile's generated bash", "bash /opt/fix.sh", remediated)?);
    }
    if wanted("ansible") && layer.join("opt/ansible").is_dir() {
        all.push(server.other("the Ansible role", ANSIBLE, recap)?);
    }
    let unit = all.first().map_or(1.0, |first| first.wall.as_secs_f64());
    let unit_cpu = all.first().map_or(1.0, |first| first.cpu_s);
    println!("\n| | wall | CPU | wall, ratio | CPU, ratio | counts |\n|---|---:|---:|---:|---:|---|");
    for one in &all {
        let wall = one.wall.as_secs_f64();
        println!(
            "| {} | {wall:.1} s | {:.1} s | {:.1} | {:.1} | {} |",
            one.name,
            one.cpu_s,
            wall / unit,
            one.cpu_s / unit_cpu,
            one.counts
        );
    }
    println!("\nload after {}", load());
    if let Some(trial) = with_python {
        server.runtime.block_on(trial.remove())?;
    }
    Ok(())
}

fn step(body: &str) -> BundleStep {
    BundleStep {
        id: "reference".into(),
        title: "a reference".into(),
        body: body.into(),
        timeout: None,
        on_failure: OnFailure::Continue,
    }
}

/// Of the library: how many controls it applied and audited, and how those came out.
fn counts(selected: &[SelectedControl], applied: usize, results: &[StepResult]) -> String {
    let failed = results.iter().take(applied).filter(|result| result.rc != 0).count();
    let found = evidence(selected, &[], &[], results, false);
    let tally = Tally::of(found.iter().map(|control| &control.status));
    format!(
        "{applied} applied ({failed} failed), {} audited: {} pass, {} fail, {} not applicable, {} unknown, {} manual",
        results.len() - applied,
        tally.pass,
        tally.fail,
        tally.not_applicable,
        tally.unknown,
        tally.manual
    )
}

/// The generated bash counts its rules as it goes: `Remediating rule 12/345: …`.
fn remediated(said: &str) -> String {
    let last = said.lines().rev().find_map(|line| line.strip_prefix("Remediating rule ")?.split(':').next());
    last.map_or_else(|| "no count".to_owned(), |count| format!("rule {count}"))
}

/// Ansible's recap.
fn recap(said: &str) -> String {
    let line = said.lines().rfind(|line| line.contains("ok=") && line.contains("changed="));
    match line {
        Some(line) => line.split_whitespace().filter(|word| word.contains('=')).collect::<Vec<_>>().join(" "),
        None => format!("no recap: {}", said.lines().rev().take(5).collect::<Vec<_>>().join(" / ")),
    }
}

/// Processor time of all children that have ended, with theirs.
fn seconds_of_children() -> f64 {
    getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0.0, |usage| {
        let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        seconds(usage.user_time()) + seconds(usage.system_time())
    })
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores")
}

fn load() -> String {
    std::fs::read_to_string("/proc/loadavg")
        .map_or_else(|_| "unknown".to_owned(), |text| text.split(' ').take(1).collect::<Vec<_>>().join(" "))
}
