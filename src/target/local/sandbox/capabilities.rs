//! Which capabilities steps keep: those that package installs need, and no other.

use super::error::{Doing, Failure, FailureKind};
use caps::{CapSet, Capability, CapsHashSet};

/// What `dpkg`, `rpm`, `useradd`, `setcap` and services that bind a low port need. All of them act on files of the
/// overlay, on processes of the pid namespace or on the private network namespace.
const KEPT: [Capability; 10] = [
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_FOWNER,
    Capability::CAP_FSETID,
    Capability::CAP_KILL,
    Capability::CAP_SETGID,
    Capability::CAP_SETUID,
    Capability::CAP_SETFCAP,
    Capability::CAP_NET_BIND_SERVICE,
    Capability::CAP_SYS_CHROOT,
];

/// Gives up all others, for good: they leave the bounding set too. Fails where the kernel kept one of them.
pub(super) fn keep_few() -> Result<(), Failure> {
    let said =
        |error: caps::errors::CapsError| Failure::new(FailureKind::SetUp, format!("dropping capabilities: {error}"));
    let kept: CapsHashSet = KEPT.into_iter().collect();
    // The kernel may know capabilities that this list of the crate does not: they are found by the check below.
    for capability in caps::all() {
        let held = caps::has_cap(None, CapSet::Bounding, capability).unwrap_or(false);
        if held && !kept.contains(&capability) {
            caps::drop(None, CapSet::Bounding, capability).map_err(said)?;
        }
    }
    let held = caps::read(None, CapSet::Permitted).map_err(said)?;
    let left: CapsHashSet = held.intersection(&kept).copied().collect();
    caps::clear(None, CapSet::Ambient).map_err(said)?;
    caps::set(None, CapSet::Effective, &left).map_err(said)?;
    caps::set(None, CapSet::Permitted, &left).map_err(said)?;
    caps::clear(None, CapSet::Inheritable).map_err(said)?;

    let status = std::fs::read_to_string("/proc/self/status").doing(|| "reading /proc/self/status".into())?;
    let allowed = KEPT.iter().fold(0, |mask, capability| mask | capability.bitmask());
    match excess(&status, allowed) {
        None => Ok(()),
        Some(line) => Err(Failure::new(FailureKind::SetUp, format!("the kernel kept capabilities: {line}"))),
    }
}

/// The first line of `/proc/self/status` that shows a capability beyond those allowed, or that can't be read.
fn excess(status: &str, allowed: u64) -> Option<String> {
    ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].into_iter().find_map(|set| {
        let line = status.lines().find(|line| line.starts_with(set));
        let mask = line.and_then(|l| l.split(':').nth(1)).and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
        match mask {
            Some(mask) if mask & !allowed == 0 => None,
            _ => Some(line.unwrap_or(set).to_owned()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_beyond_the_list_is_found_in_any_set() {
        let clean = "CapInh:\t0\nCapPrm:\t00000000000000c3\nCapEff:\t3\nCapBnd:\tc3\nCapAmb:\t0\n";
        assert_eq!(excess(clean, 0xff), None);
        assert_eq!(excess(&clean.replace("CapBnd:\tc3", "CapBnd:\t1c3"), 0xff), Some("CapBnd:\t1c3".into()));
        assert_eq!(excess("", 0xff), Some("CapInh".into()), "what can't be read is not taken for clean");
    }

    #[test]
    fn nothing_that_reaches_the_machine_is_kept() {
        use Capability::*;
        for capability in [
            CAP_SYS_ADMIN,
            CAP_SYS_MODULE,
            CAP_SYS_RAWIO,
            CAP_SYS_TIME,
            CAP_SYS_BOOT,
            CAP_SYS_PTRACE,
            CAP_MKNOD,
            CAP_DAC_READ_SEARCH,
            CAP_BPF,
            CAP_PERFMON,
            CAP_SYSLOG,
            CAP_AUDIT_CONTROL,
            CAP_NET_ADMIN,
            CAP_NET_RAW,
            CAP_SYS_RESOURCE,
            CAP_LINUX_IMMUTABLE,
            CAP_MAC_ADMIN,
            CAP_SYS_TTY_CONFIG,
            CAP_WAKE_ALARM,
        ] {
            assert!(!KEPT.contains(&capability), "{capability}");
        }
    }
}
