//! Limits that each process carries itself, beside those of the sandbox as a whole.

use super::error::{Doing, Failure};
use crate::recipe::Limits;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Sets them for this process and those it starts.
pub(super) fn set(limits: &Limits, ordinary_user: bool) -> Result<(), Failure> {
    // 1, not 0: a core pattern that is a pipe ignores 0 and would start the machine's crash handler.
    lower(Resource::RLIMIT_CORE, 1)?;
    lower(Resource::RLIMIT_FSIZE, limits.disk_bytes)?;
    lower(Resource::RLIMIT_NOFILE, 1 << 16)?;
    lower(Resource::RLIMIT_MSGQUEUE, 1 << 20)?;
    if ordinary_user {
        // A backstop: the limit itself is watched from outside, where passing it can be seen. Root's processes are
        // never counted, so this is of use in a user namespace only.
        lower(Resource::RLIMIT_NPROC, limits.processes.saturating_mul(4).saturating_add(512))?;
    }
    Ok(())
}

/// Soft and hard limit become `value`, or stay where they are lower already.
fn lower(resource: Resource, value: u64) -> Result<(), Failure> {
    let (_, hard) = getrlimit(resource).doing(|| format!("reading {resource:?}"))?;
    let value = value.min(hard);
    setrlimit(resource, value, value).doing(|| format!("setting {resource:?}"))
}
