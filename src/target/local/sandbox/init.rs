//! Pid 1 of the sandbox: makes the namespaces and the root, gives up its rights, runs the script, and reaps.

use super::control::{self, Job, Message};
use super::error::{Doing, Failure, FailureKind};
use super::{Exit, GATE_PORT, Network, furnish, lockdown, loopback, overlay};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{pivot_root, sethostname};
use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, Stdio};

/// Where the script is, inside.
const SCRIPT: &str = "/run/amifactory/script.sh";

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The whole life of pid 1.
pub(super) fn main() -> ExitCode {
    let Ok(above) = control::above() else { return ExitCode::FAILURE };
    let message = match live(&above) {
        Ok(Some(exit)) => Message::Ended(exit),
        // Nobody is left to hear it.
        Ok(None) => return ExitCode::FAILURE,
        Err(failure) => Message::Failed(failure),
    };
    match control::send(&above, &message, None) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn live(above: &OwnedFd) -> Result<Option<Exit>, Failure> {
    // First of all, so that a supervisor that dies from here on takes this process with it; if it died before, the
    // socket has ended.
    prctl::set_pdeathsig(Signal::SIGKILL).doing(|| "arming the dead-man's switch".into())?;
    let _ = prctl::set_name(c"amifactory-init");
    let job = match control::receive(above).doing(|| "reading the spec".into())? {
        Some((Message::Start(job), _)) => job,
        _ => return Ok(None),
    };
    enter(&job, above)?;
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGCHLD);
    signals.thread_block().doing(|| "blocking SIGCHLD".into())?;
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .doing(|| "listening for SIGCHLD".into())?;
    control::send(above, &Message::Started, None).doing(|| "reporting".into())?;
    lockdown::lock_down(&job)?;
    let script = start(&job)?;
    reap(script, &signals, above)
}

/// From this machine's namespaces into new ones, with a root of their own.
fn enter(job: &Job, above: &OwnedFd) -> Result<(), Failure> {
    let spec = &job.spec;
    umask(Mode::from_bits_truncate(0o022));
    let namespaces = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWCGROUP;
    unshare(namespaces)
        .doing(|| "making mount, net, ipc, uts and cgroup namespaces".into())
        .map_err(|failure| failure.of_kind(FailureKind::Namespaces))?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .doing(|| "making the mount namespace private".into())?;
    loopback::up()?;
    if let Network::Allow(_) = spec.network {
        // Made here, served by amifactory outside: a socket stays in the namespace it was made in.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, GATE_PORT)).doing(|| "opening the gate".into())?;
        control::send(above, &Message::Listening, Some(listener.as_fd())).doing(|| "opening the gate".into())?;
    }
    let script = fs::read(&spec.script).doing(|| format!("reading the script {}", spec.script.display()))?;
    let borrowed = if job.ordinary_user { Some(furnish::borrow_devices()?) } else { None };
    let root = overlay::assemble(job)?;

    std::env::set_current_dir(&root).doing(|| "entering the new root".into())?;
    // The old root ends up on top of the new one, reachable only through the current folder, until it is let go.
    pivot_root(".", ".").doing(|| "changing the root".into())?;
    furnish::furnish(&spec.limits, borrowed)?;
    furnish::mask_secrets()?;
    umount2(".", MntFlags::MNT_DETACH).doing(|| "letting go of the machine's root".into())?;
    std::env::set_current_dir("/").doing(|| "entering the new root".into())?;

    sethostname(&spec.hostname).doing(|| format!("setting the host name to {}", spec.hostname))?;
    fs::create_dir("/run/amifactory").doing(|| "making /run/amifactory".into())?;
    fs::write(SCRIPT, script).doing(|| format!("writing {SCRIPT}"))?;
    fs::set_permissions(SCRIPT, Permissions::from_mode(0o500)).doing(|| format!("writing {SCRIPT}"))
}

/// Starts the script with nothing of the caller but its standard output and error.
fn start(job: &Job) -> Result<Child, Failure> {
    let mut command = Command::new("/bin/sh");
    command.arg(SCRIPT).env_clear().stdin(Stdio::null());
    command.env("PATH", PATH).env("HOME", "/root").env("LANG", "C.UTF-8").env("DEBIAN_FRONTEND", "noninteractive");
    if let Network::Allow(_) = job.spec.network {
        let gate = format!("http://127.0.0.1:{GATE_PORT}");
        for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
            command.env(name, &gate);
        }
        // What a step starts itself is reached without a gate.
        for name in ["no_proxy", "NO_PROXY"] {
            command.env(name, "localhost,127.0.0.1,::1");
        }
    }
    command
        .spawn()
        .doing(|| "starting /bin/sh of the base".into())
        .map_err(|failure| failure.of_kind(FailureKind::Base))
}

/// Waits for the script and reaps everything else that dies. None when the supervisor is gone.
fn reap(mut script: Child, signals: &SignalFd, above: &OwnedFd) -> Result<Option<Exit>, Failure> {
    loop {
        // Look at the script first: it must not be reaped as a stranger.
        if let Some(status) = script.try_wait().doing(|| "waiting for the script".into())? {
            return Ok(Some(match status.signal() {
                Some(signal) => Exit::Signal(signal),
                None => Exit::Code(status.code().unwrap_or(-1)),
            }));
        }
        reap_strangers(&script);
        let mut events =
            [PollFd::new(signals.as_fd(), PollFlags::POLLIN), PollFd::new(above.as_fd(), PollFlags::POLLIN)];
        match poll(&mut events, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).doing(|| "waiting for events".into()),
        }
        if events[1].any().unwrap_or(true) {
            return Ok(None);
        }
        while let Ok(Some(_)) = signals.read_signal() {}
    }
}

/// Reaps dead processes that were left to pid 1, up to the script itself.
fn reap_strangers(script: &Child) {
    loop {
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let dead = match waitid(Id::All, look) {
            Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _)) => pid,
            _ => return,
        };
        if u32::try_from(dead.as_raw()) == Ok(script.id()) {
            return;
        }
        let _ = waitid(Id::Pid(dead), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG);
    }
}
