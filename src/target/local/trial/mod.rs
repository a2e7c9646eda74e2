//! A throw-away root: a copy-on-write overlay over folders that are only read, whose changes are kept from one run to
//! the next and looked at. What a control does is tried on one.

mod contract;
mod hollow;

pub use contract::{Bench, contract};
pub use hollow::hollow;

use super::files::Files;
use super::sandbox::{self, Exit, Lower, Network, SandboxSpec};
use super::tree::{FileOperation, Listing};
use crate::hardening::Library;
use crate::plan::{Bundle, BundleStep, RunLine, StepResult, parse_line};
use crate::recipe::Limits;
use crate::target::TargetError;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// Much for one control, little for a machine.
const LIMITS: Limits = Limits { time_s: 1800, processes: 512, memory_bytes: 2 << 30, disk_bytes: 4 << 30 };

/// A throw-away root.
pub struct Trial {
    folder: TempDir,
    lowers: Vec<Lower>,
    exe: PathBuf,
    files: Files,
}

impl Trial {
    /// Over these layers, bottom to top. Changes are kept in a folder of its own in `scratch`; `exe` is this program.
    pub fn over(lowers: &[Lower], scratch: &Path, exe: &Path) -> Result<Trial, TargetError> {
        let failed = |source| TargetError::Io { what: format!("making a folder in {}", scratch.display()), source };
        // Nobody else may enter: steps may leave setuid files.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        let folder =
            tempfile::Builder::new().prefix("amifactory-").permissions(mode).tempdir_in(scratch).map_err(failed)?;
        let upper = folder.path().join("upper");
        std::fs::create_dir(&upper).map_err(failed)?;
        // Its mode is the root's.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&upper, mode).map_err(failed)?;
        Ok(Trial { folder, lowers: lowers.to_owned(), exe: exe.to_owned(), files: Files::new(exe.to_owned()) })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// All that it is made of now: what another trial may lie on.
    pub fn layers(&self) -> Vec<Lower> {
        self.lowers.iter().cloned().chain([Lower::Dir(self.at("upper"))]).collect()
    }

    /// Runs steps as one bundle; every one has to answer.
    pub async fn run(
        &self,
        library: &Library,
        steps: &[BundleStep],
        network: Network,
    ) -> Result<Vec<StepResult>, TargetError> {
        let failed = |what: &str, source| TargetError::Io { what: what.to_owned(), source };
        let bundle = Bundle::render("trial", steps, library)
            .map_err(|error| failed("rendering the steps", std::io::Error::other(error.to_string())))?;
        let spec = SandboxSpec {
            lowers: self.lowers.clone(),
            upper: self.at("upper"),
            work: self.at("work"),
            limits: LIMITS,
            network,
            hostname: "trial".into(),
            script: self.at("script.sh"),
            log: self.at("log"),
            hidden: vec![self.folder.path().to_owned()],
        };
        std::fs::write(&spec.script, &bundle.script).map_err(|error| failed("writing the steps", error))?;
        let answers = Mutex::new((Vec::new(), false));
        let on_line = |line: &str| {
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            match parse_line(line) {
                Some(RunLine::Ended(result)) => answers.0.push(result),
                Some(RunLine::End) => answers.1 = true,
                _ => {}
            }
        };
        let exit = sandbox::run(&spec, &self.exe, &on_line).await?;
        let (results, whole) = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
        if whole && results.len() == steps.len() {
            return Ok(results);
        }
        let why = match exit {
            Exit::Code(code) => format!("its shell ended with status {code}"),
            Exit::Signal(signal) => format!("its shell was killed by signal {signal}"),
            Exit::LimitExceeded(limit) => limit.to_string(),
        };
        let log = std::fs::read(&spec.log).unwrap_or_default();
        let said = String::from_utf8_lossy(&log[log.len().saturating_sub(2000)..]).into_owned();
        let answered = format!("{} of {} steps answered; {why}\n{said}", results.len(), steps.len());
        Err(failed("running in the root", std::io::Error::other(answered)))
    }

    /// Everything that is not as in the layers below.
    pub async fn changes(&self) -> Result<Listing, TargetError> {
        let into = self.at("listing");
        self.perform(FileOperation::ListTree { root: self.at("upper"), into: into.clone() }).await?;
        let failed = |source| TargetError::Io { what: format!("reading {}", into.display()), source };
        let bytes = std::fs::read(&into).map_err(failed)?;
        serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))
    }

    /// Takes it away. An ordinary user's trial holds files that only a helper can remove.
    pub async fn remove(self) -> Result<(), TargetError> {
        for name in ["upper", "work"] {
            self.perform(FileOperation::RemoveTree { path: self.at(name) }).await?;
        }
        let failed = |source| TargetError::Io { what: "removing a throw-away root".into(), source };
        self.folder.close().map_err(failed)
    }

    async fn perform(&self, operation: FileOperation) -> Result<(), TargetError> {
        let files = self.files.clone();
        match tokio::task::spawn_blocking(move || files.run(&operation)).await {
            Ok(done) => done.map(drop).map_err(|failure| failure.of_stored(self.folder.path())),
            Err(error) => {
                Err(TargetError::Io { what: "working on the disk".into(), source: std::io::Error::other(error) })
            }
        }
    }
}
