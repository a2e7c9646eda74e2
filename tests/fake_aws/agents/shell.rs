//! Scripts run with this machine's `/bin/sh`, as whoever runs the tests: for the hundreds of runs of the crash tests.
//! Nothing keeps a script from this machine, so only harmless ones belong here.
//!
//! An instance's disk is a folder, told to scripts as `AMIFACTORY_ROOT`; an image is a copy of it.

use super::context::while_waited_for;
use super::{Agent, Disk, Output, RunContext, Stream, stand_in};
use async_trait::async_trait;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The status of a script that was killed: amazon-ssm-agent's `CommandStoppedPreemptivelyExitCode`.
pub(super) const KILLED: i32 = 137;

/// How often a running script's time and stop are looked at.
const TICK: Duration = Duration::from_millis(5);

/// Runs scripts with `/bin/sh`.
pub struct ShellAgent {
    inner: Arc<Folders>,
}

struct Folders(tempfile::TempDir);

impl ShellAgent {
    pub fn new() -> io::Result<ShellAgent> {
        Ok(ShellAgent { inner: Arc::new(Folders(tempfile::tempdir()?)) })
    }

    /// The folder that stands for an instance's disk.
    pub fn disk(&self, instance: &str) -> PathBuf {
        self.inner.instance(instance)
    }

    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(&Folders) -> T + Send + 'static) -> T {
        let inner = self.inner.clone();
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(done) => done,
            Err(error) => panic!("the shell agent failed: {error}"),
        }
    }
}

impl Folders {
    fn instance(&self, instance: &str) -> PathBuf {
        self.0.path().join("instances").join(instance)
    }

    fn image(&self, image: &str) -> PathBuf {
        self.0.path().join("images").join(image)
    }

    fn run(&self, instance: &str, script: &str, context: &RunContext) -> io::Result<Output> {
        let disk = self.instance(instance);
        if !disk.is_dir() {
            return Err(io::Error::other(format!("instance {instance} has no disk")));
        }
        // Apart from the disk: nothing of it may be in an image.
        let folder = tempfile::tempdir()?;
        lay_programs(folder.path(), script, context)?;
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into());
        let mut with_stand_in = folder.path().join("bin").into_os_string();
        with_stand_in.push(":");
        with_stand_in.push(path);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", LAUNCH]).arg(folder.path()).env_clear();
        command.env("PATH", with_stand_in).env("HOME", "/root").env("LANG", "C.UTF-8");
        command.env("AMIFACTORY_ROOT", &disk).env("AWS_SSM_INSTANCE_ID", instance);
        command.env("AWS_SSM_REGION_NAME", &context.region);
        command.current_dir(match &context.working_directory {
            Some(folder) => Path::new(folder),
            None => disk.as_path(),
        });
        // A group of its own, to be killed as a whole.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        let stdout = copy(child.stdout.take(), Stream::Stdout, context);
        let stderr = copy(child.stderr.take(), Stream::Stderr, context);
        let (code, timed_out) = wait(&mut child, context)?;
        let taken = |bytes: Taken| std::mem::take(&mut *bytes.lock().unwrap_or_else(PoisonError::into_inner));
        // Whoever the script left in the background may hold the pipes open: what was written by now counts.
        let until = Instant::now() + Duration::from_secs(1);
        while !(stdout.1.is_finished() && stderr.1.is_finished()) && Instant::now() < until {
            thread::sleep(TICK);
        }
        Ok(Output { code, stdout: taken(stdout.0), stderr: taken(stderr.0), timed_out })
    }
}

/// Starts the script as the real agent does: the shell executes the file, so that a first line of `#!` counts. The
/// files are copied first by a process that forks nobody: one that this process wrote could still be open for writing
/// in a child that another thread has just forked, and would be "text file busy".
const LAUNCH: &str = "cp -Rp \"$0/written\" \"$0/bin\" && exec /bin/sh -c \"$0/bin/_script.sh\"";

fn lay_programs(folder: &Path, script: &str, context: &RunContext) -> io::Result<()> {
    let parameters = folder.join("parameters");
    stand_in::lay(&parameters, context)?;
    let written = folder.join("written");
    fs::create_dir(&written)?;
    for (name, text) in [("aws", stand_in::program(&parameters.to_string_lossy())), ("_script.sh", script.to_owned())] {
        fs::write(written.join(name), text)?;
        fs::set_permissions(written.join(name), fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Waits for the script's end, or brings it about.
fn wait(child: &mut Child, context: &RunContext) -> io::Result<(i32, bool)> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
            return Ok((code, false));
        }
        let timed_out = context.timeout.is_some_and(|timeout| began.elapsed() >= timeout);
        if timed_out || context.stop.is_asked() {
            if let Ok(group) = i32::try_from(child.id()) {
                let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(group), nix::sys::signal::Signal::SIGKILL);
            }
            child.wait()?;
            return Ok((KILLED, timed_out));
        }
        thread::sleep(TICK);
    }
}

type Taken = Arc<Mutex<Vec<u8>>>;

/// Reads one output to its end, beside everything else.
fn copy(
    from: Option<impl Read + Send + 'static>,
    stream: Stream,
    context: &RunContext,
) -> (Taken, thread::JoinHandle<()>) {
    let taken = Taken::default();
    let (to, watch) = (taken.clone(), context.watch.clone());
    let handle = thread::spawn(move || {
        let Some(mut from) = from else { return };
        let mut buffer = [0; 16 << 10];
        while let Ok(length) = from.read(&mut buffer) {
            if length == 0 {
                return;
            }
            watch.tell(stream, &buffer[..length]);
            to.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..length]);
        }
    });
    (taken, handle)
}

/// Copies a tree with owners, modes, times and links.
fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap_or(to)).expect("a folder for the copy");
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
    assert!(status.success(), "copying {} to {} failed", from.display(), to.display());
}

fn remove(folder: &Path) {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("removing {}: {error}", folder.display()),
        _ => {}
    }
}

#[async_trait]
impl Agent for ShellAgent {
    fn describe(&self) -> String {
        "commands run with this machine's /bin/sh, as this user, in a scratch folder per instance".to_owned()
    }

    async fn boot(&self, instance: &str, disk: &Disk) {
        let (instance, disk) = (instance.to_owned(), disk.clone());
        self.blocking(move |folders| {
            let folder = folders.instance(&instance);
            match disk {
                Disk::Image(image) if folders.image(&image).is_dir() => copy_tree(&folders.image(&image), &folder),
                // An image made of nothing that ran here, such as a registered snapshot.
                Disk::Image(_) | Disk::Base => fs::create_dir_all(&folder).expect("a folder for the disk"),
            }
        })
        .await;
    }

    async fn run(&self, instance: &str, script: &str, context: &RunContext) -> Output {
        let stop = context.stop.clone();
        let (instance, script, context) = (instance.to_owned(), script.to_owned(), context.clone());
        while_waited_for(stop, self.blocking(move |folders| folders.run(&instance, &script, &context))).await
    }

    async fn image(&self, instance: &str, image: &str) {
        let (instance, image) = (instance.to_owned(), image.to_owned());
        self.blocking(move |folders| copy_tree(&folders.instance(&instance), &folders.image(&image))).await;
    }

    async fn forget_instance(&self, instance: &str) {
        let instance = instance.to_owned();
        self.blocking(move |folders| remove(&folders.instance(&instance))).await;
    }

    async fn forget_image(&self, image: &str) {
        let image = image.to_owned();
        self.blocking(move |folders| remove(&folders.image(&image))).await;
    }
}
