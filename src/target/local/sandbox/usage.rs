//! What a sandbox uses, measured from outside: its upper on disk, and its processes where no control group counts.

use super::Limit;
use crate::recipe::Limits;
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::sys::statvfs::{Statvfs, statvfs};
use nix::unistd::{SysconfVar, sysconf};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Every file counts at least this much: a million empty files are no gift to the machine.
const LEAST_BYTES: u64 = 4096;

/// Between two full counts, at least this many times the length of the last one passes.
const COUNT_SHARE: u32 = 10;

/// A run is stopped when the filesystem has less than this free, whoever used it.
const RESERVE_BYTES: u64 = 256 << 20;

/// Watches how much a run writes. A full count of the upper is dear, so the filesystem's own numbers say when one
/// is due.
pub(super) struct DiskWatch {
    upper: PathBuf,
    limit: u64,
    start: Option<Statvfs>,
    counted: Instant,
    next: Instant,
}

impl DiskWatch {
    pub fn new(upper: &Path, limit: u64) -> DiskWatch {
        let now = Instant::now();
        DiskWatch { upper: upper.to_owned(), limit, start: statvfs(upper).ok(), counted: now, next: now }
    }

    /// Whether the run, whose pid 1 is `init`, has written too much. Looks closely only where there is reason to.
    pub fn exceeded(&mut self, init: u32) -> bool {
        let now = Instant::now();
        let grown = self.start.as_ref().zip(statvfs(&self.upper).ok()).map(|(start, now)| growth(start, &now));
        let reason = grown.is_none_or(|grown| grown > self.limit / 2);
        let old = now.duration_since(self.counted) > Duration::from_secs(5);
        if now < self.next || !(reason || old) {
            return false;
        }
        let over = self.count(init, grown.is_none_or(|grown| grown > self.limit));
        self.counted = Instant::now();
        self.next = self.counted + (self.counted - now) * COUNT_SHARE;
        over
    }

    /// The exact count, at the end of a run.
    pub fn exceeded_at_last(&self) -> bool {
        tree_bytes(&self.upper, self.limit) > self.limit
    }

    fn count(&self, init: u32, look_for_deleted: bool) -> bool {
        let tree = tree_bytes(&self.upper, self.limit);
        if tree > self.limit {
            return true;
        }
        if !look_for_deleted {
            return false;
        }
        // The filesystem grew by more than the tree explains: files that are open but have no name any more, or
        // other programs of this machine.
        let used = tree.saturating_add(nameless(init).disk_bytes);
        let full = statvfs(&self.upper).is_ok_and(|now| now.blocks_available() * now.fragment_size() < RESERVE_BYTES);
        used > self.limit || full
    }
}

/// How much the filesystem has filled up: in bytes, or in files.
fn growth(start: &Statvfs, now: &Statvfs) -> u64 {
    let bytes = start.blocks_free().saturating_sub(now.blocks_free()) * now.fragment_size();
    let files = start.files_free().saturating_sub(now.files_free()) * LEAST_BYTES;
    bytes.max(files)
}

/// What a tree takes up, each file once. Stops counting above `enough`.
pub(super) fn tree_bytes(root: &Path, enough: u64) -> u64 {
    let mut linked = BTreeSet::new();
    let mut folders = vec![root.to_owned()];
    let mut total: u64 = 0;
    while let Some(folder) = folders.pop() {
        // What vanishes while we look takes up nothing.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.nlink() > 1 && !metadata.is_dir() && !linked.insert(metadata.ino()) {
                continue;
            }
            total = total.saturating_add((metadata.blocks() * 512).max(LEAST_BYTES));
            if metadata.is_dir() {
                folders.push(entry.path());
            }
        }
        if total > enough {
            break;
        }
    }
    total
}

/// What files take up that have no name any more but are open in one of the sandbox's processes.
#[derive(Debug, Default)]
struct Nameless {
    disk_bytes: u64,
    memory_bytes: u64,
}

fn nameless(init: u32) -> Nameless {
    let mut seen = BTreeSet::new();
    let mut found = Nameless::default();
    for pid in processes_below(init).pids {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let Ok(metadata) = fs::metadata(entry.path()) else { continue };
            if !metadata.is_file() || metadata.nlink() != 0 || !seen.insert((metadata.dev(), metadata.ino())) {
                continue;
            }
            let in_memory = statfs(&entry.path()).is_ok_and(|kind| kind.filesystem_type() == TMPFS_MAGIC);
            let bytes = if in_memory { &mut found.memory_bytes } else { &mut found.disk_bytes };
            *bytes += metadata.blocks() * 512;
        }
    }
    found
}

/// What the sandbox's folders in memory hold.
fn folders_in_memory(init: u32) -> u64 {
    let used = |folder: &str| {
        let path = format!("/proc/{init}/root/{folder}");
        statvfs(path.as_str()).map_or(0, |now| now.blocks().saturating_sub(now.blocks_free()) * now.fragment_size())
    };
    ["tmp", "run", "dev/shm"].into_iter().map(used).sum()
}

/// Watches processes and memory where no control group does.
pub(super) struct ProcessWatch {
    init: u32,
    processes: Option<u64>,
    memory: Option<u64>,
    /// Threads of the machine that are not the sandbox's, at the last count.
    others: u64,
    counted: Option<Instant>,
    nameless_bytes: u64,
    nameless_counted: Option<Instant>,
    /// Before the script starts, init's folders are still this machine's.
    started: bool,
}

/// Memory grows slower than processes: how often it is counted.
const MEMORY_TICK: Duration = Duration::from_millis(50);

/// How often files without a name are looked for.
const NAMELESS_TICK: Duration = Duration::from_millis(200);

/// How often processes are counted without a reason.
const PROCESS_TICK: Duration = Duration::from_secs(1);

impl ProcessWatch {
    /// What is limited already is not watched.
    pub fn new(init: u32, limits: &Limits, processes_limited: bool, memory_limited: bool) -> ProcessWatch {
        ProcessWatch {
            init,
            processes: (!processes_limited).then_some(limits.processes),
            memory: (!memory_limited).then_some(limits.memory_bytes),
            others: 0,
            counted: None,
            nameless_bytes: 0,
            nameless_counted: None,
            started: false,
        }
    }

    /// The script starts.
    pub fn start(&mut self) {
        self.started = true;
    }

    /// The limit that is passed. Counting the sandbox's own processes is dear, so that the number of all threads of
    /// the machine, which is one short read, says when it is due.
    pub fn exceeded(&mut self) -> Option<Limit> {
        let tick = match (self.processes, self.memory) {
            _ if !self.started => return None,
            (None, None) => return None,
            (_, Some(_)) => MEMORY_TICK,
            (Some(_), None) => PROCESS_TICK,
        };
        let all = all_threads();
        let many = self.processes.is_some_and(|most| all.saturating_sub(self.others) > most);
        if !many && self.counted.is_some_and(|counted| counted.elapsed() < tick) {
            return None;
        }
        // A machine that is full of the sandbox's processes takes long to count.
        let most = self.processes.filter(|most| self.counted.is_some() && all.saturating_sub(self.others) > most * 4);
        if let Some(most) = most {
            return Some(Limit::Processes(most));
        }
        let found = processes_below(self.init);
        self.counted = Some(Instant::now());
        self.others = all.saturating_sub(found.threads);
        match (self.processes, self.memory) {
            (Some(most), _) if found.threads > most => Some(Limit::Processes(most)),
            (_, Some(most)) if found.memory_bytes + self.shared_bytes() > most => Some(Limit::Memory(most)),
            _ => None,
        }
    }

    /// Memory that no process shows as its own: folders, and files without a name, which are dear to find.
    fn shared_bytes(&mut self) -> u64 {
        if self.nameless_counted.is_none_or(|counted| counted.elapsed() > NAMELESS_TICK) {
            self.nameless_bytes = nameless(self.init).memory_bytes;
            self.nameless_counted = Some(Instant::now());
        }
        folders_in_memory(self.init) + self.nameless_bytes
    }
}

/// The fourth field of `/proc/loadavg` is `running/all`.
fn all_threads() -> u64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let field = text.split(' ').nth(3).and_then(|field| field.split('/').nth(1));
    field.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The processes below a pid, itself left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Processes {
    pub pids: Vec<u32>,
    pub threads: u64,
    pub memory_bytes: u64,
}

/// Counts the processes whose ancestor is `init`. Orphans of a pid namespace go to its pid 1, so none escapes.
pub(super) fn processes_below(init: u32) -> Processes {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|size| size.try_into().ok()).unwrap_or(4096);
    let all = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse::<u32>().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        Some((pid, Stat::parse(&stat)?))
    });
    below(init, &all.collect(), page)
}

#[derive(Debug, Clone, Copy)]
struct Stat {
    parent: u32,
    threads: u64,
    pages: u64,
}

impl Stat {
    /// A line of `/proc/<pid>/stat`; the command may hold spaces and parentheses.
    fn parse(line: &str) -> Option<Stat> {
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Stat { parent: number(1)?.try_into().ok()?, threads: number(17)?, pages: number(21)? })
    }
}

fn below(init: u32, all: &BTreeMap<u32, Stat>, page: u64) -> Processes {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (pid, stat) in all {
        children.entry(stat.parent).or_default().push(*pid);
    }
    let mut found = Processes::default();
    let mut open = vec![init];
    while let Some(parent) = open.pop() {
        for pid in children.remove(&parent).unwrap_or_default() {
            let stat = all[&pid];
            found.pids.push(pid);
            found.threads += stat.threads;
            found.memory_bytes += stat.pages * page;
            open.push(pid);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(parent: u32) -> Stat {
        Stat { parent, threads: 2, pages: 3 }
    }

    #[test]
    fn all_descendants_count_and_others_do_not() {
        let all = BTreeMap::from([(10, stat(1)), (11, stat(10)), (12, stat(11)), (13, stat(1)), (14, stat(10))]);
        let found = below(10, &all, 4096);
        assert_eq!(found.pids.len(), 3);
        assert_eq!((found.threads, found.memory_bytes), (6, 9 * 4096));
    }

    #[test]
    fn a_command_with_parentheses_does_not_shift_the_fields() {
        let line = "7 (a) b (c) S 3 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 5 0 100 1000 42 18446744073709551615";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.parent, stat.threads, stat.pages), (3, 5, 42));
    }

    #[test]
    fn empty_files_count_and_hard_links_count_once() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::hard_link(folder.path().join("a"), folder.path().join("c")).unwrap();
        assert_eq!(tree_bytes(folder.path(), u64::MAX), 2 * LEAST_BYTES);
        assert!(tree_bytes(folder.path(), 1) > 1, "counting stops early, but above the bound");
    }
}
