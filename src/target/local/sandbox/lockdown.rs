//! Gives up every right that steps must not have, in the order in which they can be given up.

use super::control::Job;
use super::error::{Doing, Failure, FailureKind};
use super::{capabilities, limits, seccomp};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, setgroups};
use std::fs;
use std::path::Path;

/// Makes this process, pid 1 of the sandbox, as weak as its steps will be.
pub(super) fn lock_down(job: &Job) -> Result<(), Failure> {
    match setgroups(&[Gid::from_raw(0)]) {
        Ok(()) => {}
        // Where the ids were mapped without this right the groups stay, but they are unmapped and mean nothing.
        Err(Errno::EPERM) if job.ordinary_user => {}
        Err(errno) => return Err(errno).doing(|| "leaving the caller's groups".into()),
    }
    limits::set(&job.spec.limits, job.ordinary_user)?;
    if job.watched {
        let _ = rustix::process::setpriority_process(None, 10);
    }
    // Where the machine runs out of memory, steps die first.
    let _ = fs::write("/proc/self/oom_score_adj", "500");
    // Filters need a right that the next line gives up, and set "no new privileges".
    seccomp::confine()?;
    capabilities::keep_few()?;
    if !prctl::get_no_new_privs().unwrap_or(false) {
        return Err(Failure::new(FailureKind::SetUp, "the kernel did not forbid new privileges"));
    }
    // Steps are root of the same namespaces: without this they could reach this program's file and its socket
    // through /proc/1.
    prctl::set_dumpable(false).doing(|| "closing /proc/1".into())?;
    // A change of credentials clears it.
    prctl::set_pdeathsig(Signal::SIGKILL).doing(|| "arming the dead-man's switch".into())
}

/// Whether a path exists and is what it says, a folder and not a link to one.
pub(super) fn is_real_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}
