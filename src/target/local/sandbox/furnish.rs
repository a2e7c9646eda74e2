//! What a Linux expects beside its files: `/proc`, `/dev`, `/sys`, `/run`, `/tmp`. All made inside the new root, so
//! that no link in a base or an earlier step's changes can lead a mount or a file anywhere else.

use super::error::{Doing, Failure, FailureKind};
use super::lockdown::is_real_folder;
use crate::recipe::Limits;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use std::fs::{self, Permissions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;

/// The devices that steps get: name, major, minor.
const DEVICES: [(&str, u64, u64); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// Links in `/dev`.
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("pts/ptmx", "/dev/ptmx"),
];

/// What `/proc` tells of the machine that steps have no business to know.
const SECRETS: [&str; 16] = [
    "kcore",
    "keys",
    "key-users",
    "kmsg",
    "kallsyms",
    "timer_list",
    "timer_stats",
    "sched_debug",
    "vmcore",
    "slabinfo",
    "vmallocinfo",
    "kpagecount",
    "kpagecgroup",
    "kpageflags",
    "latency_stats",
    "iomem",
];

/// This machine's device nodes, opened before its root is left: an ordinary user can't make nodes, only borrow them.
pub(super) fn borrow_devices() -> Result<Vec<OwnedFd>, Failure> {
    let open_node = |(name, _, _): &(&str, u64, u64)| {
        open(&Path::new("/dev").join(name), OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
            .doing(|| format!("opening /dev/{name}"))
    };
    DEVICES.iter().map(open_node).collect()
}

/// Mounts and fills them. The process is pid 1 of its namespace, with the new root as `/`; `borrowed` are the devices
/// of an ordinary user.
pub(super) fn furnish(limits: &Limits, borrowed: Option<Vec<OwnedFd>>) -> Result<(), Failure> {
    for (path, mode) in [("/proc", 0o555), ("/sys", 0o555), ("/dev", 0o755), ("/run", 0o755), ("/tmp", 0o1777)] {
        mount_point(Path::new(path), mode)?;
    }
    proc(limits)?;
    // An empty, read-only /sys: programs that look for hardware find none.
    tmpfs("/sys", MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC, 0o555, 4096)?;
    dev(limits, borrowed)?;
    let share = limits.memory_bytes / 2;
    tmpfs("/run", MsFlags::MS_NOSUID | MsFlags::MS_NODEV, 0o755, share)?;
    tmpfs("/tmp", MsFlags::MS_NOSUID | MsFlags::MS_NODEV, 0o1777, share)?;
    fs::create_dir("/run/lock").doing(|| "making /run/lock".into())?;
    fs::set_permissions("/run/lock", Permissions::from_mode(0o1777)).doing(|| "opening /run/lock".into())
}

/// A base may lack a mount point, but must not have something else in its place.
fn mount_point(path: &Path, mode: u32) -> Result<(), Failure> {
    match fs::symlink_metadata(path) {
        Ok(_) if is_real_folder(path) => Ok(()),
        Ok(_) => Err(Failure::new(FailureKind::Base, format!("{} of the base is not a folder", path.display()))),
        Err(_) => {
            let what = || format!("making {}", path.display());
            fs::create_dir(path).doing(what)?;
            fs::set_permissions(path, Permissions::from_mode(mode)).doing(what)
        }
    }
}

fn tmpfs(path: &str, flags: MsFlags, mode: u32, bytes: u64) -> Result<(), Failure> {
    let inodes = (bytes / 4096).clamp(16, 1 << 18);
    let options = format!("mode={mode:o},size={},nr_inodes={inodes}", bytes.max(4096));
    mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some(options.as_str())).doing(|| format!("mounting {path}"))
}

/// A fresh `/proc` of the sandbox's own processes. Everything in it that isn't a process and could be written is
/// made read-only, by looking and not by a list: kernels differ in what they put there.
fn proc(limits: &Limits) -> Result<(), Failure> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>).doing(|| "mounting /proc".into())?;
    // System V shared memory belongs to no process; this setting is the ipc namespace's own. In pages.
    let _ = fs::write("/proc/sys/kernel/shmall", (limits.memory_bytes / 4096).to_string());
    let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | flags;
    for entry in fs::read_dir("/proc").doing(|| "reading /proc".into())? {
        let entry = entry.doing(|| "reading /proc".into())?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let Ok(metadata) = entry.metadata() else { continue };
        if name.bytes().all(|byte| byte.is_ascii_digit()) || metadata.is_symlink() || SECRETS.contains(&&*name) {
            continue;
        }
        if metadata.is_dir() || metadata.permissions().mode() & 0o222 != 0 {
            let what = || format!("making {} read-only", path.display());
            mount(Some(&path), &path, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>).doing(what)?;
            mount(None::<&str>, &path, None::<&str>, read_only, None::<&str>).doing(what)?;
        }
    }
    Ok(())
}

/// Puts `/dev/null` over what `/proc` would tell of the machine. After `/dev` is there.
pub(super) fn mask_secrets() -> Result<(), Failure> {
    for name in SECRETS {
        let path = Path::new("/proc").join(name);
        if path.exists() {
            let what = || format!("masking {}", path.display());
            mount(Some("/dev/null"), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>).doing(what)?;
        }
    }
    Ok(())
}

fn dev(limits: &Limits, borrowed: Option<Vec<OwnedFd>>) -> Result<(), Failure> {
    // No nodev here; the right to make nodes is given up before any step runs.
    tmpfs("/dev", MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, 0o755, 1 << 16)?;
    match borrowed {
        // Nodes of our own: a step may change their mode without changing the machine's.
        None => {
            for (name, major, minor) in DEVICES {
                let path = Path::new("/dev").join(name);
                let what = || format!("making {}", path.display());
                mknod(&path, SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(major, minor)).doing(what)?;
                fs::set_permissions(&path, Permissions::from_mode(0o666)).doing(what)?;
            }
        }
        Some(nodes) => {
            for ((name, _, _), node) in DEVICES.iter().zip(nodes) {
                let path = Path::new("/dev").join(name);
                let what = || format!("lending {}", path.display());
                fs::File::create_new(&path).doing(what)?;
                let source = format!("/proc/self/fd/{}", node.as_raw_fd());
                mount(Some(source.as_str()), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>).doing(what)?;
                if !fs::metadata(&path).is_ok_and(|metadata| metadata.file_type().is_char_device()) {
                    return Err(Failure::new(FailureKind::SetUp, format!("/dev/{name} of this machine is no device")));
                }
            }
        }
    }
    for (target, link) in DEVICE_LINKS {
        symlink(target, link).doing(|| format!("linking {link}"))?;
    }
    for folder in ["/dev/pts", "/dev/shm"] {
        fs::create_dir(folder).doing(|| format!("making {folder}"))?;
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let options = "newinstance,ptmxmode=0666,mode=620,gid=5,max=64";
    mount(Some("devpts"), "/dev/pts", Some("devpts"), flags, Some(options)).doing(|| "mounting /dev/pts".into())?;
    tmpfs("/dev/shm", MsFlags::MS_NOSUID | MsFlags::MS_NODEV, 0o1777, limits.memory_bytes / 2)
}
