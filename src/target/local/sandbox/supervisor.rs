//! The process between amifactory and the sandbox: it holds the limits, notices when amifactory is gone, and cleans
//! up. It stays outside the sandbox's control group, so that a sandbox out of memory can't take it along.

use super::cgroup::{Cgroups, Hit};
use super::control::{self, Job, Message};
use super::error::{Doing, Failure, FailureKind};
use super::usage::{DiskWatch, ProcessWatch};
use super::{Exit, Limit};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::setsid;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How often the limits are looked at.
const TICK_MS: u16 = 50;

/// How often where no control group limits processes: a fork bomb makes hundreds in this time.
const HASTY_TICK_MS: u16 = 5;

/// What a run came to: none where amifactory is gone and nobody wants to know.
type Ending = Option<Result<Exit, Failure>>;

/// The supervisor's whole life.
pub(super) fn main() -> ExitCode {
    let Ok(above) = control::above() else { return ExitCode::FAILURE };
    // Away from the caller's terminal: Ctrl-C is for amifactory, which then ends the run in its own way.
    let _ = setsid();
    let _ = prctl::set_name(c"amifactory");
    let message = match supervise(&above) {
        Ok(None) => return ExitCode::FAILURE,
        Ok(Some(Ok(exit))) => Message::Ended(exit),
        Ok(Some(Err(failure))) | Err(failure) => Message::Failed(failure),
    };
    match control::send(&above, &message, None) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn supervise(above: &OwnedFd) -> Result<Ending, Failure> {
    let mut job = match control::receive(above).doing(|| "reading the spec".into())? {
        Some((Message::Start(job), _)) => job,
        _ => return Ok(None),
    };
    if job.ordinary_user && !enter_user_namespace(above)? {
        return Ok(None);
    }
    unshare(CloneFlags::CLONE_NEWPID)
        .doing(|| "making a pid namespace".into())
        .map_err(|failure| failure.of_kind(FailureKind::Namespaces))?;

    let signals = child_signals()?;
    let (below, theirs) = control::pair().doing(|| "making a socket".into())?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0("amifactory").arg(super::entry::INIT).env_clear().stdin(Stdio::from(theirs));
    let init = command.spawn().doing(|| "starting the sandbox's first process".into())?;
    // It would keep a copy of the other end open.
    drop(command);
    let cgroups = Cgroups::around(init.id(), &job.spec.limits);
    job.watched = !cgroups.limit_processes();
    // Where a step takes all processors, the one that watches it must still get its share.
    let _ = rustix::process::setpriority_process(None, -20);
    let mut run = Run {
        started: Instant::now(),
        processes: ProcessWatch::new(init.id(), &job.spec.limits, cgroups.limit_processes(), cgroups.limit_memory()),
        disk: DiskWatch::new(&job.spec.upper, job.spec.limits.disk_bytes),
        cgroups: &cgroups,
        told: None,
        job,
        init,
    };
    let ending = control::send(&below, &Message::Start(run.job.clone()), None)
        .doing(|| "sending the spec".into())
        .and_then(|()| run.watch(&signals, above, &below));
    let _ = run.init.kill();
    let _ = run.init.wait();
    drop(run);
    cgroups.remove();
    ending
}

/// Makes a user namespace and has its ids mapped from above. False when amifactory is gone.
pub(super) fn enter_user_namespace(above: &OwnedFd) -> Result<bool, Failure> {
    unshare(CloneFlags::CLONE_NEWUSER)
        .doing(|| "making a user namespace".into())
        .map_err(|failure| failure.of_kind(FailureKind::Namespaces))?;
    control::send(above, &Message::MapIds, None).doing(|| "asking for user ids".into())?;
    let answer = control::receive(above).doing(|| "waiting for user ids".into())?;
    Ok(matches!(answer, Some((Message::Mapped, _))))
}

fn child_signals() -> Result<SignalFd, Failure> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGCHLD);
    signals.thread_block().doing(|| "blocking SIGCHLD".into())?;
    SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .doing(|| "listening for SIGCHLD".into())
}

/// A run in progress.
struct Run<'a> {
    job: Box<Job>,
    init: Child,
    started: Instant,
    disk: DiskWatch,
    processes: ProcessWatch,
    cgroups: &'a Cgroups,
    /// What init said last.
    told: Option<Result<Exit, Failure>>,
}

impl Run<'_> {
    fn watch(&mut self, signals: &SignalFd, above: &OwnedFd, below: &OwnedFd) -> Result<Ending, Failure> {
        let mut listening = true;
        loop {
            let tick = if self.cgroups.limit_processes() { TICK_MS } else { HASTY_TICK_MS };
            let (from_above, from_below) = wait(signals, above, listening.then_some(below), tick)?;
            if from_above {
                return Ok(None);
            }
            if from_below {
                listening = self.hear(above, below)?;
            }
            while let Ok(Some(_)) = signals.read_signal() {}
            if let Some(status) = self.init.try_wait().doing(|| "waiting for the sandbox".into())? {
                while listening {
                    listening = self.hear(above, below)?;
                }
                return Ok(Some(self.verdict(status)));
            }
            if let Some(limit) = self.limit_reached() {
                // Kills every process of the pid namespace, and returns when all of them are gone. Init does the killing
                // and must get to run among them.
                if let Ok(pid) = i32::try_from(self.init.id()) {
                    let _ = rustix::process::setpriority_process(rustix::process::Pid::from_raw(pid), -20);
                }
                self.init.kill().doing(|| "killing the sandbox".into())?;
                self.init.wait().doing(|| "waiting for the sandbox".into())?;
                return Ok(Some(Ok(Exit::LimitExceeded(limit))));
            }
        }
    }

    /// Takes one message from init. False when there will be no more.
    fn hear(&mut self, above: &OwnedFd, below: &OwnedFd) -> Result<bool, Failure> {
        match control::receive(below).doing(|| "listening to the sandbox".into())? {
            Some((Message::Listening, Some(fd))) => {
                control::send(above, &Message::Listening, Some(fd.as_fd())).doing(|| "handing on the gate".into())?;
            }
            Some((Message::Started, _)) => self.processes.start(),
            Some((Message::Ended(exit), _)) => self.told = Some(Ok(exit)),
            Some((Message::Failed(failure), _)) => self.told = Some(Err(failure)),
            Some(_) => {}
            None => return Ok(false),
        }
        Ok(true)
    }

    fn limit_reached(&mut self) -> Option<Limit> {
        let limits = &self.job.spec.limits;
        if self.started.elapsed() >= Duration::from_secs(limits.time_s) {
            return Some(Limit::Time(limits.time_s));
        }
        if let Some(limit) = self.cgroup_limit() {
            return Some(limit);
        }
        if let Some(limit) = self.processes.exceeded() {
            return Some(limit);
        }
        self.disk.exceeded(self.init.id()).then_some(Limit::Disk(limits.disk_bytes))
    }

    fn cgroup_limit(&self) -> Option<Limit> {
        let limits = &self.job.spec.limits;
        self.cgroups.hit().map(|hit| match hit {
            Hit::Processes => Limit::Processes(limits.processes),
            Hit::Memory => Limit::Memory(limits.memory_bytes),
        })
    }

    /// What an ended sandbox came to. A limit that was reached explains any other end.
    fn verdict(&mut self, status: std::process::ExitStatus) -> Result<Exit, Failure> {
        if let Some(limit) = self.cgroup_limit() {
            return Ok(Exit::LimitExceeded(limit));
        }
        match self.told.take() {
            Some(Ok(_)) if self.disk.exceeded_at_last() => {
                Ok(Exit::LimitExceeded(Limit::Disk(self.job.spec.limits.disk_bytes)))
            }
            Some(told) => told,
            None => Err(Failure::new(FailureKind::Died, format!("its first process ended with {status}"))),
        }
    }
}

/// Waits for a signal or a message, one tick at most. Says which side has something, be it its end.
fn wait(signals: &SignalFd, above: &OwnedFd, below: Option<&OwnedFd>, tick_ms: u16) -> Result<(bool, bool), Failure> {
    let mut events =
        vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN), PollFd::new(above.as_fd(), PollFlags::POLLIN)];
    events.extend(below.map(|below| PollFd::new(below.as_fd(), PollFlags::POLLIN)));
    match poll(&mut events, PollTimeout::from(tick_ms)) {
        Ok(_) => {}
        Err(Errno::EINTR) => return Ok((false, false)),
        Err(errno) => return Err(errno).doing(|| "waiting for events".into()),
    }
    let ready = |index: usize| events.get(index).is_some_and(|event| event.any().unwrap_or(true));
    Ok((ready(1), ready(2)))
}
