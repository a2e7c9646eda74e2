//! Limits on processes and memory by control groups, version 1 or 2, wherever this process may make one.
//!
//! A folder's name holds the supervisor's pid and start time, so that one left by a supervisor that was itself
//! killed can be told from one that is in use.

use crate::recipe::Limits;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PREFIX: &str = "amifactory-";

/// How deep a sweep looks for left-over folders.
const SWEEP_DEPTH: usize = 8;

/// The groups of one sandbox. A limit without a group is kept by watching.
#[derive(Debug, Default)]
pub(super) struct Cgroups {
    processes: Option<PathBuf>,
    memory: Option<(PathBuf, Generation)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Generation {
    One,
    Two,
}

/// Where a controller of this process is.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    folder: PathBuf,
    mount: PathBuf,
    generation: Generation,
}

/// What a sandbox has run into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hit {
    Processes,
    Memory,
}

impl Cgroups {
    /// Makes groups with these limits and puts a process into them. A controller that can't be used is left out.
    pub fn around(pid: u32, limits: &Limits) -> Cgroups {
        let (Ok(groups), Ok(mounts)) =
            (fs::read_to_string("/proc/self/cgroup"), fs::read_to_string("/proc/self/mountinfo"))
        else {
            return Cgroups::default();
        };
        let name = format!("{PREFIX}{}-{}", std::process::id(), start_time("self").unwrap_or(0));
        // Init is one more than the steps' processes.
        let most = limits.processes.saturating_add(1).to_string();
        let bytes = limits.memory_bytes.to_string();
        let mut made = Cgroups::default();
        if let Some((folder, _)) = group("pids", &groups, &mounts, &name) {
            let ready = fs::write(folder.join("pids.max"), most).and_then(|()| join(&folder, pid));
            made.processes = keep(folder, ready);
        }
        if let Some((folder, generation)) = group("memory", &groups, &mounts, &name) {
            let ready = limit_memory(&folder, generation, &bytes).and_then(|()| join(&folder, pid));
            made.memory = match made.processes.as_ref() == Some(&folder) {
                // Version 2 has one folder for both: it stays for the other's sake.
                true => ready.is_ok().then_some((folder, generation)),
                false => keep(folder, ready).map(|folder| (folder, generation)),
            };
        }
        made
    }

    /// Whether processes are limited here.
    pub fn limit_processes(&self) -> bool {
        self.processes.is_some()
    }

    /// Whether memory is limited here.
    pub fn limit_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// Whether a process was refused or killed by a limit.
    pub fn hit(&self) -> Option<Hit> {
        let refused = self.processes.as_ref().and_then(|folder| counter(&folder.join("pids.events"), "max"));
        let killed = self.memory.as_ref().and_then(|(folder, generation)| match generation {
            Generation::One => counter(&folder.join("memory.oom_control"), "oom_kill"),
            Generation::Two => counter(&folder.join("memory.events"), "oom_kill"),
        });
        match (killed, refused) {
            (Some(1..), _) => Some(Hit::Memory),
            (_, Some(1..)) => Some(Hit::Processes),
            _ => None,
        }
    }

    /// Removes the folders. All their processes are dead, but the kernel may need a moment to see it.
    pub fn remove(self) {
        for folder in [self.processes, self.memory.map(|(folder, _)| folder)].into_iter().flatten() {
            remove_group(&folder, Duration::from_secs(1));
        }
    }
}

/// Removes a group whose processes are dead; whether it is gone. While the kernel still has one of them, because nobody
/// has waited for it yet, the group is busy.
fn remove_group(folder: &Path, patience: Duration) -> bool {
    let began = std::time::Instant::now();
    loop {
        match fs::remove_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && began.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result.is_ok(),
        }
    }
}

fn keep(folder: PathBuf, ready: io::Result<()>) -> Option<PathBuf> {
    match ready {
        Ok(()) => Some(folder),
        Err(_) => {
            let _ = fs::remove_dir(&folder);
            None
        }
    }
}

fn join(folder: &Path, pid: u32) -> io::Result<()> {
    fs::write(folder.join("cgroup.procs"), pid.to_string())
}

fn limit_memory(folder: &Path, generation: Generation, bytes: &str) -> io::Result<()> {
    match generation {
        Generation::One => {
            fs::write(folder.join("memory.limit_in_bytes"), bytes)?;
            // Memory and swap together. Absent where the kernel does not count swap.
            let _ = fs::write(folder.join("memory.memsw.limit_in_bytes"), bytes);
        }
        Generation::Two => {
            fs::write(folder.join("memory.max"), bytes)?;
            let _ = fs::write(folder.join("memory.swap.max"), "0");
            let _ = fs::write(folder.join("memory.oom.group"), "1");
        }
    }
    Ok(())
}

/// Makes a group for one controller: below this process's own, or in version 2 below the nearest one above that
/// hands the controller down and that this process may use.
fn group(controller: &str, groups: &str, mounts: &str, name: &str) -> Option<(PathBuf, Generation)> {
    let place = place(controller, groups, mounts)?;
    let candidates = match place.generation {
        Generation::One => vec![place.folder],
        Generation::Two => {
            place.folder.ancestors().take_while(|f| f.starts_with(&place.mount)).map(Path::to_owned).collect()
        }
    };
    candidates.into_iter().find_map(|parent| {
        let hands_down = place.generation == Generation::One
            || fs::read_to_string(parent.join("cgroup.subtree_control"))
                .is_ok_and(|text| text.split_whitespace().any(|word| word == controller));
        let folder = parent.join(name);
        let made = hands_down
            && match fs::create_dir(&folder) {
                Ok(()) => true,
                Err(error) => error.kind() == io::ErrorKind::AlreadyExists,
            };
        made.then_some((folder, place.generation))
    })
}

/// Finds a controller by `/proc/self/cgroup` and `/proc/self/mountinfo`.
fn place(controller: &str, groups: &str, mounts: &str) -> Option<Place> {
    let group = |wanted: &dyn Fn(&str) -> bool| {
        groups.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let controllers = parts.next()?;
            let path = parts.next()?;
            wanted(controllers).then(|| path.to_owned())
        })
    };
    let has = |list: &str| list.split(',').any(|word| word == controller);
    let (path, generation) = match group(&has) {
        Some(path) => (path, Generation::One),
        None => (group(&str::is_empty)?, Generation::Two),
    };
    mounts.lines().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (root, at) = (mount.next()?, PathBuf::from(super::host::unescape(mount.next()?)));
        let mut filesystem = filesystem.split(' ');
        let (kind, options) = (filesystem.next()?, filesystem.nth(1)?);
        let right = match generation {
            Generation::One => kind == "cgroup" && has(options),
            Generation::Two => kind == "cgroup2",
        };
        // In a container the mount may show only a part of the hierarchy.
        let below = if root == "/" { path.as_str() } else { path.strip_prefix(root)? };
        right.then(|| Place { folder: at.join(below.trim_start_matches('/')), mount: at, generation })
    })
}

/// The number behind a word, in a file of `word number` lines.
fn counter(file: &Path, word: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' ')?.trim().parse().ok())
}

/// When a process started, in clock ticks since boot.
fn start_time(pid: &str) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Removes the groups of supervisors that are dead, and says how many. Groups in use are not touched.
pub fn sweep_cgroups() -> usize {
    let (Ok(groups), Ok(mounts)) =
        (fs::read_to_string("/proc/self/cgroup"), fs::read_to_string("/proc/self/mountinfo"))
    else {
        return 0;
    };
    let mut hierarchies: Vec<PathBuf> =
        ["pids", "memory"].iter().filter_map(|name| place(name, &groups, &mounts)).map(|place| place.mount).collect();
    hierarchies.dedup();
    hierarchies.iter().map(|folder| sweep(folder, SWEEP_DEPTH)).sum()
}

fn sweep(folder: &Path, depth: usize) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let mut removed = 0;
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        match entry.file_name().to_str().and_then(|name| name.strip_prefix(PREFIX)) {
            // The kernel refuses to remove one that still has a process in it.
            Some(owner) if is_dead(owner) => {
                removed += usize::from(remove_group(&entry.path(), Duration::from_millis(200)));
            }
            Some(_) => {}
            None if depth > 0 => removed += sweep(&entry.path(), depth - 1),
            None => {}
        }
    }
    removed
}

/// Whether `<pid>-<start time>` names a process that is gone.
fn is_dead(owner: &str) -> bool {
    let Some((pid, started)) = owner.split_once('-') else { return false };
    match (pid.parse::<u32>(), started.parse::<u64>()) {
        (Ok(pid), Ok(started)) => start_time(&pid.to_string()) != Some(started),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID_MOUNTS: &str = "\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    #[test]
    fn controllers_of_version_1_are_found_in_their_own_hierarchies() {
        let groups = "8:pids:/\n4:memory:/service/a\n0::/\n";
        let memory = place("memory", groups, HYBRID_MOUNTS).unwrap();
        assert_eq!(memory.folder, Path::new("/sys/fs/cgroup/memory/service/a"));
        assert_eq!(memory.generation, Generation::One);
        assert_eq!(place("pids", groups, HYBRID_MOUNTS).unwrap().folder, Path::new("/sys/fs/cgroup/pids/"));
    }

    #[test]
    fn version_2_is_found_through_a_container_s_partial_mount() {
        let mounts = "41 31 0:38 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let found = place("pids", "0::/docker/abc/inner\n", mounts).unwrap();
        assert_eq!(found.folder, Path::new("/sys/fs/cgroup/inner"));
        assert_eq!(found.generation, Generation::Two);
        assert_eq!(place("pids", "0::/elsewhere\n", mounts), None);
    }

    #[test]
    fn only_a_dead_owner_s_group_may_be_swept() {
        let alive = format!("{}-{}", std::process::id(), start_time("self").unwrap());
        assert!(!is_dead(&alive));
        assert!(is_dead(&format!("{}-{}", std::process::id(), 1)), "the pid is used again");
        assert!(!is_dead("not-ours"));
    }
}
