//! Whether this user can make sandboxes here, and which user ids an ordinary user can map.

use super::SandboxError;
use caps::{CapSet, Capability};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Uid, User, getgid, getuid};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Fewer ids than this can't hold a distribution's own users.
const LEAST_IDS: u32 = 65_536;

/// Whether sandboxes need a user namespace.
pub(super) fn is_ordinary() -> bool {
    !Uid::effective().is_root()
}

/// A range of ids that an ordinary user may map: first and count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    first: u32,
    count: u32,
}

/// Says, before anything starts and without starting anything, whether a sandbox can run here.
pub fn check(base_is_host: bool) -> Result<(), SandboxError> {
    if is_ordinary() {
        if base_is_host {
            return Err(SandboxError::HostNeedsRoot);
        }
        check_user_namespaces()?;
        map_commands(0).map(drop)
    } else {
        check_root()
    }
}

fn check_root() -> Result<(), SandboxError> {
    // Once per run of the program: the kernel takes a millisecond, and many when it is busy, to make them.
    static TRIED: OnceLock<Result<(), String>> = OnceLock::new();
    let tried = TRIED.get_or_init(try_namespaces).clone();
    tried.map_err(|why| SandboxError::NoNamespaces { why, help: namespace_advice() })
}

fn try_namespaces() -> Result<(), String> {
    if !caps::has_cap(None, CapSet::Effective, Capability::CAP_SYS_ADMIN).unwrap_or(false) {
        return Err("root has no CAP_SYS_ADMIN here, as in most containers".into());
    }
    // In a thread of its own: these namespaces belong to the thread and end with it.
    let namespaces = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWCGROUP;
    match std::thread::spawn(move || unshare(namespaces)).join() {
        Ok(Ok(())) => Ok(()),
        Ok(Err(errno)) => Err(format!("unshare: {}", errno.desc())),
        Err(_) => Err("the test thread died".into()),
    }
}

fn check_user_namespaces() -> Result<(), SandboxError> {
    let setting = |name: &str| fs::read_to_string(Path::new("/proc/sys").join(name)).ok();
    let is = |name: &str, value: &str| setting(name).is_some_and(|text| text.trim() == value);
    let why = if fs::symlink_metadata("/proc/self/ns/user").is_err() {
        "the kernel has no user namespaces"
    } else if is("user/max_user_namespaces", "0") {
        "user.max_user_namespaces is 0"
    } else if is("kernel/unprivileged_userns_clone", "0") {
        "kernel.unprivileged_userns_clone is 0"
    } else if is("kernel/apparmor_restrict_unprivileged_userns", "1") {
        "AppArmor keeps them from ordinary users (kernel.apparmor_restrict_unprivileged_userns is 1)"
    } else {
        return Ok(());
    };
    Err(SandboxError::NoNamespaces { why: why.into(), help: namespace_advice() })
}

/// What to do where the kernel refuses namespaces.
pub(super) fn namespace_advice() -> String {
    let advice = if is_ordinary() {
        "run it with sudo, or let an administrator set user.max_user_namespaces to 10000, \
         kernel.unprivileged_userns_clone to 1 or kernel.apparmor_restrict_unprivileged_userns to 0 with sysctl"
    } else {
        "run it on the machine itself, or in a container that may mount (docker run --privileged)"
    };
    advice.to_owned()
}

/// The two commands that map this user's ids into a process's user namespace: this user becomes root, the range
/// becomes 1 and up. They come with the package `uidmap` and are setuid root, because only root may do this.
pub(super) fn map_commands(pid: u32) -> Result<[(PathBuf, Vec<String>); 2], SandboxError> {
    let missing = |why: String, help: &str| SandboxError::NoSubordinateIds { why, help: help.to_owned() };
    let uid = getuid();
    let name = User::from_uid(uid).ok().flatten().map(|user| user.name);
    let command = |program: &str, file: &str, own: u32| {
        let program = find(program).ok_or_else(|| {
            missing(
                format!("{program} is not installed"),
                "install the package uidmap (Debian, Ubuntu) or shadow-utils (Fedora, Amazon Linux), or use sudo",
            )
        })?;
        let text = fs::read_to_string(file).unwrap_or_default();
        let range = range(&text, name.as_deref(), uid.as_raw()).ok_or_else(|| {
            let who = name.clone().unwrap_or_else(|| uid.to_string());
            missing(
                format!("{file} gives {who} no range of at least {LEAST_IDS}"),
                "let an administrator run `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER`, or \
                 use sudo",
            )
        })?;
        let numbers = [pid, 0, own, 1, 1, range.first, range.count];
        Ok((program, numbers.iter().map(u32::to_string).collect()))
    };
    Ok([command("newuidmap", "/etc/subuid", uid.as_raw())?, command("newgidmap", "/etc/subgid", getgid().as_raw())?])
}

/// The first large enough range of a user in `/etc/subuid` or `/etc/subgid`.
fn range(text: &str, name: Option<&str>, uid: u32) -> Option<Range> {
    text.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        let range = Range { first: fields.next()?.parse().ok()?, count: fields.next()?.parse().ok()? };
        let ours = Some(owner) == name || owner.parse() == Ok(uid);
        (ours && range.count >= LEAST_IDS).then_some(range)
    })
}

/// A program in `PATH` or where administrators' programs are.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/bin", "/bin", "/usr/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Maps this user's ids into the user namespace of a process that waits for it.
pub(super) async fn map_ids(pid: u32) -> Result<(), SandboxError> {
    for (program, arguments) in map_commands(pid)? {
        let what = || format!("running {}", program.display());
        let output = tokio::process::Command::new(&program).args(&arguments).kill_on_drop(true).output().await;
        let output = output.map_err(|source| SandboxError::Io { what: what(), source })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(SandboxError::Io { what: what(), source: io::Error::other(said) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_s_range_is_found_by_name_or_number_and_small_ones_are_passed_over() {
        let text = "root:100000:65536\nada:5:10\nada:165536:65536\n1001:300000:70000\n";
        assert_eq!(range(text, Some("ada"), 1000), Some(Range { first: 165_536, count: 65_536 }));
        assert_eq!(range(text, None, 1001), Some(Range { first: 300_000, count: 70_000 }));
        assert_eq!(range(text, Some("bob"), 1002), None);
        assert_eq!(range("ada:x:65536\nada", Some("ada"), 1000), None);
    }
}
