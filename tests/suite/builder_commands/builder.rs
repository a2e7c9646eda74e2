//! A folder that stands for a builder, and the ways to run commands on it.

use amifactory::hardening::Library;
use amifactory::identity::BuildId;
use amifactory::plan::{Bundle, BundleStep, OnFailure};
use amifactory::target::aws::command::{self, Answer, AnswerError, Command, Incoming, Options};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Shells that `sh` is on the families that are built: dash on Debian, bash on Amazon Linux.
pub const SHELLS: [&str; 2] = ["dash", "bash"];

/// What a command left: exit status and both outputs, as GetCommandInvocation gives them.
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub struct Builder {
    root: tempfile::TempDir,
    shell: &'static str,
    build: BuildId,
    sent: AtomicU32,
    pub limit: Duration,
    pub live: bool,
    /// Changes with each start of the machine.
    pub boot: u32,
}

impl Builder {
    pub fn new(shell: &'static str) -> Builder {
        Builder {
            root: tempfile::tempdir().unwrap(),
            shell,
            build: "web-tier-0123456789ab-1".parse().unwrap(),
            sent: AtomicU32::new(0),
            limit: Duration::from_secs(60),
            live: false,
            boot: 1,
        }
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// A bundle's folder on the disk.
    pub fn folder(&self, bundle: &Bundle) -> PathBuf {
        self.root().join("var/lib/amifactory").join(&bundle.digest.as_str()[..16])
    }

    pub fn options(&self) -> Options<'_> {
        Options { build: &self.build, limit: self.limit, live: self.live, volumes: &[] }
    }

    pub fn set_build(&mut self, build: &str) {
        self.build = build.parse().unwrap();
    }

    /// What a restart of the machine does here: memory is empty, and this is another start.
    pub fn restart(&mut self) {
        self.boot += 1;
        drop(std::fs::remove_dir_all(self.root().join("run")));
    }

    pub fn start(&self, command: &Command) -> Child {
        // A file of its own: a shell reads its script as it goes.
        let script = self.root().join(format!("script-{}", self.sent.fetch_add(1, Ordering::Relaxed)));
        std::fs::write(&script, command.script()).unwrap();
        std::process::Command::new(self.shell)
            .arg(script)
            .env("AMIFACTORY_ROOT", self.root())
            .env("AMIFACTORY_BOOT_ID", format!("boot-{}", self.boot))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub fn send(&self, command: &Command) -> Said {
        assert!(command.script().is_ascii() && !command.script().contains("{{"), "SSM would change it");
        assert!(command.comment.chars().count() <= 100 && command.bytes() <= command::MAX_BYTES);
        said(self.start(command))
    }

    pub fn run(&self, bundles: &[&Bundle]) -> Vec<Answer> {
        let said = self.send(&command::run(bundles, &self.options()).unwrap());
        assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
        self.answers(bundles, &said).unwrap()
    }

    pub fn result(&self, bundles: &[&Bundle]) -> Vec<Answer> {
        let digests: Vec<_> = bundles.iter().map(|bundle| &bundle.digest).collect();
        let said = self.send(&command::result(&digests, &self.options()));
        self.answers(bundles, &said).unwrap()
    }

    /// Reads an answer and fetches what is missing.
    pub fn answers(&self, bundles: &[&Bundle], said: &Said) -> Result<Vec<Answer>, AnswerError> {
        let digests: Vec<_> = bundles.iter().map(|bundle| &bundle.digest).collect();
        let mut incoming = Incoming::begin(&digests, &said.stdout, &said.stderr)?;
        while let Some(more) = incoming.missing() {
            let said = self.send(&command::fetch(&digests, &more, &self.options()));
            incoming.add(&said.stdout, &said.stderr)?;
        }
        incoming.finish()
    }
}

pub fn said(child: Child) -> Said {
    let output = child.wait_with_output().unwrap();
    let said = Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    // The limits of GetCommandInvocation.
    assert!(said.stdout.len() <= 23_500, "{} characters on standard output", said.stdout.len());
    assert!(said.stderr.len() <= 7_500, "{} characters on standard error", said.stderr.len());
    said
}

pub fn step(id: &str, body: &str) -> BundleStep {
    BundleStep { id: id.into(), title: id.into(), body: body.into(), timeout: None, on_failure: OnFailure::Stop }
}

pub fn bundle(name: &'static str, steps: &[BundleStep]) -> Bundle {
    Bundle::render(name, steps, &Library::embedded().unwrap()).unwrap()
}
